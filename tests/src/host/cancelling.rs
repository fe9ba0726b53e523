//! Cancelling, at any time in the life of a job.

use std::time::Duration;

use au_host::{Error, Local, Status};

use super::{LONG, until};
use crate::guest::ask;

/// A13, A16
pub(super) async fn cancel_pending(local: Local) {
    let mut request = ask("echo", 0);
    request.run_at = Some(au_host::Clock::system().now().plus(Duration::from_millis(200)));
    let handle = local.host().submit(request).await.unwrap();
    handle.cancel("not today").await.unwrap();
    assert_eq!(handle.status().await.unwrap(), Status::Cancelled);
    tokio::time::sleep(Duration::from_millis(300)).await;
    let job = handle.metadata().await.unwrap();
    assert_eq!((job.status, job.attempt, job.cancelled.as_deref()), (Status::Cancelled, 0, Some("not today")));
}

/// A13
pub(super) async fn cancel_finished(local: Local) {
    let handle = local.host().submit(ask("echo", 5)).await.unwrap();
    handle.wait(LONG).await.unwrap();
    assert!(matches!(handle.cancel("too late").await, Err(Error::Finished(_))));
    assert_eq!(handle.status().await.unwrap(), Status::Completed);
    assert_eq!(handle.result(LONG).await.unwrap().bytes()[..], 5_u32.to_le_bytes());
}

/// A14
pub(super) async fn cancel_running(local: Local) {
    let handle = local.host().submit(ask("progress", 1)).await.unwrap();
    until(&local, handle.id(), Status::Running).await;
    handle.cancel("because").await.unwrap();
    let Err(Error::Cancelled { reason, .. }) = handle.result(LONG).await else { panic!("it was cancelled") };
    assert_eq!(reason, "because");
    tokio::time::timeout(LONG, local.host().idle()).await.expect("nothing of it runs any more");
}

/// A14: a second one does nothing.
pub(super) async fn cancel_twice(local: Local) {
    let handle = local.host().submit(ask("spin", 0)).await.unwrap();
    handle.cancel("first").await.unwrap();
    match handle.cancel("second").await {
        Ok(()) | Err(Error::Finished(_)) => {}
        Err(error) => panic!("{error}"),
    }
    assert_eq!(handle.wait(LONG).await.unwrap().cancelled.as_deref(), Some("first"));
}

/// A15
pub(super) async fn cancel_at_once(local: Local) {
    let rounds = (0..80_u64).map(|round| {
        let host = local.host().clone();
        tokio::spawn(async move {
            let handle = host.submit(ask("spin", 0)).await.unwrap();
            tokio::time::sleep(Duration::from_micros(round * 25)).await;
            handle.cancel("at once").await.unwrap();
            assert_eq!(handle.wait(LONG).await.unwrap().status, Status::Cancelled);
        })
    });
    for round in futures::future::join_all(rounds).await {
        round.unwrap();
    }
}
