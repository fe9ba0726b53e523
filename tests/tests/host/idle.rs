//! A host is idle when nothing runs and nothing is left to run: not before, and not long after.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use au_host::store::{Take, Taken};
use au_host::{Takes, WorkerId};
use tokio::sync::Semaphore;

use crate::hooked::Hooks;
use crate::puppet::Puppet;
use crate::{LONG, SOON, ask, builder, hooked, in_time, later, memory, now};

const HOUR: Duration = Duration::from_secs(3600);

/// Each take says that it came, and waits for a turn before it tells what it took.
struct Turns {
    came: Arc<Semaphore>,
    turns: Arc<Semaphore>,
}

#[async_trait]
impl Hooks for Turns {
    async fn after_take(&self, _taken: &mut Taken) {
        self.came.add_permits(1);
        self.turns.acquire().await.unwrap().forget();
    }
}

#[tokio::test]
async fn a_host_is_not_idle_while_a_job_is_left_that_came_during_its_look() {
    let (came, turns) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let hooks = Turns { came: Arc::clone(&came), turns: Arc::clone(&turns) };
    let host = builder(hooked(&memory(), hooks), &Puppet::new()).build().await.unwrap();
    came.acquire().await.unwrap().forget();
    host.submit(later(ask("echo"), HOUR)).await.unwrap();
    // The look that began before the submit ends; the next one cannot.
    turns.add_permits(1);
    assert!(tokio::time::timeout(SOON, host.idle()).await.is_err());
    turns.add_permits(1000);
}

#[tokio::test]
async fn a_host_of_its_own_jobs_is_idle_when_another_has_taken_the_last() {
    let store = memory();
    let host = builder(Arc::clone(&store), &Puppet::new()).takes(Takes::Own).build().await.unwrap();
    let handle = host.submit(later(ask("echo"), SOON)).await.unwrap();
    let other = WorkerId::new(now());
    store.heartbeat(other, now().plus(HOUR), now()).await.unwrap();
    let take = Take { worker: other, limit: 1, now: now().plus(HOUR), only: Some(handle.id()), bounds: None };
    assert_eq!(store.take(&take).await.unwrap().started.len(), 1);
    in_time("idle", host.idle()).await;
}

#[tokio::test]
async fn a_delayed_job_that_is_cancelled_is_not_left_to_run() {
    for takes in [Takes::Own, Takes::Everything] {
        let host = builder(memory(), &Puppet::new()).takes(takes).build().await.unwrap();
        let handle = host.submit(later(ask("echo"), HOUR)).await.unwrap();
        handle.cancel("not today").await.unwrap();
        in_time("idle", host.idle()).await;
    }
}

#[tokio::test]
async fn waiting_for_idle_ends_with_a_shutdown() {
    let host = builder(memory(), &Puppet::new()).build().await.unwrap();
    host.submit(later(ask("echo"), HOUR)).await.unwrap();
    let idle = tokio::spawn({
        let host = host.clone();
        async move { host.idle().await }
    });
    host.shutdown(LONG).await.unwrap();
    in_time("idle", idle).await.unwrap();
}
