//! Due jobs are taken in order, each by one.

use std::collections::BTreeSet;
use std::sync::Arc;

use au_host::store::Take;
use au_host::{FailureKind, Job, JobId, Phase, Status, Store};
use futures::future::join_all;

use super::jobs::{self, NOW, after, take};

pub(super) async fn insert_all(store: &Arc<dyn Store>, jobs: &[Job]) {
    for inserted in join_all(jobs.iter().map(|job| store.insert(job))).await {
        inserted.unwrap();
    }
}

fn ids(jobs: &[Job]) -> Vec<JobId> {
    jobs.iter().map(|job| job.spec.id).collect()
}

pub(super) async fn order(store: Arc<dyn Store>) {
    let at = |priority, due| {
        jobs::job_with(|options| {
            options.priority = priority;
            options.run_at = NOW.minus(std::time::Duration::from_secs(due));
        })
    };
    let in_order = [at(i32::MAX, 0), at(5, 3), at(5, 2), at(0, 9), at(0, 1), at(0, 1), at(-1, 99), at(i32::MIN, 1)];
    for start in [7, 0, 3, 5, 1, 6, 2, 4] {
        store.insert(&in_order[start]).await.unwrap();
    }
    let worker = jobs::worker();
    let mut taken = Vec::new();
    for limit in [1, 2, 0, 3, 100] {
        taken.extend(ids(&store.take(&take(worker, limit)).await.unwrap().started));
    }
    assert_eq!(taken, ids(&in_order));
}

pub(super) async fn not_before_its_time(store: Arc<dyn Store>) {
    let worker = jobs::worker();
    let later = jobs::job_with(|options| {
        options.run_at = after(10);
        options.priority = 9;
    });
    let now = jobs::job();
    insert_all(&store, &[later.clone(), now.clone()]).await;
    assert_eq!(ids(&store.take(&take(worker, 10)).await.unwrap().started), [now.spec.id]);
    let at = |now| Take { worker, limit: 10, now, only: None, bounds: None };
    assert!(store.take(&at(after(9))).await.unwrap().started.is_empty());
    let taken = store.take(&at(after(10))).await.unwrap();
    assert_eq!(ids(&taken.started), [later.spec.id]);
    assert_eq!(taken.started[0], store.get(later.spec.id, NOW).await.unwrap());
    assert!(
        matches!(taken.started[0].state.phase, Phase::Running { worker: by, since } if by == worker && since == after(10))
    );
}

pub(super) async fn at_most_limit(store: Arc<dyn Store>) {
    let all: Vec<_> = (0..10).map(|_| jobs::job()).collect();
    insert_all(&store, &all).await;
    let worker = jobs::worker();
    for (limit, started) in [(0, 0), (3, 3), (100, 7)] {
        assert_eq!(store.take(&take(worker, limit)).await.unwrap().started.len(), started);
    }
}

pub(super) async fn no_job_twice(store: Arc<dyn Store>) {
    no_job_twice_of(&[store]).await;
}

/// Many workers, on these handles, take until nothing is left.
pub(super) async fn no_job_twice_of(stores: &[Arc<dyn Store>]) {
    let all: Vec<_> = (0..200).map(|_| jobs::job()).collect();
    insert_all(&stores[0], &all).await;
    let drain = |number: usize| {
        let store = Arc::clone(&stores[number % stores.len()]);
        tokio::spawn(async move {
            let worker = jobs::worker();
            store.heartbeat(worker, after(60), NOW).await.unwrap();
            let mut taken = Vec::new();
            loop {
                let more = ids(&store.take(&take(worker, 3)).await.unwrap().started);
                if more.is_empty() {
                    return taken;
                }
                taken.extend(more);
            }
        })
    };
    let taken: Vec<JobId> = join_all((0..6).map(drain)).await.into_iter().flat_map(Result::unwrap).collect();
    assert_eq!(taken.len(), all.len());
    assert_eq!(BTreeSet::from_iter(taken), BTreeSet::from_iter(ids(&all)));
}

pub(super) async fn next_due(store: Arc<dyn Store>) {
    let worker = jobs::worker();
    assert_eq!(store.take(&take(worker, 1)).await.unwrap().next_due, None);
    let later = |seconds| jobs::job_with(|options| options.run_at = after(seconds));
    let high = jobs::job_with(|options| {
        options.run_at = after(30);
        options.priority = 5;
    });
    insert_all(&store, &[later(20), later(40), high, jobs::job(), jobs::job()]).await;
    let due = store.take(&take(worker, 1)).await.unwrap().next_due;
    assert!(due.is_some_and(|due| due <= NOW), "{due:?}");
    assert_eq!(store.take(&take(worker, 5)).await.unwrap().next_due, Some(after(20)));
}

pub(super) async fn left_worker(store: Arc<dyn Store>) {
    let (gone, next) = (jobs::worker(), jobs::worker());
    store.heartbeat(gone, after(3600), NOW).await.unwrap();
    let job = jobs::running(jobs::job(), gone);
    store.insert(&job).await.unwrap();
    assert!(store.take(&take(next, 1)).await.unwrap().started.is_empty());
    assert!(!store.heartbeat(next, after(3600), NOW).await.unwrap().lost_jobs);
    store.leave(gone).await.unwrap();
    assert!(store.heartbeat(next, after(3600), NOW).await.unwrap().lost_jobs);
    let taken = store.take(&take(next, 1)).await.unwrap();
    assert_eq!(ids(&taken.started), [job.spec.id]);
    assert_eq!(taken.started[0].state.attempt, 2);
    assert!(!store.heartbeat(next, after(3600), NOW).await.unwrap().lost_jobs);
}

pub(super) async fn unknown_worker(store: Arc<dyn Store>) {
    let job = jobs::running(jobs::job(), jobs::worker());
    store.insert(&job).await.unwrap();
    assert_eq!(ids(&store.take(&take(jobs::worker(), 1)).await.unwrap().started), [job.spec.id]);
}

pub(super) async fn living_worker(store: Arc<dyn Store>) {
    let worker = jobs::worker();
    store.heartbeat(worker, after(60), NOW).await.unwrap();
    store.insert(&jobs::job()).await.unwrap();
    assert_eq!(store.take(&take(worker, 1)).await.unwrap().started.len(), 1);
    assert!(store.take(&take(jobs::worker(), 1)).await.unwrap().started.is_empty());
    assert!(store.take(&take(worker, 1)).await.unwrap().started.is_empty());
}

pub(super) async fn lost_for_good(store: Arc<dyn Store>) {
    let once = jobs::job_with(|options| options.retry.attempts = 1);
    let job = jobs::running(once, jobs::worker());
    store.insert(&job).await.unwrap();
    let taken = store.take(&take(jobs::worker(), 1)).await.unwrap();
    assert!(taken.started.is_empty());
    assert_eq!(taken.settled, [job.spec.id]);
    let summary = store.peek(job.spec.id, NOW).await.unwrap();
    assert_eq!(summary.status, Status::Failed);
    assert_eq!(summary.failure.unwrap().kind, FailureKind::Lost);
}

pub(super) async fn lost_and_cancelled(store: Arc<dyn Store>) {
    let mut job = jobs::running(jobs::job(), jobs::worker());
    store.insert(&job).await.unwrap();
    job.state = job.state.cancel("enough", NOW).unwrap();
    store.advance(job.spec.id, &job.state).await.unwrap();
    assert_eq!(store.take(&take(jobs::worker(), 1)).await.unwrap().settled, [job.spec.id]);
    assert_eq!(store.peek(job.spec.id, NOW).await.unwrap().cancelled.as_deref(), Some("enough"));
}

pub(super) async fn released(store: Arc<dyn Store>) {
    let worker = jobs::worker();
    let mut job = jobs::running(jobs::job(), worker);
    store.insert(&job).await.unwrap();
    job.state = job.state.release(worker, NOW).unwrap();
    store.advance(job.spec.id, &job.state).await.unwrap();
    assert_eq!(ids(&store.take(&take(jobs::worker(), 1)).await.unwrap().started), [job.spec.id]);
}
