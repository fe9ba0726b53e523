//! A23: the folder of a temporary host goes with it, whatever it was doing.

use std::path::PathBuf;

use au_host::{Local, Status};
use au_tests::guest::{self, ask};

use crate::{LONG, until};

/// Where it is. Nobody is told but who looks closely, for nobody else may keep anything there.
fn folder(local: &Local) -> PathBuf {
    let shown = format!("{local:?}");
    let after = shown.split("_folder: Some(TempDir { path: \"").nth(1).expect("a host of its own folder");
    let path = PathBuf::from(after.split('"').next().unwrap());
    assert!(path.join("jobs.db").is_file(), "{path:?}");
    path
}

async fn gone(path: PathBuf) {
    until(&format!("{} is gone", path.display()), async || !path.exists()).await;
    // Nor does it come back, by something that was still being written.
    tokio::time::sleep(crate::SOON).await;
    assert!(!path.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_folder_of_a_temporary_host_goes_when_it_is_closed_with_a_job_that_has_finished() {
    let local = guest::local(guest::config()).await;
    let path = folder(&local);
    let handle = local.host().submit(ask("echo", 5)).await.unwrap();
    assert_eq!(handle.result(LONG).await.unwrap().bytes()[..], 5_u32.to_le_bytes());
    local.close(LONG).await.unwrap();
    gone(path).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_folder_of_a_temporary_host_goes_when_it_is_dropped_while_a_job_runs() {
    let local = guest::local(guest::config()).await;
    let path = folder(&local);
    let mut request = ask("spin", 0);
    request.sandbox.timeout = Some(crate::SOON);
    let handle = local.host().submit(request).await.unwrap();
    until("it runs", async || handle.status().await.unwrap() == Status::Running).await;
    drop((handle, local));
    gone(path).await;
}
