//! A store may fail to hint at what changed. Whoever waits hears of it all the same, only later.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::sync::Arc;

use async_trait::async_trait;
use au_host::attempt::{Attempt, Report};
use au_host::store::memory::MemoryStore;
use au_host::{
    Backend, Context, Digest, Event, Handle, Host, Job, ModuleRef, Modules, Payload, Result, Status, Store, Takes,
};
use au_tests::store::jobs;
use futures::StreamExt;

/// A host that only asks, so it has neither modules nor a backend.
#[derive(Debug)]
struct Nothing;

#[async_trait]
impl Modules for Nothing {
    async fn admit(&self, _: &ModuleRef, _: &str, _: &Payload) -> Result<Digest> {
        unreachable!("nothing is submitted")
    }
}

#[async_trait]
impl Backend for Nothing {
    async fn execute(&self, _: Attempt, _: &Context) -> Result<Report> {
        unreachable!("nothing is run")
    }

    fn capacity(&self) -> usize {
        1
    }
}

/// The handle of a running job in a store that never hints, and what ends that job.
async fn running() -> (Handle, impl Future<Output = ()>) {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let host = Host::builder(Arc::clone(&store), Arc::new(Nothing), Arc::new(Nothing)).takes(Takes::Nothing);
    let host = host.build().await.unwrap();
    let worker = jobs::worker();
    let job: Job = jobs::running(jobs::job(), worker);
    store.insert(&job).await.unwrap();
    let handle = host.handle(job.spec.id);
    let end = async move {
        let next = jobs::finished(&job, worker, jobs::output("7"));
        store.advance(job.spec.id, &next).await.unwrap();
    };
    (handle, end)
}

#[tokio::test]
async fn a_wait_ends_though_nobody_hinted_that_the_job_did() {
    let (handle, end) = running().await;
    let mut waiting = std::pin::pin!(handle.wait(None));
    assert!(futures::poll!(&mut waiting).is_pending());
    end.await;
    assert_eq!(waiting.await.unwrap().status, Status::Completed);
}

#[tokio::test]
async fn events_come_to_their_end_though_nobody_hinted_at_it() {
    let (handle, end) = running().await;
    let mut events = handle.events();
    assert!(matches!(events.next().await.unwrap().unwrap(), Event::Status(job) if job.status == Status::Running));
    end.await;
    assert!(matches!(events.next().await.unwrap().unwrap(), Event::Status(job) if job.status == Status::Completed));
    assert!(events.next().await.is_none());
}
