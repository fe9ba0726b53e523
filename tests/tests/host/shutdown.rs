//! What a host leaves behind when it goes down while something is under way.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use au_host::store::Taken;
use au_host::{Error, Job, Result, Status};
use au_tests::store::jobs;
use tokio::sync::Semaphore;

use crate::hooked::Hooks;
use crate::puppet::Puppet;
use crate::{LONG, SOON, ask, builder, hooked, in_time, memory, status, until};

/// Inserts, and takes that took something, come so far and wait.
struct Gate {
    came: Arc<Semaphore>,
    open: Arc<Semaphore>,
}

impl Gate {
    fn new() -> (Self, Arc<Semaphore>, Arc<Semaphore>) {
        let (came, open) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
        (Self { came: Arc::clone(&came), open: Arc::clone(&open) }, came, open)
    }

    async fn pass(&self) {
        self.came.add_permits(1);
        self.open.acquire().await.unwrap().forget();
    }
}

#[async_trait]
impl Hooks for Gate {
    async fn before_insert(&self, _job: &Job) -> Result<()> {
        self.pass().await;
        Ok(())
    }

    async fn after_take(&self, taken: &mut Taken) {
        if !taken.started.is_empty() {
            self.pass().await;
        }
    }
}

#[tokio::test]
async fn a_submit_that_a_shutdown_overtakes_leaves_nothing_running() {
    let (store, (gate, came, open)) = (memory(), Gate::new());
    let host = builder(hooked(&store, gate), &Puppet::new()).build().await.unwrap();
    let submit = tokio::spawn({
        let host = host.clone();
        async move { host.submit(ask("endless")).await }
    });
    came.acquire().await.unwrap().forget();
    let mut shutdown = tokio::spawn(async move { host.shutdown(Duration::ZERO).await });
    let early = tokio::time::timeout(SOON, &mut shutdown).await;
    open.add_permits(1);
    let submitted = in_time("the submit", submit).await.unwrap();
    if early.is_err() {
        in_time("the shutdown", shutdown).await.unwrap().unwrap();
    }
    if let Ok(handle) = submitted {
        assert_eq!(status(&store, handle.id()).await, Status::Pending);
    }
}

#[tokio::test]
async fn jobs_that_are_taken_during_a_shutdown_are_given_back() {
    let (store, (gate, came, open)) = (memory(), Gate::new());
    let job = jobs::job();
    store.insert(&job).await.unwrap();
    let host = builder(hooked(&store, gate), &Puppet::new()).build().await.unwrap();
    came.acquire().await.unwrap().forget();
    let mut shutdown = tokio::spawn(async move { host.shutdown(Duration::ZERO).await });
    let early = tokio::time::timeout(SOON, &mut shutdown).await;
    open.add_permits(1);
    if early.is_err() {
        in_time("the shutdown", shutdown).await.unwrap().unwrap();
    }
    let left = store.peek(job.spec.id, crate::now()).await.unwrap();
    assert_eq!((left.status, left.attempt), (Status::Pending, 0));
}

#[tokio::test]
async fn a_host_that_shut_down_runs_no_call() {
    let host = builder(memory(), &Puppet::new()).build().await.unwrap();
    assert_eq!(host.call(ask("echo")).await.unwrap().bytes()[..], *b"[7]");
    host.shutdown(LONG).await.unwrap();
    assert!(matches!(host.call(ask("echo")).await, Err(Error::ShuttingDown)));
}

#[tokio::test]
async fn when_the_last_handle_goes_what_runs_ends_and_nothing_more_is_started() {
    let (store, puppet) = (memory(), Puppet::new());
    let host = builder(Arc::clone(&store), &puppet).slots(2).build().await.unwrap();
    let runs = [host.submit(ask("held")).await.unwrap().id(), host.submit(ask("held")).await.unwrap().id()];
    let waits = host.submit(ask("echo")).await.unwrap().id();
    drop(host);
    puppet.let_go();
    // One slot is free now, and the other attempt still runs.
    let ended = async || status(&store, runs[0]).await.is_finished() || status(&store, runs[1]).await.is_finished();
    until("one has ended", ended).await;
    tokio::time::sleep(SOON).await;
    puppet.let_go();
    until("the host has gone", async || Arc::strong_count(&store) == 1).await;
    let left = [status(&store, runs[0]).await, status(&store, runs[1]).await, status(&store, waits).await];
    assert_eq!(left, [Status::Completed, Status::Completed, Status::Pending]);
}
