//! Idempotency keys, and maps: how often what is submitted runs.

use std::collections::BTreeSet;

use au_host::store::Filter;
use au_host::{FailureKind, Handle, IdempotencyKey, KeyHolds, Local, OCTETS, Payload, Request};

use super::LONG;
use crate::guest::{add_to, ask};

fn keyed(function: &str, number: u32, holds: KeyHolds) -> Request {
    Request { key: Some(IdempotencyKey { name: "once".into(), holds }), ..ask(function, number) }
}

/// A29
pub(super) async fn key_in_flight(local: Local) {
    let first = local.host().submit(keyed("spin", 0, KeyHolds::UntilFinished)).await.unwrap();
    let second = local.host().submit(keyed("spin", 0, KeyHolds::UntilFinished)).await.unwrap();
    assert_eq!(first.id(), second.id());
    assert_eq!(local.host().list(Filter::default(), None, 10).await.unwrap().len(), 1);
    second.cancel("enough").await.unwrap();
    assert_eq!(first.wait(LONG).await.unwrap().attempt, 1);
}

pub(super) async fn key_racing(local: Local) {
    for round in 0..50 {
        let name = format!("round {round}");
        let submits = (0..8).map(|number| {
            let key = IdempotencyKey { name: name.clone(), holds: KeyHolds::WhileKept };
            let (host, request) = (local.host().clone(), Request { key: Some(key), ..ask("echo", number) });
            tokio::spawn(async move { host.submit(request).await.unwrap() })
        });
        let handles: Vec<_> = futures::future::join_all(submits).await.into_iter().map(Result::unwrap).collect();
        let ids: BTreeSet<_> = handles.iter().map(Handle::id).collect();
        assert_eq!(ids.len(), 1, "{name}");
        assert_eq!(handles[0].wait(LONG).await.unwrap().attempt, 1, "{name}");
    }
    assert_eq!(local.host().list(Filter::default(), None, 100).await.unwrap().len(), 50);
}

/// A28
pub(super) async fn key_after_failed_launch(local: Local) {
    let soon = au_host::Clock::system().now().plus(std::time::Duration::from_millis(100));
    let later = Request { run_at: Some(soon), ..keyed("echo", 1, KeyHolds::UntilFinished) };
    let first = local.host().submit(later).await.unwrap();
    let module = local.module(&ask("echo", 1).module).await.unwrap();
    local.remove_module(module.digest).await.unwrap();
    assert_eq!(first.wait(LONG).await.unwrap().failure.expect("its code is gone").kind, FailureKind::Module);
    add_to(&local).await;
    let second = local.host().submit(keyed("echo", 2, KeyHolds::UntilFinished)).await.unwrap();
    assert_ne!(first.id(), second.id());
    assert_eq!(second.result(LONG).await.unwrap().bytes()[..], 2_u32.to_le_bytes());
}

/// A29
pub(super) async fn key_after_end(local: Local) {
    let first = local.host().submit(keyed("echo", 1, KeyHolds::UntilFinished)).await.unwrap();
    first.wait(LONG).await.unwrap();
    let second = local.host().submit(keyed("echo", 2, KeyHolds::UntilFinished)).await.unwrap();
    assert_ne!(first.id(), second.id());
    assert_eq!(second.result(LONG).await.unwrap().bytes()[..], 2_u32.to_le_bytes());
}

/// A30
pub(super) async fn map_order(local: Local) {
    let inputs = (0..100_u32).map(|number| Payload::new(OCTETS, number.to_le_bytes().to_vec()).unwrap());
    let handles = local.host().map(ask("echo", 0), inputs).await.unwrap();
    for (number, handle) in (0_u32..).zip(&handles) {
        assert_eq!(handle.result(LONG).await.unwrap().bytes()[..], number.to_le_bytes());
    }
    assert_eq!(handles.len(), 100);
}

pub(super) async fn map_whole(local: Local) {
    let inputs = [4_usize, 65 << 20, 4].map(|size| Payload::new(OCTETS, vec![0; size]).unwrap());
    let error = local.host().map(ask("echo", 0), inputs).await.unwrap_err();
    assert_eq!(error.class().code, "invalid", "{error}");
    assert!(local.host().list(Filter::default(), None, 10).await.unwrap().is_empty());
}
