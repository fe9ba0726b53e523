//! S3, S4: disks that are full in another way, and disks that fail for good. The rest of both is in `tests/tests/crash`.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use rustix::process::Signal;

use super::folders::Mounted;
use super::process::{Folder, children};
use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn where_no_more_files_can_be_made_jobs_are_refused_and_taken_again_when_they_can() {
    // S3
    let folder = tempfile::tempdir().unwrap();
    let disk = folder.path().join("disk");
    let Some(_mounted) = Mounted::new(&disk, &["-t", "tmpfs", "-o", "size=64m,nr_inodes=120", "tmpfs"]) else {
        return skip("a small file system cannot be mounted here: it takes root");
    };
    let local = guest::local_at(&disk.join("data"), config()).await;
    // An input that is too large for its row is a file of its own.
    let large = with(&ask("echo", 0), vec![3; 40_000]);
    let mut kept = Vec::new();
    let refused = loop {
        match local.host().submit(large.clone()).await {
            Ok(handle) => kept.push(handle),
            Err(refused) => break refused,
        }
        assert!(kept.len() < 120);
    };
    assert_eq!(refused.class().code, "storage_full", "{}", refused.chain());
    assert!(!kept.is_empty());
    local.host().ready().await.expect("there may be room again");
    // An end that cannot be written yet is written when it can: room is made by removing what has ended.
    let (mut ended, mut removed) = (Vec::new(), 0);
    for handle in kept {
        if handle.status().await.unwrap() == Status::Completed {
            removed += local.host().remove(&[handle.id()]).await.unwrap();
        } else {
            ended.push(handle);
        }
    }
    for handle in ended {
        assert_eq!(handle.wait(LONG).await.unwrap().status, Status::Completed);
        removed += local.host().remove(&[handle.id()]).await.unwrap();
    }
    assert!(removed > 0);
    assert_eq!(local.host().submit(large).await.unwrap().result(LONG).await.unwrap().len(), 40_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_sync_has_failed_nothing_more_is_taken_and_no_sync_is_tried_again() {
    // S4
    if !has("strace") {
        return skip("strace is not there: run `cargo xtask setup` as root");
    }
    let folder = Folder::with(&[]).await;
    let trace = folder.path().with_file_name("trace");
    let mut command = Command::new("strace");
    command.args(["-f", "-q", "-o"]).arg(&trace).args(["-e", "trace=fdatasync"]);
    // From the twentieth on every one fails: the disk is gone for good.
    command.args(["-e", "inject=fdatasync:error=EIO:when=20+", env!("CARGO_BIN_EXE_au-load")]).arg(folder.path());
    // No large inputs: their files have syncs of their own, and two that were under way may both fail.
    command.args(["0", "200", "0"]).env("AU_COMPILER", super::process::program());
    let mut strace = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let (mut told, mut refusals) = (String::new(), 0);
    for line in BufReader::new(strace.stdout.take().unwrap()).lines().map_while(Result::ok) {
        refusals += u32::from(line.starts_with("refused "));
        told += &(line + "\n");
        if refusals > 120 {
            // It would wait for ends that cannot be written.
            break;
        }
    }
    for load in children(strace.id()) {
        rustix::process::kill_process(rustix::process::Pid::from_raw(load.cast_signed()).unwrap(), Signal::KILL)
            .unwrap();
    }
    strace.wait().unwrap();
    let lines = |word: &str| told.lines().filter(|line| line.starts_with(word)).count();
    assert!(lines("ack ") > 0 && lines("refused ") > 100, "{told}");
    let failed = std::fs::read_to_string(&trace).unwrap().lines().filter(|line| line.contains("INJECTED")).count();
    assert_eq!(failed, 1, "it was tried again, which may seem to work while the data is lost");
    let first = told.lines().position(|line| line.starts_with("refused ")).unwrap();
    assert!(lines("unready ") > 0, "{told}");
    // What was tried after that: an answer to what came before may be told late.
    let number = |line: &str, word: &str| Some(line.strip_prefix(word)?.split(' ').next()?.to_owned());
    let late: Vec<_> = told.lines().skip(first).filter_map(|line| number(line, "try ")).collect();
    let taken = told.lines().filter_map(|line| number(line, "ack ")).filter(|number| late.contains(number)).count();
    assert!(late.len() > 50, "{told}");
    assert_eq!(taken, 0, "it took more: {told}");
}
