//! Ctrl-C and SIGTERM.

use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::process::{ChildStderr, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use super::*;

fn start(folder: &Folder, words: &[&str]) -> Child {
    let mut command = folder.command(words.iter().copied());
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

/// Sends it again and again, for a second one that comes at once does not count.
fn asked_until_it_ends(child: &mut Child, sent: Signal) -> Option<i32> {
    until("its end", || {
        signal(child, sent);
        child.try_wait().unwrap()
    })
    .code()
}

/// Reads until a line has this in it.
fn said(stderr: &mut BufReader<ChildStderr>, what: &str) -> String {
    let mut all = String::new();
    while !all.contains(what) {
        assert_ne!(stderr.read_line(&mut all).unwrap(), 0, "it ended before it said {what:?}: {all}");
    }
    all
}

#[test]
fn both_cancel_the_job_and_say_so() {
    let folder = Folder::filled();
    for (sent, reason) in [(Signal::INT, "interrupted by Ctrl-C"), (Signal::TERM, "stopped by SIGTERM")] {
        let child = start(&folder, &["run", "guest", "spin"]);
        let id = folder.once("running");
        signal(&child, sent);
        let ran = Ran::to_the_end(child).ended(130);
        assert_eq!(ran.out, "");
        let expected = format!("cancelling job {id}\nerror: job {id} was cancelled\n  why: {reason}\n");
        assert!(ran.err.starts_with(&expected), "{}", ran.err);
        let job = folder.status(&id);
        assert_eq!((&job["status"], &job["cancelled"]), (&"cancelled".into(), &reason.into()));
    }
}

#[test]
fn a_job_that_waits_for_its_time_is_cancelled_too() {
    let folder = Folder::filled();
    let child = start(&folder, &["run", "guest", "echo", "--delay", "1h"]);
    let id = folder.once("pending");
    signal(&child, Signal::INT);
    Ran::to_the_end(child).ended(130);
    assert_eq!(folder.status(&id)["status"], "cancelled");
}

#[test]
fn an_ephemeral_run_ends_too_and_leaves_nothing() {
    let folder = Folder::filled();
    let mut child = start(&folder, &["run", "guest", "echo", "--delay", "1h", "--ephemeral"]);
    // It listens from before its job is kept, so it can be sent the signal once that is caught.
    let status = format!("/proc/{}/status", child.id());
    until("its start", || std::fs::read_to_string(&status).unwrap().lines().any(catches_int).then_some(()));
    signal(&child, Signal::INT);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(folder.list().is_empty());
}

/// Whether this line lists the signals a process handles, SIGINT among them.
fn catches_int(line: &str) -> bool {
    let mask = line.strip_prefix("SigCgt:").map(|mask| u64::from_str_radix(mask.trim(), 16).unwrap());
    mask.is_some_and(|mask| mask & (1 << (Signal::INT.as_raw() - 1)) != 0)
}

#[test]
fn a_second_one_ends_at_once_though_the_store_hangs() {
    let folder = Folder::filled();
    let mut child = start(&folder, &["run", "guest", "spin"]);
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let id = folder.once("running");
    // Whoever wants to write waits for this.
    let hang = rusqlite::Connection::open(folder.data().join("jobs.db")).unwrap();
    hang.execute_batch("BEGIN IMMEDIATE").unwrap();
    signal(&child, Signal::INT);
    said(&mut stderr, "cancelling job");
    assert_eq!(asked_until_it_ends(&mut child, Signal::INT), Some(130));
    drop(hang);
    // As the job of a killed worker: whoever cares has it run again, or stopped. A server may have got what the first
    // signal asked for, and does that itself once its store answers.
    let stopped = folder.run(["cancel", &id]);
    if !OVER_HTTP {
        stopped.succeeded();
    }
    assert_eq!(folder.status(&id)["status"], "cancelled");
}

#[test]
fn two_signals_at_once_are_one_wish_and_the_job_is_cancelled() {
    let folder = Folder::filled();
    let child = start(&folder, &["run", "guest", "spin"]);
    let id = folder.once("running");
    // Of two of one kind the system may make one, which would show nothing.
    signal(&child, Signal::TERM);
    signal(&child, Signal::INT);
    let ran = Ran::to_the_end(child).ended(130);
    has(&ran.err, &format!("job {id} was cancelled"));
    assert_eq!(folder.status(&id)["status"], "cancelled");
}

#[test]
fn whoever_only_waits_leaves_the_job_alone() {
    let folder = Folder::filled();
    let id = folder.detached(["guest", "spin"]);
    folder.once("running");
    for verb in ["wait", "result", "logs -f"] {
        let mut child = start(&folder, &[&verb.split(' ').collect::<Vec<_>>()[..], &[&id]].concat());
        signal(&child, Signal::INT);
        assert_eq!(child.wait().unwrap().signal(), Some(Signal::INT.as_raw()), "{verb}");
        assert_eq!(folder.status(&id)["status"], "running");
    }
}

#[test]
fn a_worker_with_nothing_to_do_ends_when_asked() {
    for sent in [Signal::INT, Signal::TERM] {
        let folder = Folder::filled();
        let mut child = start(&folder, &["work"]);
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        said(&mut stderr, "working in");
        signal(&child, sent);
        said(&mut stderr, "stopping");
        assert_eq!(child.wait().unwrap().code(), Some(0));
    }
}

#[test]
fn a_worker_gives_back_what_does_not_end_and_goes_at_once_when_asked_twice() {
    if only_here("a server would take what is given back") {
        return;
    }
    let folder = Folder::filled();
    let id = folder.run(["submit", "guest", "spin", "--no-worker"]).line();
    let mut child = start(&folder, &["work"]);
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    folder.once("running");
    let began = Instant::now();
    signal(&child, Signal::TERM);
    said(&mut stderr, "stopping");
    assert_eq!(asked_until_it_ends(&mut child, Signal::TERM), Some(0));
    assert!(began.elapsed() < Duration::from_secs(9), "it waited for the job");
    has(&folder.run(["status", &id]).succeeded().out, "nobody runs it");
    assert_eq!(folder.status(&id)["status"], "pending", "it was given back");
    // Asked once, it waits for a while, and then gives the job back.
    let mut child = start(&folder, &["work"]);
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    said(&mut stderr, "working in");
    until("its attempt", || (folder.status(&id)["attempt"] == 1).then_some(()));
    signal(&child, Signal::TERM);
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let job = folder.status(&id);
    assert_eq!((&job["status"], &job["attempt"]), (&"pending".into(), &0.into()));
}

#[test]
fn a_terminal_that_goes_does_not_end_a_worker() {
    let folder = Folder::filled();
    let mut child = start(&folder, &["work"]);
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    said(&mut stderr, "working in");
    signal(&child, Signal::HUP);
    let id = folder.run(["submit", "guest", "echo", "7", "--no-worker"]).line();
    folder.run(["wait", &id]).succeeded();
    assert!(child.try_wait().unwrap().is_none());
    signal(&child, Signal::INT);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
