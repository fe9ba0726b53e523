//! What a job gives, and what is told of it while it does not yet.

use std::collections::BTreeSet;
use std::time::Duration;

use au_host::{Error, FailureKind, Local, OCTETS, Payload, Request, Status};

use super::{LONG, done, until};
use crate::guest::{self, ask};

/// A1
pub(super) async fn gives_output(local: Local) {
    assert_eq!(done(&local, ask("echo", 42)).await.bytes()[..], 42_u32.to_le_bytes());
}

/// A2
pub(super) async fn statuses(local: Local) {
    let handle = local.host().submit(ask("echo", 1)).await.unwrap();
    assert!(Status::ALL.contains(&handle.status().await.unwrap()));
    assert_eq!(handle.wait(LONG).await.unwrap().status, Status::Completed);
}

/// A3
pub(super) async fn ids(local: Local) {
    let mut ids = BTreeSet::new();
    for number in 0..50 {
        assert!(ids.insert(local.host().submit(ask("echo", number)).await.unwrap().id()));
    }
}

/// A4
pub(super) async fn readiness(local: Local) {
    let running = local.host().submit(ask("spin", 0)).await.unwrap();
    until(&local, running.id(), Status::Running).await;
    assert!(!running.is_ready().await.unwrap());
    running.cancel("enough").await.unwrap();
    running.wait(LONG).await.unwrap();
    assert!(running.is_ready().await.unwrap());
    for function in ["echo", "fail"] {
        let handle = local.host().submit(ask(function, 0)).await.unwrap();
        handle.wait(LONG).await.unwrap();
        assert!(handle.is_ready().await.unwrap(), "{function}");
    }
}

/// A5
pub(super) async fn durations(local: Local) {
    let mut request = ask("spin", 0);
    request.sandbox.timeout = Some(Duration::from_millis(500));
    let handle = local.host().submit(request).await.unwrap();
    let running = until(&local, handle.id(), Status::Running).await;
    assert_eq!(running.timings().duration, None);
    let ended = handle.wait(LONG).await.unwrap();
    assert!(ended.timings().duration.unwrap() >= Duration::from_millis(500), "{ended:?}");
    assert!(ended.finished.unwrap() >= ended.created);
}

pub(super) async fn typed(local: Local) {
    let mut request = ask("echo", 0);
    request.input = Payload::json(&[1, 2, 3]).unwrap();
    let handle = local.host().submit(request).await.unwrap();
    assert_eq!(handle.clone().typed::<Vec<u8>>().result(LONG).await.unwrap(), [1, 2, 3]);
    let wrong = handle.typed::<String>().result(LONG).await.unwrap_err();
    assert_eq!(wrong.class().code, "invalid");
}

/// A11
pub(super) async fn wait_times_out(local: Local) {
    let handle = local.host().submit(ask("spin", 0)).await.unwrap();
    let late = handle.result(Duration::from_millis(50)).await.unwrap_err();
    assert!(matches!(late, Error::WaitTimedOut { .. }), "{late}");
    assert!(matches!(handle.result(Duration::ZERO).await, Err(Error::WaitTimedOut { .. })));
    assert!(!handle.status().await.unwrap().is_finished());
    handle.cancel("enough").await.unwrap();
}

/// A12
pub(super) async fn failure_kept(local: Local) {
    for (function, kind) in
        [("fail", FailureKind::Failed), ("invalid", FailureKind::InvalidInput), ("xpanic", FailureKind::Panic)]
    {
        let handle = local.host().submit(ask(function, 0)).await.unwrap();
        let Err(Error::Failed(failure)) = handle.result(LONG).await else { panic!("{function} must fail") };
        assert_eq!(failure.kind, kind);
        assert!(failure.message.contains("as it was told"), "{failure}");
        assert_eq!(handle.metadata().await.unwrap().failure, Some(failure));
    }
}

/// A24
pub(super) async fn chain(local: Local) {
    let mut output = Payload::new(OCTETS, vec![1, 2, 3, 4]).unwrap();
    for _ in 0..3 {
        output = done(&local, Request { input: output, ..ask("echo", 0) }).await;
    }
    assert_eq!(output.bytes()[..], [1, 2, 3, 4]);
}

/// A24: the batch that hangs in au.
pub(super) async fn thousand(local: Local) {
    let inputs = (0..1000_u32).map(|number| Payload::new(OCTETS, number.to_le_bytes().to_vec()).unwrap());
    let handles = local.host().map(ask("echo", 0), inputs).await.unwrap();
    for (number, handle) in (0_u32..).zip(&handles) {
        assert_eq!(handle.result(LONG).await.unwrap().bytes()[..], number.to_le_bytes());
    }
    let [first, .., last] = &handles[..] else { panic!("a thousand") };
    let (first, last) = (first.metadata().await.unwrap(), last.metadata().await.unwrap());
    assert_eq!((first.module, first.options.module_name), (last.module, last.options.module_name.clone()));
    assert_eq!(
        last.options.module_name,
        Some(guest::alias().to_string()),
        "the name stays, though it is looked up once"
    );
    tokio::time::timeout(LONG, local.host().idle()).await.unwrap();
}
