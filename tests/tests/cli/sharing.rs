//! Several processes in one data folder at once.

use std::collections::BTreeSet;
use std::process::Stdio;

use super::*;

fn start(folder: &Folder, words: &[&str]) -> Child {
    folder.command(words.iter().copied()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

#[test]
fn eight_runs_at_once_each_have_their_own_result() {
    // Nothing is there yet: all of them make the folder, and compile the module.
    let folder = Folder::new();
    let runs: Vec<_> = (0..8).map(|n| start(&folder, &["run", "guest.wasm", "echo", &n.to_string()])).collect();
    for (n, run) in runs.into_iter().enumerate() {
        assert_eq!(Ran::to_the_end(run).succeeded().out, format!("[{n}]\n"));
    }
    let jobs = folder.list();
    assert_eq!(jobs.len(), 8);
    assert!(jobs.iter().all(|job| job["status"] == "completed" && job["attempt"] == 1), "{jobs:?}");
}

#[test]
fn eight_runs_with_one_key_are_one_job() {
    let folder = Folder::filled();
    let run = |_| start(&folder, &["run", "guest", "current", "--key", "once"]);
    let runs: Vec<_> = (0..8).map(run).collect();
    let outputs: BTreeSet<_> = runs.into_iter().map(|run| Ran::to_the_end(run).succeeded().out).collect();
    assert_eq!((outputs.len(), folder.list().len()), (1, 1));
}

#[test]
fn of_fifty_jobs_two_workers_run_each_once() {
    let folder = Folder::filled();
    let workers = [(); 2].map(|()| start(&folder, &["work"]));
    let mut ids = BTreeSet::new();
    for _ in 0..5 {
        let submits: Vec<_> = (0..10).map(|_| start(&folder, &["submit", "guest", "current", "--no-worker"])).collect();
        ids.extend(submits.into_iter().map(|submit| Ran::to_the_end(submit).succeeded().line()));
    }
    assert_eq!(ids.len(), 50);
    let wait = folder.run(["wait"].into_iter().chain(ids.iter().map(String::as_str))).succeeded();
    assert_eq!(wait.out.lines().filter(|line| line.ends_with(" completed")).count(), 50);
    // `current` gives the id of the job it runs for.
    for id in ids.iter().take(10) {
        assert_eq!(folder.run(["result", id]).succeeded().out.trim_end(), id);
    }
    let jobs = folder.list();
    assert_eq!(jobs.len(), 50);
    // Started, and finished: one attempt, one outcome. Who took one that it had no slot for gave it back, and it was started again.
    let once = |job: &Value| job["attempt"] == 1 && job["version"].as_u64().is_some_and(|version| version % 2 == 1);
    assert!(jobs.iter().all(once), "{jobs:?}");
    for mut worker in workers {
        worker.kill().unwrap();
        worker.wait().unwrap();
    }
}

#[test]
fn what_a_killed_worker_ran_goes_to_the_other() {
    let folder = Folder::filled();
    let id = folder.run(["submit", "guest", "spin", "--no-worker"]).line();
    let mut first = start(&folder, &["work"]);
    folder.once("running");
    let mut second = start(&folder, &["work"]);
    first.kill().unwrap();
    first.wait().unwrap();
    until("a second attempt", || (folder.status(&id)["attempt"] == 2).then_some(()));
    second.kill().unwrap();
    second.wait().unwrap();
}
