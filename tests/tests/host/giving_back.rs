//! A job whose input cannot be read when it is started must not stay with a worker that never hears of it.

use au_host::store::{Durability, Take, open};
use au_host::{Job, Payload, Status};
use au_tests::store::jobs::{self, NOW, after};

#[tokio::test]
async fn a_job_whose_input_cannot_be_read_just_now_is_due_again_and_holds_up_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&format!("file:{}", folder.path().display()), Durability::Os).await.unwrap();
    let worker = jobs::worker();
    store.heartbeat(worker, after(3600), NOW).await.unwrap();
    let mut spec = jobs::spec();
    spec.input = Payload::new("a/b", vec![7; 100_000]).unwrap();
    let (large, small) = (Job::new(spec), jobs::job());
    store.insert(&large).await.unwrap();
    store.insert(&small).await.unwrap();

    // A folder in the place of its file: it is there, and reading it fails.
    let payloads = folder.path().join("payloads");
    let file = std::fs::read_dir(&payloads).unwrap().next().unwrap().unwrap().path();
    let aside = folder.path().join("aside");
    std::fs::rename(&file, &aside).unwrap();
    std::fs::create_dir(&file).unwrap();
    let taken = store.take(&jobs::take(worker, 10)).await.unwrap();
    assert_eq!(taken.started.iter().map(|job| job.spec.id).collect::<Vec<_>>(), [small.spec.id]);
    let left = store.peek(large.spec.id, NOW).await.unwrap();
    assert_eq!((left.status, left.attempt), (Status::Pending, 0));

    std::fs::remove_dir(&file).unwrap();
    std::fs::rename(&aside, &file).unwrap();
    let again = store.take(&Take { worker, limit: 10, now: after(60), only: None, bounds: None }).await.unwrap();
    assert!(again.started[0].spec == large.spec);
}
