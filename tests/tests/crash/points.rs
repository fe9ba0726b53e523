//! Every single write, sync and rename of a host, one after the other: killed there, failed there.

use std::path::Path;
use std::process::Stdio;

use super::oracle::History;
use super::{LOAD, has, listen, load, prepare, skip};

/// What a commit and a file of a payload are made of: the calls, and how far it is from one of them that is tried to the next.
const CALLS: [(&str, usize); 6] = [
    ("pwrite64", 4),
    ("fdatasync", 2),
    ("fsync", 1),
    ("ftruncate", 1),
    ("rename,renameat2", 1),
    ("unlink,unlinkat", 1),
];
/// Jobs of one run: enough to insert, start, cancel and finish some, and the last of them has payloads in files.
const JOBS: &str = "5";
/// More of one call than a run has.
const MOST: usize = 400;

const FULL: &[&str] = &["storage_full"];
const FULL_OR_FAULT: &[&str] = &["fault", "storage_full"];

#[test]
fn killed_at_any_of_its_writes_a_host_loses_nothing() {
    each_point("signal=SIGKILL", |_| &[]);
}

#[test]
fn a_write_or_sync_that_fails_with_an_io_error_is_never_acknowledged_and_lost() {
    each_point("error=EIO", |_| &["fault"]);
}

#[test]
fn a_write_or_sync_that_finds_the_disk_full_is_never_acknowledged_and_lost() {
    each_point("error=ENOSPC", |call| match call {
        // A sync that failed is a fault whatever its reason: what the disk holds is unknown.
        "fdatasync" | "fsync" => FULL_OR_FAULT,
        _ => FULL,
    });
}

#[test]
fn a_write_or_sync_that_is_over_a_quota_is_never_acknowledged_and_lost() {
    each_point("error=EDQUOT", |call| match call {
        // SQLite knows a full disk, and takes one that is over a quota for one that fails.
        "pwrite64" | "fdatasync" | "fsync" => FULL_OR_FAULT,
        _ => FULL,
    });
}

/// Tries it at the first of each of these calls and some further on, or all of them in a soak, until a run ends without one.
/// `refusals` says with which codes a submit may be refused then.
fn each_point(what: &str, refusals: impl Fn(&str) -> &'static [&'static str]) {
    if !has("strace") {
        return skip("strace is not there: run `cargo xtask setup` as root");
    }
    let all = std::env::var_os("AU_SOAK_MINUTES").is_some();
    for (call, step) in CALLS {
        let tried = each_of(call, what, if all { 1 } else { step }, refusals(call));
        assert!(tried > 0, "{call}: no run has one, so nothing was tried");
    }
}

fn each_of(call: &str, what: &str, step: usize, refusals: &'static [&'static str]) -> u32 {
    let mut tried = 0;
    for when in (1..MOST).step_by(step) {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("data");
        prepare(&dir);
        let (mut history, hit) = run_with(&dir, call, &format!("inject={call}:{what}:when={when}"));
        history.refusals = refusals;
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
