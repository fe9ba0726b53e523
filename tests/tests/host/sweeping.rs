//! A8: a host removes by itself what has expired, and nothing else.

use std::sync::Arc;
use std::time::Duration;

use au_host::store::{Durability, open};
use au_host::{Error, Request, Store, Takes};

use crate::puppet::Puppet;
use crate::{SOON, ask, builder, memory, now, until};

const HOUR: Duration = Duration::from_secs(3600);
const BRIEF: Duration = Duration::from_millis(20);

/// Twenty times three jobs that end, one of which is kept for a moment only: it goes, and the others stay.
async fn goes(store: Arc<dyn Store>) {
    let host =
        builder(Arc::clone(&store), &Puppet::new()).sweep_every(Duration::from_millis(10)).build().await.unwrap();
    let mut kept = Vec::new();
    for round in 0..20 {
        let mut ids = Vec::new();
        for ttl in [HOUR, BRIEF, HOUR] {
            let handle = host.submit(Request { ttl: Some(ttl), ..ask("echo") }).await.unwrap();
            handle.wait(crate::LONG).await.ok();
            ids.push(handle.id());
        }
        // What has expired and is still there says that it is expired.
        let gone = async || matches!(store.peek(ids[1], now()).await, Err(Error::NotFound { .. }));
        until(&format!("the expired job of round {round} is gone"), gone).await;
        kept.extend([ids[0], ids[2]]);
    }
    for id in kept {
        store.peek(id, now()).await.expect("it has not expired");
    }
}

#[tokio::test]
async fn what_has_expired_in_memory_is_removed_without_being_asked_for() {
    goes(memory()).await;
}

#[tokio::test]
async fn what_has_expired_in_a_folder_is_removed_without_being_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    goes(open(&format!("file:{}", folder.path().display()), Durability::Os).await.unwrap()).await;
}

#[tokio::test]
async fn a_host_that_runs_its_own_jobs_only_leaves_what_has_expired_to_others() {
    let store = memory();
    let host = builder(Arc::clone(&store), &Puppet::new()).takes(Takes::Own);
    let host = host.sweep_every(Duration::from_millis(10)).build().await.unwrap();
    let handle = host.submit(Request { ttl: Some(BRIEF), ..ask("echo") }).await.unwrap();
    tokio::time::sleep(SOON).await;
    assert!(matches!(store.peek(handle.id(), now()).await, Err(Error::Expired(_))));
    assert_eq!(host.cleanup().await.unwrap(), 1);
}
