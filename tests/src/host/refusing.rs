//! What is not there, not allowed, or not kept.

use au_host::store::Filter;
use au_host::{Error, Local, Request};
use futures::StreamExt;

use super::LONG;
use crate::guest::ask;

/// A7, A25
pub(super) async fn unknown(local: Local) {
    let handle = local.host().handle(au_host::JobId::from_bytes([9; 16]));
    assert!(matches!(handle.status().await, Err(Error::NotFound { .. })));
    assert!(matches!(handle.result(LONG).await, Err(Error::NotFound { .. })));
    assert!(matches!(handle.cancel("x").await, Err(Error::NotFound { .. })));
    assert!(matches!(handle.logs(0, 1).await, Err(Error::NotFound { .. })));
    assert!(matches!(handle.events().next().await, Some(Err(Error::NotFound { .. }))));
    assert!(matches!(local.host().remove(&[handle.id()]).await, Err(Error::NotFound { .. })));
}

pub(super) async fn call(local: Local) {
    assert_eq!(local.host().call(ask("echo", 8)).await.unwrap().bytes()[..], 8_u32.to_le_bytes());
    assert!(local.host().list(Filter::default(), None, 10).await.unwrap().is_empty());
}

pub(super) async fn call_fails(local: Local) {
    let Err(Error::Failed(failure)) = local.host().call(ask("fail", 0)).await else { panic!("it fails") };
    assert_eq!(failure.message, "as it was told");
}

pub(super) async fn nearest(local: Local) {
    let error = local.host().submit(ask("ecko", 0)).await.unwrap_err();
    assert_eq!(error.class().code, "not_found");
    assert!(error.to_string().contains("echo"), "{error}");
    let unknown = Request { module: "gest".parse().unwrap(), ..ask("echo", 0) };
    let error = local.host().submit(unknown).await.unwrap_err();
    assert!(error.to_string().contains("guest"), "{error}");
}

pub(super) async fn ceiling(local: Local) {
    let mut request = ask("echo", 0);
    request.sandbox.memory = Some(1 << 40);
    let error = local.host().submit(request).await.unwrap_err();
    assert_eq!(error.class().code, "refused");
    assert!(error.to_string().contains("memory"), "{error}");
    assert!(local.host().list(Filter::default(), None, 10).await.unwrap().is_empty());
}

pub(super) async fn grants(local: Local) {
    let mut request = ask("echo", 0);
    request.sandbox.grants.clock = true;
    assert_eq!(local.host().submit(request).await.unwrap_err().class().code, "refused");
}

pub(super) async fn bounds(local: Local) {
    let mut request = ask("echo", 0);
    request.labels.insert("x".repeat(10_000), String::new());
    assert_eq!(local.host().submit(request).await.unwrap_err().class().code, "invalid");
}
