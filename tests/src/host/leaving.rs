//! Jobs, modules and hosts that go.

use std::time::Duration;

use au_host::store::Filter;
use au_host::{Error, FailureKind, Local, Request, Status};

use super::{LONG, done, until};
use crate::guest::ask;

/// A8, A9
pub(super) async fn expiry(local: Local) {
    let request = Request { ttl: Some(Duration::from_millis(50)), ..ask("echo", 0) };
    let handle = local.host().submit(request).await.unwrap();
    handle.wait(LONG).await.unwrap();
    tokio::time::sleep(Duration::from_millis(80)).await;
    // A host sweeps by itself once a minute, and this one is not that old.
    assert!(matches!(handle.result(LONG).await, Err(Error::Expired(_))));
    assert_eq!(local.host().cleanup().await.unwrap(), 1);
    assert!(matches!(handle.result(LONG).await, Err(Error::NotFound { .. })));
}

/// A8, A22
pub(super) async fn cleanup(local: Local) {
    let mut handles = Vec::new();
    for ttl in [Duration::from_millis(1), Duration::from_secs(3600), Duration::from_secs(3600)] {
        let handle = local.host().submit(Request { ttl: Some(ttl), ..ask("echo", 0) }).await.unwrap();
        handle.wait(LONG).await.unwrap();
        handles.push(handle);
    }
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert_eq!(local.host().cleanup().await.unwrap(), 1);
    assert_eq!(local.host().list(Filter::default(), None, 10).await.unwrap().len(), 2);
    assert_eq!(handles[1].metadata().await.unwrap().options.ttl, Some(Duration::from_secs(3600)));
}

/// A7
pub(super) async fn removed(local: Local) {
    let running = local.host().submit(ask("spin", 0)).await.unwrap();
    until(&local, running.id(), Status::Running).await;
    assert_eq!(local.host().remove(&[running.id()]).await.unwrap_err().class().code, "refused");
    running.cancel("enough").await.unwrap();
    running.wait(LONG).await.unwrap();
    assert_eq!(local.host().remove(&[running.id()]).await.unwrap(), 1);
    assert!(matches!(running.status().await, Err(Error::NotFound { .. })));
}

pub(super) async fn shutdown(local: Local) {
    let mut request = ask("spin", 0);
    request.sandbox.timeout = Some(Duration::from_millis(200));
    let handle = local.host().submit(request).await.unwrap();
    until(&local, handle.id(), Status::Running).await;
    local.host().shutdown(LONG).await.unwrap();
    assert!(matches!(local.host().submit(ask("echo", 0)).await, Err(Error::ShuttingDown)));
    assert_eq!(handle.metadata().await.unwrap().failure.unwrap().kind, FailureKind::TimedOut);
}

pub(super) async fn given_back(local: Local) {
    let handle = local.host().submit(ask("spin", 0)).await.unwrap();
    until(&local, handle.id(), Status::Running).await;
    local.host().shutdown(Duration::from_millis(10)).await.unwrap();
    let job = handle.metadata().await.unwrap();
    assert_eq!((job.status, job.attempt), (Status::Pending, 0));
}

pub(super) async fn removed_module(local: Local) {
    done(&local, ask("echo", 1)).await;
    local.host().pause_queue("held").await.unwrap();
    let handle = local.host().submit(Request { queue: Some("held".into()), ..ask("echo", 2) }).await.unwrap();
    let module = local.module(&ask("echo", 2).module).await.unwrap();
    local.remove_module(module.digest).await.unwrap();
    local.host().resume_queue("held").await.unwrap();
    let job = handle.wait(LONG).await.unwrap();
    assert_eq!(job.failure.expect("its code is gone").kind, FailureKind::Module);
    assert!(matches!(local.host().submit(ask("echo", 3)).await, Err(Error::NotFound { .. })));
}
