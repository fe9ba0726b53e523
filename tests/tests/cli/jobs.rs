//! `submit status result wait logs rm cleanup`: a job from one process to the next.

use std::fs;

use super::*;

fn finished(folder: &Folder, words: &[&str]) -> String {
    folder.run(["run", "guest"].into_iter().chain(words.iter().copied()));
    folder.list()[0]["id"].as_str().unwrap().to_owned()
}

#[test]
fn a_submitted_job_is_run_in_the_background_and_its_result_fetched_by_id() {
    let folder = Folder::filled();
    let id = folder.run(["submit", "guest", "echo", "7"]).succeeded().line();
    assert_eq!(folder.run(["result", &id]).succeeded().out, "[7]\n");
    // As often as anybody likes, and to a file.
    folder.run(["result", &id, "-o", "out"]).succeeded();
    assert_eq!(fs::read_to_string(folder.path("out")).unwrap(), "[7]");
}

#[test]
fn a_job_for_another_to_run_waits_until_somebody_cares() {
    if only_here("a server runs what is due") {
        return;
    }
    let folder = Folder::filled();
    let id = folder.run(["submit", "guest", "echo", "7", "--no-worker"]).succeeded().line();
    let status = folder.run(["status", &id]).succeeded().out;
    has(&status, &format!("{id} pending\n"));
    has(&status, "nobody runs it");
    assert_eq!(folder.run(["wait", &id]).succeeded().out, format!("{id} completed\n"));
    assert!(!folder.run(["status", &id]).out.contains("nobody"));
}

#[test]
fn the_status_tells_what_the_job_is_and_what_it_used() {
    let folder = Folder::filled();
    let id = finished(&folder, &["echo", "7", "--label", "batch=9"]);
    let status = folder.run(["status", &id]).succeeded().out;
    let digest = folder.json(["module", "show", "guest"])["digest"].as_str().unwrap().to_owned();
    has(&status, &format!("{id} completed\n"));
    has(&status, &format!("function   echo of guest {digest}\n"));
    has(&status, "attempt    1 of 3\n");
    has(&status, "input      3 B of application/json\n");
    has(&status, "output     3 B of application/json\n");
    has(&status, "label      batch=9\n");
    for fact in
        ["created", "started", "finished", "used       memory", "limits     timeout 1h, memory 128 MiB, no grants"]
    {
        has(&status, fact);
    }
}

#[test]
fn the_status_of_several_jobs_comes_in_the_order_they_were_asked_for() {
    let folder = Folder::filled();
    let (one, two) = (finished(&folder, &["echo"]), finished(&folder, &["fail"]));
    let status = folder.run(["status", &two, &one]).succeeded().out;
    assert!(status.find(&two).unwrap() < status.find(&one).unwrap());
    has(&status, "failed: as it was told");
}

#[test]
fn one_that_is_not_there_leaves_out_none_of_the_others() {
    let folder = Folder::filled();
    let (done, nobody) = (finished(&folder, &["echo"]), "01a210e6-75f6-745d-a226-d83f096fd45d");
    for verb in ["status", "wait"] {
        let ran = folder.run([verb, nobody, &done]).ended(3);
        has(&ran.out, &format!("{done} completed"));
        has(&ran.err, &format!("no job {nobody}"));
    }
}

#[test]
fn a_job_that_nobody_can_be_found_for_is_kept_and_named() {
    if only_here("a server runs what is due") {
        return;
    }
    let folder = Folder::filled();
    // Where a worker would log to.
    fs::create_dir(folder.data().join("worker.log")).unwrap();
    let ran = folder.run(["submit", "guest", "echo"]).ended(5);
    has(&ran.err, "background worker failed");
    assert_eq!(folder.status(&ran.line())["status"], "pending");
}

#[test]
fn a_wait_for_several_tells_each_and_ends_with_the_first_failure() {
    let folder = Folder::filled();
    let ids = ["echo", "fail", "echo"].map(|function| folder.run(["submit", "guest", function]).succeeded().line());
    let ran = folder.run(["wait", &ids[0], &ids[1], &ids[2]]).ended(1);
    let expected = format!("{} completed\n{} failed\n{} completed\n", ids[0], ids[1], ids[2]);
    assert_eq!(ran.out, expected);
    has(&ran.err, "as it was told");
}

#[test]
fn a_wait_that_runs_out_leaves_the_job_alone() {
    let folder = Folder::filled();
    let id = folder.detached(["guest", "spin"]);
    has(&folder.run(["wait", &id, "--timeout", "50ms"]).failed(124), "it was waited for 50ms");
    assert_eq!(folder.once("running"), id);
}

#[test]
fn a_log_is_read_while_the_job_runs_and_after() {
    let folder = Folder::filled();
    let id = finished(&folder, &["log", "-i", &folder.number(3)]);
    let log = folder.run(["logs", &id]).succeeded();
    assert_eq!((log.out.lines().count(), &*log.err), (3, ""));
    has(&log.out, r"warn  \u{1b}[31mred\u{7}");
    assert_eq!(folder.run(["logs", &id, "--follow"]).succeeded().out, log.out);
    assert_eq!(folder.run(["logs", &finished(&folder, &["echo"])]).succeeded().out, "");
}

#[test]
fn a_log_is_followed_to_the_end_of_its_job() {
    let folder = Folder::filled();
    let three = folder.number(3);
    let id = folder.run(["submit", "guest", "log", "-i", &three, "--delay", "500ms"]).succeeded().line();
    assert_eq!(folder.run(["logs", "-f", &id]).succeeded().out.lines().count(), 3);
    assert_eq!(folder.status(&id)["status"], "completed");
}

#[test]
fn what_is_removed_is_gone() {
    let folder = Folder::filled();
    let ids = [finished(&folder, &["echo"]), finished(&folder, &["fail"])];
    let ran = folder.run(["rm", &ids[0], &ids[1]]).succeeded();
    assert_eq!((&*ran.out, &*ran.err), ("", "removed 2\n"));
    folder.run(["status", &ids[0]]).failed(3);
    assert!(folder.list().is_empty());
}

#[test]
fn nothing_is_removed_when_one_of_them_cannot_be() {
    let folder = Folder::filled();
    let (done, nobody) = (finished(&folder, &["echo"]), "01a210e6-75f6-745d-a226-d83f096fd45d");
    folder.run(["rm", &done, nobody]).failed(3);
    assert_eq!(folder.list().len(), 1);
}

#[test]
fn cleanup_removes_what_has_expired_and_what_is_old_if_asked() {
    if only_here("a server removes what has expired by itself") {
        return;
    }
    let folder = Folder::filled();
    // It may have expired before it can be told how it ended.
    folder.run(["run", "guest", "echo", "--ttl", "1ms"]);
    finished(&folder, &["echo"]);
    let waiting = folder.run(["submit", "guest", "echo", "--delay", "1h"]).line();
    assert_eq!(folder.run(["cleanup"]).succeeded().out, "removed 1\n");
    assert_eq!(folder.run(["cleanup", "--older-than", "1h"]).succeeded().out, "removed 0\n");
    assert_eq!(folder.run(["cleanup", "--older-than", "0s"]).succeeded().out, "removed 1\n");
    let left = folder.list();
    assert_eq!((left.len(), &left[0]["id"]), (1, &Value::from(waiting)));
}

#[test]
fn what_is_no_id_is_told_as_such() {
    let folder = Folder::new();
    for verb in ["status", "result", "wait", "logs", "cancel", "rm"] {
        for id in ["not-an-id", "01A210E6-75F6-745D-A226-D83F096FD45D", "../../etc/passwd", ""] {
            has(&folder.run([verb, id]).failed(2), "is not a UUID in lower case");
        }
    }
}
