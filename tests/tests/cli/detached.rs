//! `--detach`, and the process in the background.

use std::fs::File;

use rustix::process::{Pid, Signal, kill_process};

use super::*;

/// The process that works in the background of this folder: it is the one that was started so.
fn worker(folder: &Folder) -> Option<Pid> {
    let data = folder.data().display().to_string();
    let wanted = ["work", "--until-idle", "--data", &data].join("\0");
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let found = processes.filter(|process| {
        let words = std::fs::read(process.path().join("cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&words).contains(&wanted)
    });
    found.filter_map(|process| Pid::from_raw(process.file_name().to_str()?.parse().ok()?)).next()
}

/// Waits until nobody works in the background: the lock is held from the first to the last moment.
fn no_worker(folder: &Folder) {
    File::open(folder.data().join("worker.lock")).unwrap().lock().unwrap();
}

#[test]
fn the_id_is_printed_at_once_and_the_job_goes_on() {
    let folder = Folder::filled();
    let ran = folder.run(["run", "guest", "spin", "--detach"]).succeeded();
    assert_eq!(ran.err, "");
    let id = ran.line();
    assert_eq!(folder.once("running"), id);
    folder.run(["cancel", &id]).succeeded();
}

#[test]
fn detaching_excludes_what_needs_the_result() {
    let folder = Folder::filled();
    folder.run(["run", "guest", "echo", "--detach", "--ephemeral"]).failed(2);
    folder.run(["run", "guest", "echo", "--detach", "-o", "out"]).failed(2);
}

#[test]
fn the_worker_ends_when_nothing_is_due() {
    let folder = Folder::filled();
    let id = folder.detached(["guest", "echo"]);
    folder.run(["wait", &id]).succeeded();
    no_worker(&folder);
    assert_eq!(std::fs::read_to_string(folder.data().join("worker.log")).unwrap(), "");
    // The next job starts another.
    let id = folder.detached(["guest", "echo"]);
    folder.run(["wait", &id]).succeeded();
    no_worker(&folder);
}

#[test]
fn a_job_whose_time_has_not_come_keeps_the_worker() {
    let folder = Folder::filled();
    let id = folder.detached(["guest", "echo", "7", "--delay", "2s"]);
    assert_eq!(folder.status(&id)["status"], "pending");
    no_worker(&folder);
    assert_eq!(folder.status(&id)["status"], "completed");
}

#[test]
fn a_worker_to_whom_nothing_is_left_but_what_is_paused_rests() {
    let folder = Folder::filled();
    folder.run(["queue", "pause", "later"]).succeeded();
    folder.run(["submit", "guest", "echo", "1", "--queue", "later"]).succeeded();
    let pid = until("a worker", || worker(&folder));
    // Ticks that it spent on a core: the 14th and 15th field (proc(5)), counted from behind the name.
    let spent = || {
        let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).unwrap();
        let fields = stat.rsplit_once(") ").unwrap().1.split(' ').skip(11).take(2);
        fields.map(|ticks| ticks.parse::<u64>().unwrap()).sum::<u64>()
    };
    let idle = || folder.json(["worker", "list"]).as_array().unwrap().iter().any(|it| it["running"] == 0).then_some(());
    until("its being listed", idle);
    let before = spent();
    std::thread::sleep(Duration::from_secs(2));
    assert!(spent() - before < 20, "it is busy: {before}, {}", spent());
    folder.run(["queue", "resume", "later"]).succeeded();
    until("the job's end", || (folder.list()[0]["status"] == "completed").then_some(()));
}

#[test]
fn one_worker_runs_in_a_folder_however_many_ask() {
    let folder = Folder::filled();
    let first = folder.detached(["guest", "spin"]);
    folder.once("running");
    let pid = worker(&folder).unwrap();
    let second = folder.detached(["guest", "echo", "2"]);
    folder.run(["wait", &second]).succeeded();
    assert_eq!(worker(&folder), Some(pid));
    assert_eq!(folder.run(["work", "--until-idle"]).succeeded().err, "");
    folder.run(["cancel", &first]).succeeded();
}

#[test]
fn the_job_of_a_killed_worker_is_taken_up_by_whoever_cares() {
    let folder = Folder::filled();
    let id = folder.detached(["guest", "spin"]);
    for (attempt, verb) in [(2, "wait"), (3, "result")] {
        folder.once("running");
        kill_process(worker(&folder).unwrap(), Signal::KILL).unwrap();
        no_worker(&folder);
        let mut waiting = folder.command([verb, &id]).spawn().unwrap();
        until("another attempt", || (folder.status(&id)["attempt"] == attempt).then_some(()));
        waiting.kill().unwrap();
        waiting.wait().unwrap();
    }
    // After the last of its attempts there is no other.
    kill_process(worker(&folder).unwrap(), Signal::KILL).unwrap();
    no_worker(&folder);
    has(&folder.run(["result", &id]).failed(1), "the worker died during each of its 3 attempts");
}

#[test]
fn the_job_of_a_killed_run_is_taken_up_by_the_next_worker() {
    let folder = Folder::filled();
    let mut child = folder.command(["run", "guest", "spin"]).spawn().unwrap();
    let id = folder.once("running");
    child.kill().unwrap();
    child.wait().unwrap();
    let status = folder.run(["status", &id]).succeeded().out;
    has(&status, "running");
    has(&status, "nobody runs it");
    assert_eq!(folder.status(&id)["unattended"], true);
    folder.detached(["guest", "echo"]);
    until("a second attempt", || (folder.status(&id)["attempt"] == 2).then_some(()));
    assert_eq!(folder.status(&id)["unattended"], false);
}

#[test]
fn a_key_of_a_dead_runs_job_has_it_taken_up() {
    let folder = Folder::filled();
    let mut child = folder.command(["run", "guest", "spin", "--key", "once"]).spawn().unwrap();
    let id = folder.once("running");
    child.kill().unwrap();
    child.wait().unwrap();
    let child = folder.command(["run", "guest", "spin", "--key", "once"]).spawn().unwrap();
    until("a second attempt", || (folder.status(&id)["attempt"] == 2).then_some(()));
    folder.run(["cancel", &id]).succeeded();
    Ran::to_the_end(child).ended(130);
}
