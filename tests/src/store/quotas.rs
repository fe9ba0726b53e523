//! What each principal has is counted, and bounds what is started.

use std::num::NonZeroU64;
use std::sync::Arc;

use au_host::store::Take;
use au_host::{Counts, Held, Job, JobId, Level, LogEntry, Owner, Quota, Quotas, Store, WorkerId};

use super::jobs::{self, NOW, after};
use super::take::insert_all;

fn of(principal: &str) -> Job {
    jobs::job_with(|options| options.principal = Some(principal.into()))
}

/// What is started for this worker when each principal may have so many running.
async fn started(store: &Arc<dyn Store>, worker: WorkerId, most: u64, limit: usize) -> Vec<Job> {
    let usual = Quota { running: NonZeroU64::new(most), ..Quota::default() };
    let bounds = Some(Arc::new(Arc::new(Quotas { usual, ..Quotas::default() }).into()));
    store.take(&Take { bounds, ..jobs::take(worker, limit) }).await.unwrap().started
}

fn ids(jobs: &[Job]) -> Vec<JobId> {
    jobs.iter().map(|job| job.spec.id).collect()
}

fn has(pending: u64, running: u64, completed: u64, stored: u64) -> Held {
    Held { jobs: Counts { pending, running, completed, ..Counts::default() }, stored }
}

pub(super) async fn held(store: Arc<dyn Store>) {
    let worker = jobs::worker();
    let held = async |name: &str| store.held(name).await.unwrap();
    assert_eq!(held("one").await, Held::default());
    let (waits, runs, other) = (of("one"), jobs::running(of("one"), worker), of("on"));
    insert_all(&store, &[waits.clone(), runs.clone(), other.clone(), jobs::job()]).await;
    let each = waits.spec.bytes();
    assert!(each > 0);
    assert_eq!(held("one").await, has(1, 1, 0, 2 * each));
    assert_eq!(held("on").await, has(1, 0, 0, each));

    // Added again, or a change that comes to nothing, is not counted.
    store.insert(&waits).await.unwrap_err();
    store.advance(runs.spec.id, &runs.state).await.unwrap_err();
    let line = LogEntry { at: NOW, attempt: 1, level: Level::Info, message: "seven b".into() };
    store.append_log(runs.spec.id, &[line.clone(), line]).await.unwrap();
    assert_eq!(held("one").await, has(1, 1, 0, 2 * each + 14));

    store.advance(runs.spec.id, &jobs::finished(&runs, worker, jobs::output(vec![0; 100]))).await.unwrap();
    assert_eq!(held("one").await, has(1, 0, 1, 2 * each + 114));
    let next = waits.state.start(&waits.spec, worker, Owner::Alive, NOW).unwrap();
    store.advance(waits.spec.id, &next).await.unwrap();
    assert_eq!(held("one").await, has(0, 1, 1, 2 * each + 114));
    store.advance(waits.spec.id, &next.release(worker, after(1)).unwrap()).await.unwrap();
    assert_eq!(held("one").await, has(1, 0, 1, 2 * each + 114));
    let all = Counts { pending: 3, completed: 1, ..Counts::default() };
    assert_eq!(store.counts().await.unwrap(), all, "those of others and of nobody, too");

    store.remove(&[runs.spec.id]).await.unwrap();
    assert_eq!(held("one").await, has(1, 0, 0, each));
    store.remove(&[waits.spec.id, other.spec.id]).await.unwrap();
    assert_eq!((held("one").await, held("on").await), (Held::default(), Held::default()));
    let large = vec![7; 1 << 20];
    let mut job = jobs::running(of("one"), worker);
    job.spec.input = au_host::Payload::new("application/octet-stream", large.clone()).unwrap();
    store.insert(&job).await.unwrap();
    store.advance(job.spec.id, &jobs::finished(&job, worker, jobs::output(large))).await.unwrap();
    assert_eq!(held("one").await.stored, 2 << 20, "large payloads count, wherever they are kept");
}

pub(super) async fn running(store: Arc<dyn Store>) {
    let worker = jobs::worker();
    let mut all: Vec<_> = (0..4).map(|_| of("many")).collect();
    all.extend([of("few"), jobs::job(), jobs::job()]);
    insert_all(&store, &all).await;
    let first = started(&store, worker, 2, 100).await;
    assert_eq!(ids(&first), [all[0].spec.id, all[1].spec.id, all[4].spec.id, all[5].spec.id, all[6].spec.id]);
    assert!(started(&store, worker, 2, 100).await.is_empty());
    store.advance(first[1].spec.id, &jobs::finished(&first[1], worker, jobs::output("x"))).await.unwrap();
    assert_eq!(ids(&started(&store, worker, 2, 100).await), [all[2].spec.id]);
    assert_eq!(ids(&started(&store, worker, 3, 100).await), [all[3].spec.id], "another quota, another bound");
}

pub(super) async fn not_due(store: Arc<dyn Store>) {
    let worker = jobs::worker();
    insert_all(&store, &[jobs::running(of("one"), worker), of("one")]).await;
    let later = jobs::job_with(|options| {
        options.principal = Some("two".into());
        options.run_at = after(9);
    });
    store.insert(&later).await.unwrap();
    let usual = Quota { running: NonZeroU64::new(1), ..Quota::default() };
    let bounds = Some(Arc::new(Arc::new(Quotas { usual, ..Quotas::default() }).into()));
    let taken = store.take(&Take { bounds, ..jobs::take(worker, 10) }).await.unwrap();
    assert!(taken.started.is_empty() && taken.settled.is_empty());
    assert_eq!(taken.next_due, Some(after(9)), "it is no use to look for the one that waits for its neighbour");
    let taken = store.take(&jobs::take(worker, 0)).await.unwrap();
    assert!(taken.next_due.is_some_and(|at| at <= NOW), "without a quota it is due");
}

pub(super) async fn lost(store: Arc<dyn Store>) {
    let lost = jobs::running(of("one"), jobs::worker());
    let mut retried = lost.clone();
    retried.spec.options.retry.attempts = 3;
    insert_all(&store, &[retried.clone(), of("one")]).await;
    assert_eq!(ids(&started(&store, jobs::worker(), 1, 10).await), [retried.spec.id]);
}
