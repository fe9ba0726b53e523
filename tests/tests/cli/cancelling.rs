//! `cancel`, of jobs in other processes.

use super::*;

#[test]
fn a_running_job_has_stopped_when_this_returns() {
    let folder = Folder::filled();
    let id = folder.detached(["guest", "spin"]);
    folder.once("running");
    let ran = folder.run(["cancel", &id, "--reason", "no need"]).succeeded();
    assert_eq!((&*ran.out, &*ran.err), ("", &*format!("cancelled {id}\n")));
    let job = folder.status(&id);
    assert_eq!((&job["status"], &job["cancelled"]), (&"cancelled".into(), &"no need".into()));
    has(&folder.run(["status", &id]).out, "cancel     no need");
}

#[test]
fn each_of_several_is_cancelled_though_one_has_finished() {
    let folder = Folder::filled();
    let submit = || folder.run(["submit", "guest", "echo", "--delay", "1h"]).line();
    let ids = [submit(), submit(), submit()];
    folder.run(["cancel", &ids[1]]).succeeded();
    let ran = folder.run(["cancel", &ids[0], &ids[1], &ids[2]]).ended(4);
    assert_eq!(ran.err.lines().filter(|line| line.starts_with("cancelled ")).count(), 2, "{}", ran.err);
    has(&ran.err, &format!("error: job {} has already finished", ids[1]));
    assert!(folder.list().iter().all(|job| job["status"] == "cancelled"));
}

#[test]
fn the_job_of_a_dead_worker_is_cancelled_too() {
    let folder = Folder::filled();
    let mut child = folder.command(["run", "guest", "spin"]).spawn().unwrap();
    let id = folder.once("running");
    child.kill().unwrap();
    child.wait().unwrap();
    folder.run(["cancel", &id]).succeeded();
    assert_eq!(folder.status(&id)["status"], "cancelled");
    assert_eq!(folder.status(&id)["attempt"], 1);
}

#[test]
fn a_reason_that_would_drive_a_terminal_is_escaped() {
    let folder = Folder::filled();
    let id = folder.run(["submit", "guest", "echo", "--delay", "1h"]).line();
    folder.run(["cancel", &id, "--reason", "\u{1b}[31mred"]).succeeded();
    has(&folder.run(["result", &id]).failed(130), r"\u{1b}[31mred");
}

#[test]
fn a_worker_that_does_not_answer_is_told_as_that() {
    if only_here("the worker is the server") {
        return;
    }
    use rustix::process::{Pid, Signal, kill_process};
    let folder = Folder::filled();
    let mut child = folder.command(["run", "guest", "spin"]).stderr(std::process::Stdio::null()).spawn().unwrap();
    let id = folder.once("running");
    kill_process(Pid::from_child(&child), Signal::STOP).unwrap();
    let ran = folder.run(["cancel", &id]).succeeded();
    has(&ran.err, "has not answered yet");
    assert_eq!(folder.status(&id)["status"], "running");
    kill_process(Pid::from_child(&child), Signal::CONT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
}
