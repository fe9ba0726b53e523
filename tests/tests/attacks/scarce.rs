//! S10, and S5 of files: hosts that have too little of something.

use std::fs;
use std::path::PathBuf;

use super::guests::doing;
use super::process::{Folder, Host};
use super::*;

const GROUPS: &str = "/sys/fs/cgroup/memory";

/// A control group of the first version with a limit of memory.
struct Group(PathBuf);

impl Group {
    fn new(bytes: u64) -> Option<Self> {
        if !is_root() || !PathBuf::from(GROUPS).join("memory.limit_in_bytes").exists() {
            skip("limiting the memory of a host takes root and control groups of version 1");
            return None;
        }
        static NUMBER: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let group = Self(PathBuf::from(GROUPS).join(format!("au-attacks-{}-{number}", std::process::id())));
        if let Err(error) = fs::create_dir(&group.0) {
            skip(&format!("no control group can be made here: {error}"));
            return None;
        }
        fs::write(group.0.join("memory.limit_in_bytes"), bytes.to_string()).unwrap();
        Some(group)
    }

    /// What starts a program in it.
    fn entry(&self) -> Vec<String> {
        let enter = format!(r#"echo $$ > {}/cgroup.procs && exec "$0" "$@""#, self.0.display());
        vec!["sh".into(), "-c".into(), enter]
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // Processes that were killed leave it a moment later.
        for _ in 0..100 {
            if fs::remove_dir(&self.0).is_ok() {
                return;
            }
            std::thread::sleep(BREATH);
        }
    }
}

fn through(folder: &Folder, entry: &[String], words: &[&str]) -> std::process::Command {
    let entry: Vec<_> = entry.iter().map(String::as_str).collect();
    folder.through(&entry, words)
}

/// Takes a hundred megabytes and holds them for a while.
fn heavy() -> Bytes {
    doing(
        "(drop (memory.grow (i32.const 1600)))
        (loop $again
          (memory.fill (i32.const 131072) (local.get $i) (i32.const 100000000))
          (local.set $i (i32.add (local.get $i) (i32.const 1))) (br_if $again (i32.lt_u (local.get $i) (i32.const 60))))",
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_runs_out_of_memory_is_killed_and_the_next_one_takes_up_its_jobs() {
    // S10
    let Some(group) = Group::new(250 << 20) else { return };
    let folder = Folder::with(&[("heavy", heavy())]).await;
    let local = folder.look().await;
    let jobs: Vec<_> = (0..4).map(|_| local.host().handle(folder.submit(&["heavy"]))).collect();
    let host = Host::start(&mut through(&folder, &group.entry(), &["work", "--slots", "4"]));
    let ended = host.ended();
    assert!(!ended.success(), "400 MB did fit into 250: {ended}");
    let _next = folder.work();
    for job in jobs {
        let ended = job.wait(LONG).await.unwrap();
        assert_eq!(ended.status, Status::Completed, "{ended:?}");
        assert!(ended.attempt >= 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_memory_is_short_the_compile_child_goes_and_the_host_stays() {
    // S10, C5
    let Some(group) = Group::new(200 << 20) else { return };
    let folder = Folder::with(&[]).await;
    let file = folder.path().with_file_name("hungry.wasm");
    fs::write(&file, super::uploads::hungry()).unwrap();
    let words = ["module", "add", file.to_str().unwrap()];
    let added = through(&folder, &group.entry(), &words).output().unwrap();
    assert_eq!(added.status.code(), Some(4), "{added:?}");
    assert!(String::from_utf8_lossy(&added.stderr).contains("compile_oom"), "{added:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_may_open_no_more_files_says_so_and_harms_nothing() {
    // S5
    if !has("prlimit") {
        return skip("prlimit is not there");
    }
    let folder = Folder::with(&[]).await;
    let kept = folder.submit(&["guest", "echo"]);
    // With fewer tokio does not even begin.
    for most in [10, 11, 12, 13, 14, 16] {
        let limit = format!("--nofile={most}:{most}");
        let said = folder.through(&["prlimit", &limit], &["submit", "--no-worker", "guest", "echo"]).output().unwrap();
        let talk = String::from_utf8_lossy(&said.stderr).into_owned();
        assert!(said.status.code().is_some() && !talk.contains("panicked"), "{most}: {said:?}");
        if !said.status.success() {
            assert!(talk.contains("error: "), "{most}: {said:?}");
        }
    }
    let _host = folder.work();
    let local = folder.look().await;
    assert_eq!(local.host().handle(kept).wait(LONG).await.unwrap().status, Status::Completed);
}
