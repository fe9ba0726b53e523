//! X20: a job that takes its worker down with it, every time.

use au_host::FailureKind;
use rustix::process::Signal;

use super::process::Folder;
use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_job_whose_worker_dies_each_time_is_lost_after_its_attempts_and_not_started_again() {
    let folder = Folder::with(&[]).await;
    let poison = folder.submit(&["guest", "spin", "--attempts", "3", "--retry-delay", "1ms"]);
    let local = folder.look().await;
    let handle = local.host().handle(poison);
    for attempt in 1..=3 {
        let host = folder.work();
        while until(&handle, Status::Running).await.attempt != attempt {
            tokio::time::sleep(BREATH).await;
        }
        host.signal(Signal::KILL);
        host.ended();
    }
    let _host = folder.work();
    let job = handle.wait(LONG).await.unwrap();
    assert_eq!((job.status, job.attempt), (Status::Failed, 3));
    assert_eq!(job.failure.unwrap().kind, FailureKind::Lost);
    // Whatever else there is to do is done.
    let canary = local.host().handle(folder.submit(&["guest", "echo"]));
    assert_eq!(canary.wait(LONG).await.unwrap().status, Status::Completed);
    assert_eq!(handle.metadata().await.unwrap().attempt, 3);
}
