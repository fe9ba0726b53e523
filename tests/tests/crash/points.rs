//! Every single write, sync and rename of a host, one after the other: killed there, failed there.

use std::path::Path;
use std::process::Stdio;

use super::oracle::History;
use super::{LOAD, has, listen, load, prepare, skip};

/// What a commit is made of.
const CALLS: &str = "pwrite64,fdatasync,fsync,rename,renameat,renameat2,ftruncate,unlink,unlinkat";
/// Jobs of one run: enough to insert, start, cancel and finish some.
const JOBS: &str = "4";
/// More points than a run has.
const MOST: u32 = 400;

#[test]
fn killed_at_any_of_its_writes_a_host_loses_nothing() {
    let points = each_point("signal=SIGKILL", 3);
    assert!(points > 10, "only {points} points were found");
}

#[test]
fn a_write_or_sync_that_fails_with_an_io_error_is_never_acknowledged_and_lost() {
    assert!(each_point("error=EIO", 5) > 5);
}

#[test]
fn a_write_or_sync_that_finds_the_disk_full_is_never_acknowledged_and_lost() {
    assert!(each_point("error=ENOSPC", 5) > 5);
}

/// Tries it at the first of these calls, then some further on, until a run ends without one; how many were tried.
fn each_point(what: &str, step: u32) -> u32 {
    if !has("strace") {
        skip("strace is not there: run `cargo xtask setup` as root");
        return u32::MAX;
    }
    let mut tried = 0;
    for when in (1..MOST).step_by(step as usize) {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("data");
        prepare(&dir);
        let (history, hit) = run_with(&dir, &format!("inject={CALLS}:{what}:when={when}"));
        let broken = history.broken(&dir);
        assert!(broken.is_empty(), "{what} at {when}: {broken:#?} {history:?}");
        if !hit {
            return tried;
        }
        tried += 1;
    }
    tried
}

/// Runs a short load to its end with a fault injected; what was told, and whether the fault came to be.
fn run_with(dir: &Path, inject: &str) -> (History, bool) {
    let plain = load(dir, 0);
    let mut command = std::process::Command::new("timeout");
    let trace = dir.with_extension("strace");
    command.args(["-s", "KILL", "60", "strace", "-f", "-qq", "--seccomp-bpf", "-o"]).arg(&trace);
    command.args(["-e", &format!("trace={CALLS}"), "-e", inject, LOAD]).arg(dir).args(["0", JOBS]);
    command.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let mut history = History::default();
    listen(&mut child, &mut history);
    child.wait().unwrap();
    let trace = std::fs::read_to_string(trace).unwrap_or_default();
    (history, trace.contains("INJECTED") || trace.contains("killed by SIGKILL"))
}
