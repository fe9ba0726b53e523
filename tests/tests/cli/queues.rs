//! `queue` and `function`: how many jobs may run at once, said and shown; and `worker`, which is of those who run them.

use super::*;

fn queue(folder: &Folder, name: &str) -> Value {
    folder.json(["queue", "show", name])
}

#[test]
fn a_queue_is_given_limits_that_are_shown_changed_one_by_one_and_taken_away() {
    let folder = Folder::new();
    let set = folder.json(["queue", "set", "mail", "--concurrency", "2", "--per-key", "1"]);
    assert_eq!((&set["concurrency"], &set["per_key"], &set["paused"]), (&2.into(), &1.into(), &false.into()));
    folder.run(["queue", "set", "mail", "--per-key", "none", "--per-function", "3"]).succeeded();
    let changed = queue(&folder, "mail");
    assert_eq!(
        (&changed["concurrency"], &changed["per_key"], &changed["per_function"]),
        (&2.into(), &Value::Null, &3.into())
    );
    let list = folder.run(["queue", "list"]).succeeded().out;
    has(&list, "mail");
    has(&list, "default");
    folder.run(["queue", "remove", "mail"]).succeeded();
    has(&folder.run(["queue", "show", "mail"]).failed(3), "mail");
    has(&folder.run(["queue", "remove", "mail"]).failed(3), "mail");
    has(&folder.run(["queue", "set", "mail", "--concurrency", "0"]).failed(2), "pause");
    has(&folder.run(["queue", "set", "mail", "--concurrency", "many"]).failed(2), "neither a count nor none");
}

#[test]
fn jobs_of_a_paused_queue_wait_until_it_is_resumed_and_others_do_not() {
    let folder = Folder::filled();
    folder.run(["queue", "pause", "later"]).succeeded();
    assert_eq!(queue(&folder, "later")["paused"], true);
    let waits = folder.run(["submit", "guest", "echo", "1", "--queue", "later"]).succeeded().line();
    let goes = folder.run(["submit", "guest", "echo", "2"]).succeeded().line();
    folder.run(["wait", &goes]).succeeded();
    let job = folder.status(&waits);
    assert_eq!((&job["status"], &job["options"]["queue"]), (&"pending".into(), &"later".into()));
    assert_eq!(queue(&folder, "later")["pending"], 1);
    has(&folder.run(["status", &waits]).succeeded().out, "queue      later");
    folder.run(["queue", "resume", "later"]).succeeded();
    folder.run(["wait", &waits]).succeeded();
    assert_eq!(folder.run(["result", &waits]).succeeded().out, "[1]\n");
}

#[test]
fn of_a_job_whose_queue_or_function_is_paused_status_and_wait_say_that_and_how_it_goes_on() {
    for pauses in [["queue", "pause", "later"], ["function", "pause", "guest/echo"]] {
        // One of its own: a worker that is there already hears of a pause within seconds.
        let folder = Folder::filled();
        folder.run(pauses).succeeded();
        let id = folder.run(["submit", "guest", "echo", "1", "--queue", "later"]).succeeded().line();
        let resumes = format!("is paused: `au-host {} resume {}` goes on with it", pauses[0], pauses[2]);
        let status = folder.run(["status", &id]).succeeded().out;
        has(&status, &resumes);
        assert!(!status.contains("nobody runs it"), "{status}");
        let job = folder.status(&id);
        assert_eq!(job["unattended"], false);
        assert_eq!(job["hold"][format!("paused_{}", pauses[0])], pauses[2]);
        let mut waits = folder.command(["wait", &id]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stderr = BufReader::new(waits.stderr.take().unwrap());
        let mut said = String::new();
        stderr.read_line(&mut said).unwrap();
        has(&said, &resumes);
        folder.run([pauses[0], "resume", pauses[2]]).succeeded();
        assert_eq!(waits.wait().unwrap().code(), Some(0));
        assert_eq!(stderr.lines().count(), 0, "it is said once");
    }
}

#[test]
fn whoever_removes_what_is_paused_is_told_that_it_goes_on() {
    let folder = Folder::filled();
    for (kind, name) in [("queue", "mail"), ("function", "guest/echo")] {
        folder.run([kind, "pause", name]).succeeded();
        has(&folder.run([kind, "remove", name]).succeeded().err, "it was paused, and what waits for it may start now");
        folder.run([kind, "set", name, "--concurrency", "1"]).succeeded();
        assert!(!folder.run([kind, "remove", name]).succeeded().err.contains("paused"));
    }
}

#[test]
fn of_a_queue_with_a_limit_no_more_run_at_once() {
    let folder = Folder::filled();
    folder.run(["queue", "set", "narrow", "--concurrency", "1"]).succeeded();
    let submit = || folder.run(["submit", "guest", "spin", "--queue", "narrow", "--timeout", "1h"]).succeeded().line();
    let ids = [submit(), submit(), submit()];
    folder.once("running");
    let other = folder.run(["submit", "guest", "echo", "1"]).succeeded().line();
    folder.run(["wait", &other]).succeeded();
    let shown = queue(&folder, "narrow");
    assert_eq!((&shown["running"], &shown["pending"]), (&1.into(), &2.into()));
    folder.run(["cancel", &ids[0]]).succeeded();
    until("the next", || (folder.status(&ids[1])["status"] == "running").then_some(()));
    assert_eq!(queue(&folder, "narrow")["running"], 1);
    folder.run(["cancel", &ids[1], &ids[2]]).succeeded();
}

#[test]
fn what_a_job_does_not_say_is_as_the_policy_of_its_function_has_it() {
    let folder = Folder::filled();
    let set = [
        "function",
        "set",
        "guest/echo",
        "--queue",
        "echoes",
        "--priority",
        "7",
        "--attempts",
        "5",
        "--retry-delay",
        "2s",
    ];
    folder.run(set).succeeded();
    folder.run(["function", "set", "guest/echo", "--backoff", "linear"]).succeeded();
    let id = folder.run(["submit", "guest", "echo", "1"]).succeeded().line();
    let options = &folder.status(&id)["options"];
    assert_eq!((&options["queue"], &options["priority"]), (&"echoes".into(), &7.into()));
    assert_eq!((&options["retry"]["attempts"], &options["retry"]["backoff"]), (&5.into(), &"linear".into()));
    let said = ["submit", "guest", "echo", "1", "--queue", "mine", "--priority", "0", "--attempts", "1"];
    let id = folder.run(said).succeeded().line();
    let options = &folder.status(&id)["options"];
    assert_eq!((&options["queue"], &options["priority"]), (&"mine".into(), &0.into()));
    assert_eq!(options["retry"]["attempts"], 1);
    let shown = folder.json(["function", "show", "guest/echo"]);
    assert_eq!((&shown["queue"], &shown["retry"]["attempts"]), (&"echoes".into(), &5.into()));
    has(&folder.run(["function", "list"]).succeeded().out, "guest/echo");
    folder.run(["function", "remove", "guest/echo"]).succeeded();
    let id = folder.run(["submit", "guest", "echo", "1"]).succeeded().line();
    assert_eq!(folder.status(&id)["options"]["queue"], Value::Null);
    has(&folder.run(["function", "set", "echo", "--priority", "1"]).failed(2), "MODULE/FUNCTION");
    has(&folder.run(["function", "set", "guest/echo", "--priority", "101"]).failed(2), "priority");
}

#[test]
fn jobs_of_a_paused_function_wait_until_it_is_resumed() {
    let folder = Folder::filled();
    folder.run(["function", "pause", "guest/echo"]).succeeded();
    let waits = folder.run(["submit", "guest", "echo", "1"]).succeeded().line();
    let goes = folder.run(["submit", "guest", "current"]).succeeded().line();
    folder.run(["wait", &goes]).succeeded();
    assert_eq!(folder.status(&waits)["status"], "pending");
    folder.run(["function", "resume", "guest/echo"]).succeeded();
    folder.run(["wait", &waits]).succeeded();
}

#[test]
fn a_key_is_kept_and_names_are_bounded() {
    let folder = Folder::filled();
    let id = folder.run(["submit", "guest", "echo", "1", "--concurrency-key", "customer 7"]).succeeded().line();
    assert_eq!(folder.status(&id)["options"]["concurrency_key"], "customer 7");
    let long = "x".repeat(256);
    has(&folder.run(["submit", "guest", "echo", "1", "--queue", &long]).failed(2), "queue");
    has(&folder.run(["submit", "guest", "echo", "1", "--concurrency-key", ""]).failed(2), "concurrency key");
}

#[test]
fn those_who_work_are_listed_and_one_that_is_not_there_is_not_drained() {
    let folder = Folder::filled();
    let workers = folder.json(["worker", "list"]);
    assert!(workers.is_array(), "{workers}");
    if crate::OVER_HTTP {
        let list = || {
            let workers = folder.json(["worker", "list"]);
            workers[0]["id"].as_str().map(str::to_owned)
        };
        let id = until("the server in the list", list);
        folder.run(["worker", "drain", &id]).succeeded();
        until("it to be draining", || (folder.json(["worker", "list"])[0]["draining"] == true).then_some(()));
    }
    has(&folder.run(["worker", "drain", "0198c5a0-7d2c-7b3e-9c4f-0123456789ab"]).failed(3), "worker");
}
