//! What is due is started, and what cannot be started costs no more than it must.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use au_host::store::Taken;
use au_host::{Phase, Request, Retry, State, Status};
use tokio::sync::Semaphore;

use crate::hooked::Hooks;
use crate::puppet::Puppet;
use crate::{LONG, SOON, ask, builder, hooked, memory, now, until};

/// Something is always due, and cannot be taken: as a record on a damaged page.
struct Stuck(Arc<AtomicUsize>);

#[async_trait]
impl Hooks for Stuck {
    async fn after_take(&self, taken: &mut Taken) {
        self.0.fetch_add(1, Ordering::Relaxed);
        taken.next_due = Some(now().minus(Duration::from_secs(1)));
    }
}

#[tokio::test]
async fn a_due_job_that_cannot_be_started_is_not_asked_for_without_rest() {
    let takes = Arc::new(AtomicUsize::new(0));
    let host = builder(hooked(&memory(), Stuck(Arc::clone(&takes))), &Puppet::new()).build().await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    drop(host);
    let takes = takes.load(Ordering::Relaxed);
    assert!((1..20).contains(&takes), "{takes} in a second");
}

/// An attempt that is to be tried again is slow to hear that this was written.
struct SlowToHear(Arc<Semaphore>);

#[async_trait]
impl Hooks for SlowToHear {
    async fn after_advance(&self, next: &State) {
        if let Phase::Pending { .. } = next.phase {
            self.0.acquire().await.unwrap().forget();
        }
    }
}

#[tokio::test]
async fn an_attempt_that_begins_before_the_last_has_left_can_be_cancelled() {
    let (store, heard) = (memory(), Arc::new(Semaphore::new(0)));
    let host = builder(hooked(&store, SlowToHear(Arc::clone(&heard))), &Puppet::new()).build().await.unwrap();
    let retry = Retry { attempts: 2, delay: Duration::ZERO, max_delay: Duration::ZERO, ..Retry::default() };
    let handle = host.submit(Request { retry: Some(retry), ..ask("fails-first") }).await.unwrap();
    let second = async || handle.metadata().await.unwrap().attempt == 2;
    until("the second attempt runs", second).await;
    heard.add_permits(1);
    tokio::time::sleep(SOON).await;
    handle.cancel("enough").await.unwrap();
    assert_eq!(handle.wait(LONG).await.unwrap().status, Status::Cancelled);
}
