//! A host hears of what others do to a job, also when they do it at the worst time.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use au_host::store::{Durability, Taken, open};
use au_host::{JobId, State, Status, Store, Takes};
use au_tests::store::jobs;
use futures::StreamExt;
use tokio::sync::Semaphore;

use crate::hooked::Hooks;
use crate::puppet::Puppet;
use crate::{LONG, SOON, ask, builder, hooked, in_time, later, memory};

/// Another process, which finishes the job right after it was first looked at.
struct Elsewhere {
    store: Arc<dyn Store>,
    last: Mutex<Option<State>>,
}

#[async_trait]
impl Hooks for Elsewhere {
    async fn after_peek(&self, id: JobId) {
        let last = self.last.lock().unwrap().take();
        if let Some(last) = last {
            self.store.advance(id, &last).await.unwrap();
        }
    }
}

/// A host that runs nothing, and a job that ends elsewhere once the host has looked.
async fn ends_after_a_look(url: &str) -> (au_host::Host, JobId) {
    let (here, there) = (open(url, Durability::Os).await.unwrap(), open(url, Durability::Os).await.unwrap());
    let worker = jobs::worker();
    let mut job = jobs::running(jobs::job(), worker);
    job.spec.options.ttl = None;
    there.insert(&job).await.unwrap();
    let last = Mutex::new(Some(jobs::finished(&job, worker, jobs::output("done"))));
    let store = hooked(&here, Elsewhere { store: there, last });
    (builder(store, &Puppet::new()).takes(Takes::Nothing).build().await.unwrap(), job.spec.id)
}

/// A10
#[tokio::test]
async fn a_job_that_ends_elsewhere_right_after_a_look_is_not_waited_for_in_vain() {
    let folder = tempfile::tempdir().unwrap();
    let (host, id) = ends_after_a_look(&format!("file:{}", folder.path().display())).await;
    assert_eq!(host.handle(id).wait(LONG).await.unwrap().status, Status::Completed);
    assert_eq!(host.handle(id).result(LONG).await.unwrap().bytes()[..], *b"done");
}

#[tokio::test]
async fn events_of_a_job_that_ends_elsewhere_right_after_a_look_end() {
    let folder = tempfile::tempdir().unwrap();
    let (host, id) = ends_after_a_look(&format!("file:{}", folder.path().display())).await;
    let heard = in_time("the last event", host.handle(id).events().collect::<Vec<_>>()).await;
    assert!(heard.last().unwrap().is_ok());
}

/// What was taken is told once somebody lets it be.
struct SlowTake {
    came: Arc<Semaphore>,
    tell: Arc<Semaphore>,
}

#[async_trait]
impl Hooks for SlowTake {
    async fn after_take(&self, taken: &mut Taken) {
        if !taken.started.is_empty() {
            self.came.add_permits(1);
            self.tell.acquire().await.unwrap().forget();
        }
    }
}

/// A16
#[tokio::test]
async fn a_cancel_that_comes_between_the_take_of_a_job_and_its_start_is_not_undone() {
    for function in ["endless", "echo"] {
        let (came, tell) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
        let hooks = SlowTake { came: Arc::clone(&came), tell: Arc::clone(&tell) };
        let host = builder(hooked(&memory(), hooks), &Puppet::new()).build().await.unwrap();
        let handle = host.submit(later(ask(function), SOON)).await.unwrap();
        in_time("the take", came.acquire()).await.unwrap().forget();
        handle.cancel("not today").await.unwrap();
        tell.add_permits(100);
        let job = handle.wait(LONG).await.unwrap();
        assert_eq!((job.status, job.cancelled.as_deref()), (Status::Cancelled, Some("not today")), "{function}");
        in_time("idle", host.idle()).await;
    }
}
