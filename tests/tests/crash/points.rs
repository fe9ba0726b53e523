//! Every single write, sync and rename of a host, one after the other: killed there, failed there.

use std::path::Path;
use std::process::Stdio;

use super::oracle::History;
use super::{LOAD, has, listen, load, prepare, skip};

/// What a commit is made of: the calls, and how far it is from one of them that is tried to the next.
const CALLS: [(&str, usize); 6] = [
    ("pwrite64", 4),
    ("fdatasync", 2),
    ("fsync", 1),
    ("ftruncate", 1),
    ("rename,renameat2", 1),
    ("unlink,unlinkat", 1),
];
/// Jobs of one run: enough to insert, start, cancel and finish some.
const JOBS: &str = "4";
/// More of one call than a run has.
const MOST: usize = 400;

#[test]
fn killed_at_any_of_its_writes_a_host_loses_nothing() {
    let points = each_point("signal=SIGKILL");
    assert!(points > 10, "only {points} points were found");
}

#[test]
fn a_write_or_sync_that_fails_with_an_io_error_is_never_acknowledged_and_lost() {
    assert!(each_point("error=EIO") > 5);
}

#[test]
fn a_write_or_sync_that_finds_the_disk_full_is_never_acknowledged_and_lost() {
    assert!(each_point("error=ENOSPC") > 5);
}

#[test]
fn a_write_or_sync_that_is_over_a_quota_is_never_acknowledged_and_lost() {
    assert!(each_point("error=EDQUOT") > 5);
}

/// Tries it at the first of each of these calls and some further on, or all of them in a soak, until a run ends without one;
/// how many were tried.
fn each_point(what: &str) -> u32 {
    if !has("strace") {
        skip("strace is not there: run `cargo xtask setup` as root");
        return u32::MAX;
    }
    let all = std::env::var_os("AU_SOAK_MINUTES").is_some();
    CALLS.iter().map(|(call, step)| each_of(call, what, if all { 1 } else { *step })).sum()
}

fn each_of(call: &str, what: &str, step: usize) -> u32 {
    let mut tried = 0;
    for when in (1..MOST).step_by(step) {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("data");
        prepare(&dir);
        let (history, hit) = run_with(&dir, call, &format!("inject={call}:{what}:when={when}"));
        let broken = history.broken(&dir);
        assert!(broken.is_empty(), "{what} at {call} {when}: {broken:#?} {history:?}");
        if !hit {
            return tried;
        }
        tried += 1;
    }
    tried
}

/// Runs a short load to its end with a fault injected; what was told, and whether the fault came to be.
fn run_with(dir: &Path, call: &str, inject: &str) -> (History, bool) {
    let plain = load(dir, 0);
    let mut command = std::process::Command::new("timeout");
    let trace = dir.with_extension("strace");
    command.args(["-s", "KILL", "60", "strace", "-f", "-q", "-o"]).arg(&trace);
    command.args(["-e", &format!("trace={call}"), "-e", inject, LOAD]).arg(dir).args(["0", JOBS]);
    command.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let mut history = History::default();
    listen(&mut child, |line| history.note(line));
    child.wait().unwrap();
    let trace = std::fs::read_to_string(trace).unwrap_or_default();
    (history, trace.contains("INJECTED") || trace.contains("killed by SIGKILL"))
}
