//! Three hosts on one store, killed, paused and woken at random, while jobs are submitted without end: none is lost, and each has one
//! outcome, whoever comes late.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use au_host::store::{Durability, Filter, open};
use au_host::{FailureKind, Job, JobId, Local, LocalConfig, Phase, Request, Retry, SandboxRequest, Takes};
use au_tests::guest::{add_to, ask, config};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use super::*;

const HOSTS: usize = 3;
/// Jobs that have not finished, at most: as many more wait to be submitted.
const OPEN: usize = 200;

/// What was seen of a job.
#[derive(Default)]
struct History {
    /// Its number, by which its output is known; `None`: it runs for ever, and times out.
    acknowledged: BTreeMap<JobId, Option<u32>>,
    /// The first outcome that was seen, and of which attempt.
    ended: BTreeMap<JobId, Job>,
}

pub(crate) fn chaos(store: &str) {
    let minutes: Option<u64> = std::env::var("AU_SOAK_MINUTES").ok().and_then(|minutes| minutes.parse().ok());
    let span = minutes.map_or(Duration::from_secs(25), |minutes| Duration::from_secs(minutes * 60));
    #[expect(clippy::cast_possible_truncation, reason = "any part of the time is a seed")]
    let seed = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos() as u64;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let asks = runtime.block_on(async {
        let config = LocalConfig { takes: Takes::Nothing, ..config() };
        let store = open(store, Durability::Fsync).await.unwrap();
        let local = Local::on(store, folder.path(), config).await.unwrap();
        add_to(&local).await;
        local
    });
    let over = AtomicBool::new(false);
    let mut hosts: Vec<_> = (0..HOSTS).map(|_| Worker::start(store)).collect();
    let (history, mut told) = std::thread::scope(|scope| {
        let history = scope.spawn(|| runtime.block_on(submit_and_look(&asks, &over)));
        let told = harass(store, span, &mut hosts, SmallRng::seed_from_u64(seed));
        over.store(true, Ordering::SeqCst);
        (history.join().unwrap(), told)
    });
    told.late += hosts.iter().map(late).sum::<usize>();
    let broken = runtime.block_on(broken(&asks, &history));
    let Told { kills, pauses, late } = told;
    let jobs = history.acknowledged.len();
    let again = history.ended.values().filter(|job| job.state.attempt > 1).count();
    drop(writeln!(
        std::io::stderr(),
        "{kills} hosts killed and {pauses} paused, {jobs} acknowledged jobs, {again} of them tried again, {late} late \
         outcomes refused, {} lost or with two outcomes (seed {seed})",
        broken.len()
    ));
    assert!(broken.is_empty(), "seed {seed}: {broken:#?}");
    assert!(kills > 0 && pauses > 0 && jobs > 50, "too little happened: {kills} {pauses} {jobs}");
}

/// Submits as long as it is not over, looks at what becomes of the jobs, and ends when all have ended.
async fn submit_and_look(asks: &Local, over: &AtomicBool) -> History {
    let mut history = History::default();
    let (mut number, mut since) = (0, None);
    loop {
        let ends = over.load(Ordering::SeqCst);
        let open = history.acknowledged.len() - history.ended.len();
        if ends && open == 0 {
            return history;
        }
        let began = *since.get_or_insert_with(Instant::now);
        if ends {
            assert!(began.elapsed() < LONG * 2, "{open} jobs never end: {:?}", left(&history));
        } else {
            since = None;
        }
        if !ends && open < OPEN {
            for _ in 0..8 {
                let (request, expected) = call(number);
                number += 1;
                let handle = asks.host().submit(request).await.unwrap();
                history.acknowledged.insert(handle.id(), expected);
            }
        }
        for id in left(&history) {
            let job = asks.host().handle(id).job().await.unwrap();
            if job.state.status().is_finished() {
                history.ended.insert(id, job);
            }
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Those that are not known to have ended, oldest first.
fn left(history: &History) -> Vec<JobId> {
    history.acknowledged.keys().filter(|id| !history.ended.contains_key(id)).copied().collect()
}

/// One of four takes some time, and is then stopped for it.
fn call(number: u32) -> (Request, Option<u32>) {
    let retry = Retry { attempts: 1000, ..Retry::default() };
    if !number.is_multiple_of(4) {
        return (Request { retry: Some(retry), ..ask("echo", number) }, Some(number));
    }
    let sandbox = SandboxRequest {
        timeout: Some(Duration::from_millis(u64::from(100 + number % 900))),
        ..SandboxRequest::default()
    };
    (Request { retry: Some(retry), sandbox, ..ask("spin", 0) }, None)
}

/// What is wrong at the end.
async fn broken(asks: &Local, history: &History) -> Vec<String> {
    let mut broken = Vec::new();
    for (id, first) in &history.ended {
        let last = asks.host().handle(*id).job().await.unwrap();
        if last != *first {
            broken.push(format!("{id} had one outcome and has another: {first:?}, {last:?}"));
        }
        let right = match (&last.state.phase, history.acknowledged[id]) {
            (Phase::Completed { output, .. }, Some(number)) => output.bytes()[..] == number.to_le_bytes(),
            (Phase::Failed { failure, .. }, None) => failure.kind == FailureKind::TimedOut,
            _ => false,
        };
        if !right {
            broken.push(format!("{id} ended otherwise than it should: {last:?}"));
        }
    }
    let kept = asks.host().list(Filter::default(), None, 1_000_000).await.unwrap().len();
    if kept != history.acknowledged.len() {
        broken.push(format!("{kept} jobs are kept, {} were acknowledged", history.acknowledged.len()));
    }
    broken
}

struct Told {
    kills: u32,
    pauses: u32,
    late: usize,
}

/// How many of its outcomes came late.
fn late(host: &Worker) -> usize {
    host.log().matches("an outcome came late and was dropped").count()
}

/// Kills, pauses and wakes hosts, one at a time.
fn harass(store: &str, span: Duration, hosts: &mut [Worker], mut random: SmallRng) -> Told {
    let mut told = Told { kills: 0, pauses: 0, late: 0 };
    let until = Instant::now() + span;
    while Instant::now() < until {
        let mut rest = |most| std::thread::sleep(Duration::from_millis(random.random_range(50..most)));
        rest(1500);
        // Killed and paused by turns: each of them is to happen however short this is.
        if told.kills <= told.pauses {
            let unlucky = &mut hosts[told.kills as usize % HOSTS];
            unlucky.kill();
            told.late += late(unlucky);
            told.kills += 1;
            rest(1000);
            *unlucky = Worker::start(store);
        } else {
            let unlucky = &hosts[told.pauses as usize * 2 % HOSTS];
            unlucky.signal("STOP");
            // For a moment, or past its lease.
            rest(12_000);
            unlucky.signal("CONT");
            told.pauses += 1;
        }
    }
    told
}
