//! What is particular to stores of keys and values: what becomes of keys that are spoilt or left behind.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use au_host::store::keyed::{Commit, Keyed, KeyedStore, Range};
use au_host::store::{Change, Filter, Query};
use au_host::{Error, Held, Job, JobId, KeyHolds, Level, LogEntry, Payload, Result, Status, Store, Summary};
use au_tests::keyed_map::KeyedMap;
use au_tests::store::jobs::{self, NOW, after, take};
use bytes::Bytes;
use futures::StreamExt;

/// The key of a kind and a name.
fn key(kind: u8, name: &[u8]) -> Bytes {
    [&[kind][..], name].concat().into()
}

/// What is in the engine, but for what stores write of themselves (their version, hints, and who went through the gate) and for counts.
fn left(map: &KeyedMap) -> BTreeMap<Bytes, Bytes> {
    map.map()
        .iter()
        .filter(|(key, _)| !b"fhxc".contains(&key[0]))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

async fn listed(store: &dyn Store) -> Vec<JobId> {
    let query = Query::List { filter: Filter::default(), before: None, limit: 99, now: NOW };
    store.scan(&query).await.unwrap().iter().map(|job: &Summary| job.id).collect()
}

fn large() -> Payload {
    Payload::new("a/b", vec![7; 300_000]).unwrap()
}

/// A job with all that a job can have beside its row.
fn laden(number: usize) -> Job {
    let mut job = jobs::job_with(|options| {
        options.principal = Some("one".into());
        options.queue = Some("q".into());
        options.key = jobs::key(&format!("key {number}"), KeyHolds::WhileKept);
        options.labels = [("l".into(), "v".into())].into();
        options.ttl = Some(Duration::from_secs(10));
    });
    job.spec.input = large();
    Job::new(job.spec)
}

#[tokio::test]
async fn what_is_removed_leaves_nothing_behind() {
    let map = KeyedMap::default();
    let (store, worker) = (map.store().await, jobs::worker());
    let all: Vec<_> = (0..9).map(laden).collect();
    let line = LogEntry { at: NOW, attempt: 1, level: Level::Info, message: "line".repeat(10_000) };
    for job in &all {
        store.insert(job).await.unwrap();
        assert!(matches!(store.insert(job).await.unwrap_err(), Error::Conflict(_)), "and leaves no pieces");
        store.append_log(job.spec.id, &[line.clone(), line.clone()]).await.unwrap();
    }
    for job in store.take(&take(worker, 6)).await.unwrap().started {
        let done = jobs::finished(&job, worker, jobs::output(vec![1; 100_000]));
        store.advance(job.spec.id, &done).await.unwrap();
        assert!(store.advance(job.spec.id, &done).await.is_err(), "and leaves no pieces");
    }
    for size in [10, 1 << 20, 5000] {
        store.put_blob("b", &vec![1; size].into()).await.unwrap();
    }
    store.put_note("n", b"note").await.unwrap();
    assert!(!left(&map).is_empty());
    let ids: Vec<_> = all.iter().map(|job| job.spec.id).collect();
    assert_eq!(store.remove(&ids).await.unwrap(), 9);
    assert!(store.remove_blob("b").await.unwrap() && store.remove_note("n").await.unwrap());
    assert_eq!(left(&map), BTreeMap::new());
    assert_eq!(store.held("one").await.unwrap(), Held::default());
    let counts = map.map().keys().filter(|key| key[0] == b'c').count();
    assert!(counts <= 32, "the counts of a principal, which come to nothing, are {counts}");
}

#[tokio::test]
async fn what_is_damaged_or_gone_is_set_aside_and_its_neighbours_are_taken() {
    let map = KeyedMap::default();
    let store = map.store().await;
    let all: Vec<_> = (0..5).map(|_| jobs::job()).collect();
    for job in &all {
        store.insert(job).await.unwrap();
    }
    let [state, row, gone, whole, other] = [0, 1, 2, 3, 4].map(|at: usize| all[at].spec.id);
    {
        let mut map = map.map();
        // The input stands at the end, behind the record of the state and before the output, of which there is none.
        let spoil = |bytes: &Bytes, at: usize| {
            let mut bytes = bytes.to_vec();
            bytes[at] ^= 1;
            Bytes::from(bytes)
        };
        let kept = map[&key(b'j', state.as_bytes())].clone();
        map.insert(key(b'j', state.as_bytes()), spoil(&kept, kept.len() - 20));
        map.insert(key(b'j', row.as_bytes()), spoil(&kept, 9));
        map.remove(&key(b'j', gone.as_bytes()));
    }
    let taken = store.take(&take(jobs::worker(), 5)).await.unwrap();
    assert_eq!(taken.started.iter().map(|job| job.spec.id).collect::<Vec<_>>(), [whole, other]);
    assert_eq!((taken.settled, taken.next_due), (vec![], None));
    for damaged in [state, row] {
        let error = store.get(damaged, NOW).await.unwrap_err();
        assert!(matches!(error, Error::Corrupt { .. }), "{error}");
        let next = jobs::running(all[0].clone(), jobs::worker()).state;
        assert!(store.advance(damaged, &next).await.is_err());
    }
    assert!(matches!(store.get(gone, NOW).await.unwrap_err(), Error::NotFound { .. }));
    assert_eq!(listed(&*store).await, [other, whole]);
    assert_eq!(store.depth(NOW).await.unwrap().pending, 0);
    assert_eq!(store.remove(&[state, row, gone]).await.unwrap(), 2);
    assert_eq!(running(&map).await, [whole, other]);
    let waiting = Query::List {
        filter: Filter { status: vec![Status::Pending], ..Filter::default() },
        before: None,
        limit: 99,
        now: NOW,
    };
    assert_eq!(store.scan(&waiting).await.unwrap(), []);
    let listed = map.map().keys().filter(|key| key[0] == b'i').count();
    assert_eq!(listed, 2, "who lists forgets what is not there");
}

#[tokio::test]
async fn pieces_that_nothing_names_are_removed_after_an_hour_and_no_others() {
    let map = KeyedMap::default();
    let store = map.store().await;
    let mut job = jobs::job();
    job.spec.input = large();
    store.insert(&job).await.unwrap();
    let before = left(&map);
    let pieces: Vec<_> = before.iter().filter(|(key, _)| key[0] == b'p').map(|(_, piece)| piece.clone()).collect();
    assert_eq!(pieces.len(), 5);
    // As somebody leaves it who dies before the row is there.
    let young = Bytes::copy_from_slice(&u64::MAX.to_be_bytes());
    for (name, since) in [([1; 16], Bytes::copy_from_slice(&(1_u64 << 63).to_be_bytes())), ([2; 16], young)] {
        map.map().insert(key(b'o', &name), since);
        for (number, piece) in pieces.iter().enumerate() {
            let number = u32::try_from(number).unwrap().to_be_bytes();
            map.map().insert(key(b'p', &[&name[..], &number].concat()), piece.clone());
        }
    }
    store.scan(&Query::Expired { now: NOW, limit: 1 }).await.unwrap();
    let (mut after, named_2) = (left(&map), [2; 16]);
    after.retain(|key, _| !key[1..].starts_with(&named_2));
    assert_eq!(after, before);
    assert!(map.map().contains_key(&key(b'o', &named_2)), "whoever writes it may be alive");
    assert_eq!(store.get(job.spec.id, NOW).await.unwrap(), job);
}

#[tokio::test]
async fn a_worker_that_has_long_been_dead_is_forgotten() {
    let map = KeyedMap::default();
    let store = map.store().await;
    for seconds in [1, 50_000, 100_000] {
        store.heartbeat(jobs::worker(), after(seconds), NOW).await.unwrap();
    }
    store.heartbeat(jobs::worker(), after(200_000), after(100_000)).await.unwrap();
    assert_eq!(left(&map).len(), 3);
}

#[tokio::test]
async fn a_store_of_a_later_version_is_refused() {
    let map = KeyedMap::default();
    drop(map.store().await);
    drop(map.store().await);
    map.map().insert(Bytes::from_static(b"f"), Bytes::from_static(b"2"));
    let error = KeyedStore::open(map.clone()).await.unwrap_err();
    assert!(matches!(error, Error::Refused { .. }), "{error}");
    assert_eq!(map.get(vec![Bytes::from_static(b"f")]).await.unwrap(), [Some(Bytes::from_static(b"2"))]);
}

/// An engine whose answer is lost now and then, after the commit or before.
#[derive(Debug, Default)]
struct Stumbling {
    map: KeyedMap,
    commits: AtomicUsize,
    /// How long it is in trouble when an answer is lost.
    trouble: Trouble,
    is_blind: AtomicBool,
    late: Mutex<Option<Commit>>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Trouble {
    #[default]
    Short,
    /// The next read fails, too.
    Blind,
    /// What seemed lost is done, after the next look and before the next commit.
    Late,
}

#[async_trait]
impl Keyed for Stumbling {
    async fn get(&self, keys: Vec<Bytes>) -> Result<Vec<Option<Bytes>>> {
        match self.is_blind.swap(false, Ordering::Relaxed) {
            true => Err(Error::fault("engine", "it cannot be reached")),
            false => self.map.get(keys).await,
        }
    }

    async fn range(&self, range: Range) -> Result<Vec<(Bytes, Bytes)>> {
        self.map.range(range).await
    }

    async fn commit(&self, commit: Commit) -> Result<bool> {
        let lost = || {
            self.is_blind.store(self.trouble == Trouble::Blind, Ordering::Relaxed);
            Err(Error::fault("engine", "its answer was lost"))
        };
        let late = self.late.lock().unwrap().take();
        if let Some(late) = late {
            self.map.commit(late).await?;
        }
        match self.commits.fetch_add(1, Ordering::Relaxed) % 5 {
            2 => self.map.commit(commit).await.and_then(|_| lost()),
            4 if self.trouble == Trouble::Late => {
                *self.late.lock().unwrap() = Some(commit);
                lost()
            }
            4 => lost(),
            _ => self.map.commit(commit).await,
        }
    }
}

#[tokio::test]
async fn a_commit_of_which_no_answer_came_is_known_by_its_traces() {
    let (engine, worker) = (Stumbling::default(), jobs::worker());
    let map = engine.map.clone();
    let store = KeyedStore::open(engine).await.unwrap();
    let mut kept = 0;
    for number in 0..20 {
        let job = laden(number);
        match store.insert(&job).await {
            Ok(_) => kept += 1,
            Err(error) => assert!(matches!(error, Error::Fault { .. }), "{error}"),
        }
    }
    let mut started = Vec::new();
    for _ in 0..40 {
        // One at a time: a take that began something tells of it, whatever comes after.
        match store.take(&take(worker, 1)).await {
            Ok(taken) => started.extend(taken.started.into_iter().map(|job| job.spec.id)),
            Err(error) => assert!(matches!(error, Error::Fault { .. }), "{error}"),
        }
    }
    assert_eq!(started, running(&map).await, "no job runs on a worker that never heard of it");
    assert!(kept > 0 && started.len() == kept, "{kept} kept, {} started", started.len());
}

/// What runs, oldest first.
async fn running(map: &KeyedMap) -> Vec<JobId> {
    let filter = Filter { status: vec![Status::Running], ..Filter::default() };
    let query = Query::List { filter, before: None, limit: 99, now: NOW };
    map.store().await.scan(&query).await.unwrap().iter().rev().map(|job| job.id).collect()
}

#[tokio::test]
async fn what_was_started_without_an_answer_is_handed_over_by_a_later_take() {
    for trouble in [Trouble::Short, Trouble::Blind, Trouble::Late] {
        for limit in [1, 3, 20] {
            let what = format!("{trouble:?}, {limit} at a time");
            let engine = Stumbling { trouble, ..Stumbling::default() };
            let map = engine.map.clone();
            let (store, worker, sure) = (KeyedStore::open(engine).await.unwrap(), jobs::worker(), map.store().await);
            for number in 0..40 {
                sure.insert(&laden(number)).await.unwrap();
            }
            let mut started = Vec::new();
            for _ in 0..80 {
                match store.take(&take(worker, limit)).await {
                    Ok(taken) => {
                        assert!(taken.started.len() <= limit, "{what}");
                        started.extend(taken.started.into_iter().map(|job| job.spec.id));
                    }
                    Err(error) => assert!(matches!(error, Error::Fault { .. }), "{error}"),
                }
            }
            started.sort_unstable();
            assert_eq!(started, running(&map).await, "{what}");
            assert_eq!(started.len(), 40, "{what}");
        }
    }
}

#[tokio::test]
async fn jobs_with_much_beside_their_input_are_started_by_commits_as_large_as_any() {
    let map = KeyedMap::default();
    let store = map.store().await;
    for _ in 0..8 {
        let labels = (0..22).map(|number| (number.to_string(), "v".repeat(4096))).collect();
        store.insert(&jobs::job_with(|options| options.labels = labels)).await.unwrap();
    }
    assert_eq!(store.take(&take(jobs::worker(), 8)).await.unwrap().started.len(), 8);
}

/// An engine that somebody is faster with, or that takes only so many commits.
#[derive(Debug, Default)]
struct Overtaken {
    map: KeyedMap,
    /// What is added to a log in place of the next addition, of which no answer comes.
    line: Mutex<Option<(JobId, LogEntry)>>,
    /// How many commits it takes, if not any number.
    left: Arc<Mutex<Option<usize>>>,
}

#[async_trait]
impl Keyed for Overtaken {
    async fn get(&self, keys: Vec<Bytes>) -> Result<Vec<Option<Bytes>>> {
        self.map.get(keys).await
    }

    async fn range(&self, range: Range) -> Result<Vec<(Bytes, Bytes)>> {
        self.map.range(range).await
    }

    async fn commit(&self, commit: Commit) -> Result<bool> {
        let line = self.line.lock().unwrap().take_if(|_| commit.changes.keys().any(|key| key[0] == b'l'));
        if let Some((id, line)) = line {
            self.map.store().await.append_log(id, &[line]).await?;
            return Err(Error::fault("engine", "its answer was lost"));
        }
        if let Some(left) = &mut *self.left.lock().unwrap() {
            *left = left.checked_sub(1).ok_or(Error::Busy { retry_after: Duration::ZERO })?;
        }
        self.map.commit(commit).await
    }
}

#[tokio::test]
async fn lines_are_not_taken_for_the_same_lines_of_somebody_else() {
    let (map, job) = (KeyedMap::default(), jobs::job());
    let (id, line) = (job.spec.id, LogEntry { at: NOW, attempt: 1, level: Level::Info, message: "line".into() });
    map.store().await.insert(&job).await.unwrap();
    let engine = Overtaken { map: map.clone(), line: Mutex::new(Some((id, line.clone()))), ..Overtaken::default() };
    let store = KeyedStore::open(engine).await.unwrap();
    let error = store.append_log(id, std::slice::from_ref(&line)).await.unwrap_err();
    assert!(matches!(error, Error::Fault { .. }), "{error}");
    store.append_log(id, std::slice::from_ref(&line)).await.unwrap();
    assert_eq!(store.read_log(id, 0, 9).await.unwrap(), [line.clone(), line]);
}

#[tokio::test]
async fn a_remove_that_fails_halfway_does_not_say_that_nothing_was_done() {
    let engine = Overtaken::default();
    let left = Arc::clone(&engine.left);
    let store = KeyedStore::open(engine).await.unwrap();
    let [one, other, unknown] = [jobs::job(), jobs::job(), jobs::job()];
    for job in [&one, &other] {
        store.insert(job).await.unwrap();
    }
    let ids = [unknown.spec.id, one.spec.id, other.spec.id];
    for (most, is_fault) in [(0, false), (1, true)] {
        *left.lock().unwrap() = Some(most);
        let error = store.remove(&ids).await.unwrap_err();
        assert_eq!(matches!(error, Error::Fault { .. }), is_fault, "{error}");
    }
}

#[tokio::test]
async fn a_hint_that_an_own_one_hides_is_heard_of_soon() {
    let map = KeyedMap::default();
    let store = map.store().await;
    store.insert(&jobs::job()).await.unwrap();
    let slots = || map.map().keys().filter(|key| key[0] == b'h').count();
    // One whose hints stand where those of the first do.
    let other = loop {
        let other = map.store().await;
        let before = slots();
        other.insert(&jobs::job()).await.unwrap();
        if before == 1 && slots() == 1 {
            break other;
        }
        map.map().retain(|key, _| key[0] != b'h');
        store.insert(&jobs::job()).await.unwrap();
    };
    store.insert(&jobs::job()).await.unwrap();
    let mut changes = store.changes();
    assert_eq!(changes.next().await, Some(Change::Unknown));
    other.insert(&jobs::job()).await.unwrap();
    store.insert(&jobs::job()).await.unwrap();
    let heard = tokio::time::timeout(Duration::from_secs(20), changes.next()).await;
    assert_eq!(heard.unwrap(), Some(Change::Unknown));
}
