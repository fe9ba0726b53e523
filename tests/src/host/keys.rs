//! Idempotency keys, and maps: how often what is submitted runs.

use std::collections::BTreeSet;

use au_host::store::Filter;
use au_host::{IdempotencyKey, KeyHolds, Local, OCTETS, Payload, Request};

use super::LONG;
use crate::guest::ask;

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
    let submits = (0..8).map(|number| {
        let host = local.host().clone();
        tokio::spawn(async move { host.submit(keyed("echo", number, KeyHolds::WhileKept)).await.unwrap().id() })
    });
    let ids: BTreeSet<_> = futures::future::join_all(submits).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(ids.len(), 1);
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
