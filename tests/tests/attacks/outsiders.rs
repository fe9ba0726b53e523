//! S8, S12: several hosts on one folder, one of which does not answer any more, or answers late.

use au_host::store::Filter;
use rustix::process::Signal;

use super::guests::doing;
use super::process::Folder;
use super::*;

/// Counts for a second or so, then gives its input back.
fn counter() -> Bytes {
    doing(
        "(loop $on (br_if $on (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 1000000000))))",
    )
}

/// A host that was stopped in the middle of a job, the job, and somebody who looks on.
async fn stopped(folder: &Folder) -> (super::process::Host, Handle, Local) {
    let host = folder.work();
    let local = folder.look().await;
    let handle = local.host().handle(folder.submit(&["counter"]));
    until(&handle, Status::Running).await;
    host.signal(Signal::STOP);
    (host, handle, local)
}

async fn canary(folder: &Folder, local: &Local) {
    let canary = local.host().handle(folder.submit(&["guest", "echo"]));
    assert_eq!(canary.wait(LONG).await.unwrap().status, Status::Completed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_stands_still_keeps_its_jobs_and_finishes_each_once() {
    // S12
    let folder = Folder::with(&[("counter", counter())]).await;
    let (host, handle, local) = stopped(&folder).await;
    let _other = folder.work();
    canary(&folder, &local).await;
    assert_eq!(handle.status().await.unwrap(), Status::Running, "nobody took what is not free");
    host.signal(Signal::CONT);
    let job = handle.wait(LONG).await.unwrap();
    assert_eq!((job.status, job.attempt), (Status::Completed, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_jobs_of_a_host_that_was_killed_are_taken_up_at_once() {
    // S8, S12
    let folder = Folder::with(&[("counter", counter())]).await;
    let (host, handle, local) = stopped(&folder).await;
    let _other = folder.work();
    canary(&folder, &local).await;
    host.kill();
    let job = handle.wait(LONG).await.unwrap();
    assert_eq!((job.status, job.attempt), (Status::Completed, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn three_hosts_on_one_folder_run_each_job_once() {
    // S8: several processes may share a folder.
    let folder = Folder::with(&[]).await;
    let local = folder.look().await;
    let inputs = (0..300_u32).map(|number| Payload::new(OCTETS, number.to_le_bytes().to_vec()).unwrap());
    let handles = local.host().map(ask("echo", 0), inputs).await.unwrap();
    let _hosts = [folder.work(), folder.work(), folder.work()];
    for handle in &handles {
        let job = handle.wait(LONG).await.unwrap();
        assert_eq!((job.status, job.attempt), (Status::Completed, 1));
    }
    assert_eq!(local.host().list(Filter::default(), None, 1_000).await.unwrap().len(), 300);
}
