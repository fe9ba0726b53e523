//! What is kept is run or told of, also when the caller goes or the store fails in the middle.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use au_host::store::Filter;
use au_host::{Error, IdempotencyKey, Job, KeyHolds, Payload, Request, Result, Status, Takes};
use tokio::sync::Semaphore;

use crate::hooked::Hooks;
use crate::puppet::Puppet;
use crate::{LONG, SOON, ask, builder, hooked, in_time, later, memory, now, until};

/// An insert is done, and its answer takes its time.
struct SlowAnswer(Arc<Semaphore>);

#[async_trait]
impl Hooks for SlowAnswer {
    async fn after_insert(&self) {
        self.0.acquire().await.unwrap().forget();
    }
}

#[tokio::test]
async fn a_job_that_was_kept_runs_although_its_caller_has_gone() {
    let (store, answers) = (memory(), Arc::new(Semaphore::new(0)));
    let hooks = SlowAnswer(Arc::clone(&answers));
    let host = builder(hooked(&store, hooks), &Puppet::new()).takes(Takes::Own).build().await.unwrap();
    let submit = host.submit(later(ask("echo"), Duration::from_millis(1)));
    assert!(tokio::time::timeout(SOON, submit).await.is_err());
    answers.add_permits(1);
    let kept = host.list(Filter::default(), None, 10).await.unwrap();
    assert_eq!(host.handle(kept[0].id).wait(LONG).await.unwrap().status, Status::Completed);
}

/// The third insert fails at once, the others are slow.
struct ThirdFails {
    count: AtomicUsize,
    slow: Arc<Semaphore>,
}

#[async_trait]
impl Hooks for ThirdFails {
    async fn before_insert(&self, _job: &Job) -> Result<()> {
        if self.count.fetch_add(1, Ordering::Relaxed) == 2 {
            return Err(Error::StorageFull { why: "for a test".into() });
        }
        self.slow.acquire().await.unwrap().forget();
        Ok(())
    }
}

#[tokio::test]
async fn nothing_of_a_map_goes_on_that_could_not_be_kept_whole() {
    let (store, slow) = (memory(), Arc::new(Semaphore::new(0)));
    let hooks = ThirdFails { count: AtomicUsize::new(0), slow: Arc::clone(&slow) };
    let host = builder(hooked(&store, hooks), &Puppet::new()).slots(8).build().await.unwrap();
    let map = tokio::spawn({
        let host = host.clone();
        async move { host.map(ask("endless"), (0..5).map(|number| Payload::json(&[number]).unwrap())).await }
    });
    // The first two are kept, which lets a map that does not wait give up, while its other inserts are under way.
    slow.add_permits(2);
    tokio::time::sleep(SOON).await;
    slow.add_permits(100);
    let error = in_time("the map", map).await.unwrap().unwrap_err();
    assert_eq!(error.class().code, "storage_full");
    until("the others are kept", async || host.list(Filter::default(), None, 10).await.unwrap().len() == 4).await;
    for job in host.list(Filter::default(), None, 10).await.unwrap() {
        assert_eq!(host.handle(job.id).wait(LONG).await.unwrap().status, Status::Cancelled);
    }
}

#[tokio::test]
async fn a_map_under_one_key_is_refused_for_a_key_names_one_job() {
    let host = builder(memory(), &Puppet::new()).build().await.unwrap();
    let key = Some(IdempotencyKey { name: "once".into(), holds: KeyHolds::WhileKept });
    let inputs = [1, 2].map(|number| Payload::json(&[number]).unwrap());
    let error = host.map(Request { key, ..ask("echo") }, inputs).await.unwrap_err();
    assert_eq!(error.class().code, "invalid", "{error}");
    assert!(store_is_empty(&host).await);
}

async fn store_is_empty(host: &au_host::Host) -> bool {
    host.list(Filter::default(), None, 1).await.unwrap().is_empty()
}

#[tokio::test]
async fn a_job_of_ones_own_keeps_its_turn_when_it_could_not_be_taken_at_once() {
    let (store, puppet) = (memory(), Puppet::new());
    let hooks = FirstTakeOfOneFails(AtomicUsize::new(0));
    let host = builder(hooked(&store, hooks), &puppet).takes(Takes::Own).build().await.unwrap();
    let due = now().plus(Duration::from_millis(200));
    let first = Request { priority: Some(9), run_at: Some(due), ..ask("echo") };
    let second = Request { priority: Some(5), run_at: Some(due), ..ask("echo") };
    let (second, first) = (host.submit(second).await.unwrap(), host.submit(first).await.unwrap());
    let (second, first) = (second.wait(LONG).await.unwrap(), first.wait(LONG).await.unwrap());
    assert!(first.started < second.started, "{first:?} {second:?}");
}

/// The store is busy the first time it is asked for a job.
struct FirstTakeOfOneFails(AtomicUsize);

#[async_trait]
impl Hooks for FirstTakeOfOneFails {
    async fn before_take(&self) -> Result<()> {
        if self.0.fetch_add(1, Ordering::Relaxed) == 0 {
            return Err(Error::Busy { retry_after: SOON });
        }
        Ok(())
    }
}

/// The first insert finds no room.
struct FirstFindsNoRoom(AtomicUsize);

#[async_trait]
impl Hooks for FirstFindsNoRoom {
    async fn before_insert(&self, _job: &Job) -> Result<()> {
        match self.0.fetch_add(1, Ordering::Relaxed) {
            0 => Err(Error::StorageFull { why: "for a test".into() }),
            _ => Ok(()),
        }
    }
}

/// A28. That a job which could not be launched has failed, and leaves its key, is a property of every host.
#[tokio::test]
async fn a_key_is_free_when_its_job_could_not_be_kept() {
    let hooks = FirstFindsNoRoom(AtomicUsize::new(0));
    let host = builder(hooked(&memory(), hooks), &Puppet::new()).build().await.unwrap();
    let key = Some(IdempotencyKey { name: "once".into(), holds: KeyHolds::WhileKept });
    let request = Request { key, ..ask("echo") };
    assert_eq!(host.submit(request.clone()).await.unwrap_err().class().code, "storage_full");
    assert!(store_is_empty(&host).await);
    assert_eq!(host.submit(request).await.unwrap().wait(LONG).await.unwrap().status, Status::Completed);
}
