//! A state changes only by compare-and-swap.

use std::sync::Arc;

use au_host::{Error, Progress, Status, Store};
use futures::future::join_all;

use super::jobs::{self, NOW};

pub(super) async fn taken_id_is_a_conflict(store: Arc<dyn Store>) {
    let job = jobs::job();
    store.insert(&job).await.unwrap();
    let mut other = jobs::job_with(|options| options.key = jobs::key("new key", au_host::KeyHolds::WhileKept));
    other.spec.id = job.spec.id;
    assert!(matches!(store.insert(&other).await.unwrap_err(), Error::Conflict(id) if id == job.spec.id));
    assert_eq!(store.get(job.spec.id, NOW).await.unwrap(), job);
    other.spec.id = jobs::job().spec.id;
    assert_eq!(store.insert(&other).await.unwrap(), au_host::store::Inserted::New);
}

pub(super) async fn other_version_is_a_conflict(store: Arc<dyn Store>) {
    let job = jobs::job();
    store.insert(&job).await.unwrap();
    for version in [0, 1, 3, u64::MAX] {
        let mut next = jobs::running(job.clone(), jobs::worker()).state;
        next.version = version;
        let error = store.advance(job.spec.id, &next).await.unwrap_err();
        assert!(matches!(error, Error::Conflict(id) if id == job.spec.id), "{error}");
        assert_eq!(store.get(job.spec.id, NOW).await.unwrap(), job);
    }
}

pub(super) async fn one_finish_wins(store: Arc<dyn Store>) {
    for size in [1, 100_000] {
        let worker = jobs::worker();
        let job = jobs::running(jobs::job(), worker);
        let id = job.spec.id;
        store.insert(&job).await.unwrap();
        let finish = |number: u8| {
            let next = jobs::finished(&job, worker, jobs::output(vec![number; size]));
            let store = Arc::clone(&store);
            async move { (store.advance(id, &next).await, next) }
        };
        let results = join_all((0..16).map(|number| tokio::spawn(finish(number)))).await;
        let (won, lost): (Vec<_>, Vec<_>) =
            results.into_iter().map(Result::unwrap).partition(|(result, _)| result.is_ok());
        assert_eq!(won.len(), 1);
        for (result, _) in lost {
            assert!(matches!(result.unwrap_err(), Error::Conflict(_)));
        }
        assert!(store.get(id, NOW).await.unwrap().state == won[0].1);
    }
}

pub(super) async fn finished_stays(store: Arc<dyn Store>) {
    let worker = jobs::worker();
    let job = jobs::running(jobs::job(), worker);
    let id = job.spec.id;
    store.insert(&job).await.unwrap();
    let done = jobs::finished(&job, worker, jobs::output("done"));
    store.advance(id, &done).await.unwrap();
    let mut next = jobs::finished(&job, worker, jobs::output("other"));
    next.version = done.version + 1;
    assert!(matches!(store.advance(id, &next).await.unwrap_err(), Error::Finished(_)));
    assert_eq!(store.get(id, NOW).await.unwrap().state, done);
}

/// A26
pub(super) async fn no_update_is_lost(store: Arc<dyn Store>) {
    let worker = jobs::worker();
    let job = jobs::running(jobs::job(), worker);
    let (id, first) = (job.spec.id, job.state.version);
    store.insert(&job).await.unwrap();
    let advance = |_| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            for _ in 0..10 {
                loop {
                    let state = store.get(id, NOW).await.unwrap().state;
                    let next = state.renew(worker, Progress::new(0.5, "on")).unwrap();
                    match store.advance(id, &next).await {
                        Ok(()) => break,
                        Err(Error::Conflict(_)) => {}
                        Err(error) => panic!("{error}"),
                    }
                }
            }
        })
    };
    // Whoever reads meanwhile reads all of it, and never an older one than before.
    let reading = async {
        let mut seen = first;
        loop {
            let read = store.get(id, NOW).await.unwrap();
            assert!(read.state.version >= seen && read.spec == job.spec, "{read:?}");
            seen = read.state.version;
            tokio::task::yield_now().await;
        }
    };
    let written = tokio::select! {
        written = join_all((0..4).map(advance)) => written,
        () = reading => unreachable!("it reads for ever"),
    };
    for done in written {
        done.unwrap();
    }
    let summary = store.peek(id, NOW).await.unwrap();
    assert_eq!((summary.version, summary.status), (first + 40, Status::Running));
}
