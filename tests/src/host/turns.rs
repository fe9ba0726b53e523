//! When a job runs, and how often it is tried.

use std::cmp::Reverse;
use std::time::Duration;

use au_host::store::Filter;
use au_host::{FailureKind, Local, Request, Retry, Status};
use futures::future::join_all;

use super::{LONG, done};
use crate::guest::ask;

/// A25. The host of this suite has four slots.
pub(super) async fn slots(local: Local) {
    let mut handles = Vec::new();
    for _ in 0..10 {
        handles.push(local.host().submit(ask("spin", 0)).await.unwrap());
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    let filter = Filter { status: vec![Status::Running], ..Filter::default() };
    let running = local.host().list(filter, None, 100).await.unwrap();
    assert_eq!(running.len(), 4);
    for handle in &handles {
        handle.cancel("enough").await.unwrap();
    }
    for handle in &handles {
        assert_eq!(handle.wait(LONG).await.unwrap().status, Status::Cancelled);
    }
    assert_eq!(done(&local, ask("echo", 1)).await.len(), 4);
}

/// Short jobs let others start ahead of their slots; then come ten that never end.
pub(super) async fn ahead(local: Local) {
    for count in 0..30 {
        done(&local, ask("echo", count)).await;
    }
    let handles = join_all((0..10).map(|_| local.host().submit(ask("spin", 0)))).await;
    let status = async |status| {
        let filter = Filter { status: vec![status], ..Filter::default() };
        local.host().list(filter, None, 100).await.unwrap()
    };
    tokio::time::timeout(LONG, async { while status(Status::Running).await.len() != 4 {} }).await.unwrap();
    let waiting = status(Status::Pending).await;
    assert_eq!(waiting.len(), 6);
    assert!(waiting.iter().all(|job| job.attempt == 0 && job.started.is_none()), "{waiting:?}");
    for handle in handles {
        handle.unwrap().cancel("enough").await.unwrap();
    }
}

fn quick() -> Retry {
    Retry { attempts: 3, delay: Duration::from_millis(10), max_delay: Duration::from_millis(20), ..Retry::default() }
}

/// A31
pub(super) async fn retried(local: Local) {
    let handle = local.host().submit(Request { retry: Some(quick()), ..ask("yes-third", 3) }).await.unwrap();
    let job = handle.wait(LONG).await.unwrap();
    assert_eq!((job.status, job.attempt), (Status::Completed, 3));
}

/// A31
pub(super) async fn retried_in_vain(local: Local) {
    let handle = local.host().submit(Request { retry: Some(quick()), ..ask("never", 0) }).await.unwrap();
    let job = handle.wait(LONG).await.unwrap();
    assert_eq!((job.status, job.attempt), (Status::Failed, 3));
    assert_eq!(job.failure.unwrap().message, "as it was told");
}

/// A31
pub(super) async fn not_retried(local: Local) {
    let handle = local.host().submit(Request { retry: Some(quick()), ..ask("fail", 0) }).await.unwrap();
    assert_eq!(handle.wait(LONG).await.unwrap().attempt, 1);
}

/// A31
pub(super) async fn retried_on(local: Local) {
    let on = |kinds: &[FailureKind]| Some(Retry { on: Some(kinds.iter().copied().collect()), ..quick() });
    let retry = on(&[FailureKind::Failed]);
    let handle = local.host().submit(Request { retry, ..ask("fail", 0) }).await.unwrap();
    assert_eq!(handle.wait(LONG).await.unwrap().attempt, 3);
    let retry = on(&[FailureKind::Failed]);
    let handle = local.host().submit(Request { retry, ..ask("never", 0) }).await.unwrap();
    let job = handle.wait(LONG).await.unwrap();
    assert_eq!((job.attempt, job.failure.unwrap().kind), (1, FailureKind::Transient));
}

pub(super) async fn delayed(local: Local) {
    let due = au_host::Clock::system().now().plus(Duration::from_millis(200));
    let handle = local.host().submit(Request { run_at: Some(due), ..ask("echo", 0) }).await.unwrap();
    assert_eq!(handle.status().await.unwrap(), Status::Pending);
    assert!(handle.wait(LONG).await.unwrap().started.unwrap() >= due);
}

pub(super) async fn priority(local: Local) {
    let mut blocking = Vec::new();
    for _ in 0..4 {
        blocking.push(local.host().submit(ask("spin", 0)).await.unwrap());
    }
    let mut waiting = Vec::new();
    for priority in [0, 5, -5, 9].map(Some) {
        waiting.push(local.host().submit(Request { priority, ..ask("echo", 0) }).await.unwrap());
    }
    for handle in blocking {
        handle.cancel("make room").await.unwrap();
        handle.wait(LONG).await.unwrap();
        // One slot at a time, so that one job starts at a time.
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let mut started = Vec::new();
    for handle in waiting {
        let job = handle.wait(LONG).await.unwrap();
        // Those of one look start at one moment, the higher first.
        started.push((job.started.unwrap(), Reverse(job.options.priority)));
    }
    started.sort_unstable();
    let order: Vec<_> = started.into_iter().map(|(_, Reverse(priority))| priority).collect();
    assert_eq!(order, [9, 5, 0, -5]);
}
