//! S9: a host that is told to end.

use std::time::Instant;

use rustix::process::Signal;

use super::process::{Folder, Host, by_itself, children};
use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_is_told_to_end_gives_back_what_does_not_end_in_time() {
    let folder = Folder::with(&[]).await;
    let local = folder.look().await;
    let endless = local.host().handle(folder.submit(&["guest", "spin"]));
    let host = folder.work();
    until(&endless, Status::Running).await;
    host.signal(Signal::TERM);
    let ended = host.ended();
    assert!(by_itself(ended) && ended.success(), "{ended}");
    let job = endless.metadata().await.unwrap();
    // A job that was given back has not used up an attempt.
    assert_eq!((job.status, job.attempt), (Status::Pending, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_is_told_to_end_lets_what_ends_in_time_end() {
    let folder = Folder::with(&[]).await;
    let local = folder.look().await;
    let short = local.host().handle(folder.submit(&["guest", "spin", "--timeout", "2s"]));
    let host = folder.work();
    until(&short, Status::Running).await;
    host.signal(Signal::TERM);
    assert!(host.ended().success());
    let job = short.metadata().await.unwrap();
    assert_eq!((job.status, job.attempt), (Status::Failed, 1), "it ended by its own deadline");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_is_told_twice_ends_at_once_and_gives_back_what_runs() {
    let folder = Folder::with(&[]).await;
    let local = folder.look().await;
    let endless = local.host().handle(folder.submit(&["guest", "spin"]));
    let mut host = folder.work();
    until(&endless, Status::Running).await;
    let told = Instant::now();
    // A signal that comes while the one before it is not yet heard is the same one.
    while host.lives() && told.elapsed() < LONG {
        host.signal(Signal::TERM);
        tokio::time::sleep(BREATH * 5).await;
    }
    let took = told.elapsed();
    assert!(host.ended().success());
    assert!(took < Duration::from_secs(9), "it took {took:?}, as if it had been told once");
    let job = endless.metadata().await.unwrap();
    assert_eq!((job.status, job.attempt), (Status::Pending, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_ends_while_it_compiles_leaves_no_child_and_no_half_module() {
    let folder = Folder::with(&[]).await;
    let file = folder.path().with_file_name("slow.wasm");
    std::fs::write(&file, super::uploads::hungry()).unwrap();
    let words = ["module", "add", file.to_str().unwrap()];
    let adding = Host::start(&mut folder.command(&words));
    let compiling = tokio::time::timeout(LONG, async {
        loop {
            match children(adding.id()).first() {
                Some(child) => return *child,
                None => tokio::time::sleep(Duration::from_millis(1)).await,
            }
        }
    });
    let child = compiling.await.expect("it compiles");
    adding.signal(Signal::TERM);
    adding.ended();
    let gone = async {
        while std::fs::exists(format!("/proc/{child}/exe")).unwrap_or(false)
            && std::fs::read_link(format!("/proc/{child}/exe")).is_ok()
        {
            tokio::time::sleep(BREATH).await;
        }
    };
    tokio::time::timeout(LONG, gone).await.expect("the compile child ends with whoever started it");
    let local = folder.look().await;
    assert_eq!(local.list_modules().await.unwrap().len(), 1, "the guest only");
    local.add_module(super::uploads::slow()).await.expect("others can be added");
}
