//! `process:`: children that die, are paused, do not start, and are left alone.

use super::*;

#[test]
fn a_job_runs_in_a_child_process_from_the_command_line() {
    let folder = Folder::filled();
    let ran = folder.run(["run", "guest", "echo", "5", "--backend", "process:"]);
    assert_eq!(ran.succeeded().out, "[5]\n");
    let ran = folder.run(["run", "guest", "unreachable", "--backend", "process:"]);
    has(&ran.failed(1), "unreachable");
}

#[test]
fn a_child_that_is_killed_costs_its_own_attempt_and_no_other_and_the_signal_is_named() {
    let worker = Worker::start("process:?workers=2");
    let ids = [worker.endless(&["--attempts", "1"]), worker.endless(&["--attempts", "1"])];
    ids.iter().for_each(|id| worker.at_half(id, 1));
    until("both are busy", || Some(()).filter(|()| worker.children().iter().filter(|child| child.1).count() == 2));
    signal(worker.busy(), "KILL");
    let over = |id: &&String| worker.status(id)["status"] != "running";
    let dead = until("one to end", || ids.iter().find(over));
    let job = worker.status(dead);
    assert_eq!((&job["status"], &job["failure"]["kind"]), (&"failed".into(), &"lost".into()), "{job}");
    has(job["failure"]["message"].as_str().unwrap(), "its worker was killed by SIGKILL (9)");
    let other = ids.iter().find(|id| *id != dead).unwrap();
    assert_eq!(worker.status(other)["status"], "running");
    worker.cancel(other);
    assert_eq!(worker.ended(other)["status"], "cancelled");
    worker.echoes();
}

#[test]
fn a_job_that_has_its_child_killed_three_times_ends_as_lost() {
    let worker = Worker::start("process:?workers=1");
    let id = worker.endless(&["--retry-delay", "10ms"]);
    for attempt in 1..=3 {
        worker.at_half(&id, attempt);
        signal(worker.busy(), "ABRT");
    }
    let job = worker.ended(&id);
    assert_eq!((&job["failure"]["kind"], &job["attempt"]), (&"lost".into(), &3.into()), "{job}");
    has(job["failure"]["message"].as_str().unwrap(), "SIGABRT (6)");
}

#[test]
fn a_spinning_guest_that_is_cancelled_costs_its_child_and_nobody_else() {
    let worker = Worker::start("process:?workers=1");
    let id = worker.endless(&[]);
    worker.at_half(&id, 1);
    let child = worker.busy();
    worker.cancel(&id);
    assert_eq!(worker.ended(&id)["status"], "cancelled");
    worker.echoes();
    assert!(!lives(child), "its code cannot be stopped");
}

#[test]
fn a_guest_that_asks_whether_it_is_cancelled_leaves_its_child_to_the_next() {
    let worker = Worker::start("process:?workers=1");
    let id = worker.submit(&["zero", "0"]);
    worker.running(&id, 1);
    let child = worker.busy();
    worker.cancel(&id);
    assert_eq!(worker.ended(&id)["status"], "cancelled");
    worker.echoes();
    assert!(worker.children().iter().any(|(id, _)| *id == child), "it was asked, not killed");
}

#[test]
fn a_child_that_is_paused_is_ended_after_its_silence_and_what_it_had_is_tried_again() {
    let worker = Worker::start("process:?workers=1&silence=2s");
    let id = worker.endless(&["--retry-delay", "10ms"]);
    worker.at_half(&id, 1);
    let child = worker.busy();
    signal(child, "STOP");
    worker.at_half(&id, 2);
    assert!(!lives(child), "it can say nothing any more");
    worker.cancel(&id);
    let job = worker.ended(&id);
    assert_eq!((&job["status"], &job["attempt"]), (&"cancelled".into(), &2.into()), "{job}");
}

#[test]
fn a_child_that_is_paused_is_cancelled_all_the_same() {
    let worker = Worker::start("process:?workers=1&silence=1h");
    let id = worker.endless(&[]);
    worker.at_half(&id, 1);
    let child = worker.busy();
    signal(child, "STOP");
    worker.cancel(&id);
    assert_eq!(worker.ended(&id)["status"], "cancelled");
    until("it is killed", || Some(()).filter(|()| !lives(child)));
}

#[test]
fn children_go_when_their_host_is_killed() {
    let mut worker = Worker::start("process:?workers=2");
    let id = worker.endless(&["--attempts", "1"]);
    worker.at_half(&id, 1);
    worker.busy();
    let children = worker.children();
    worker.kill();
    until("all are gone", || Some(()).filter(|()| children.iter().all(|(id, _)| !lives(*id))));
}

#[test]
fn a_child_that_does_not_start_is_an_error_that_names_the_program_and_why() {
    let folder = Folder::filled();
    // Compiled already: what does not start is the child itself.
    folder.run(["run", "guest", "echo", "5", "--backend", "process:"]).succeeded();
    let run = |program: &str| {
        let mut command = folder.command(["run", "guest", "echo", "5", "--attempts", "1", "--backend", "process:"]);
        Ran::of(command.env("AU_COMPILER", program)).failed(1)
    };
    let said = run("/nowhere/au-host");
    has(&said, "/nowhere/au-host");
    has(&said, "No such file");
    has(&run("/bin/false"), "ended with exit code 1");
    let mut doctor = folder.command(["doctor", "--backend", "process:"]);
    let ran = Ran::of(doctor.env("AU_COMPILER", "/bin/false")).ended(5);
    has(&ran.out, "BAD  backend");
    has(&folder.run(["doctor", "--backend", "process:"]).succeeded().out, "process: answers");
}

#[test]
fn a_child_has_limits_of_the_kernel_and_no_environment() {
    let worker = Worker::start("process:?workers=1");
    let id = worker.endless(&["--timeout", "100s"]);
    worker.at_half(&id, 1);
    let child = worker.busy();
    let limits = fs::read_to_string(format!("/proc/{child}/limits")).unwrap();
    let soft = |name: &str| {
        let line = limits.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.split_whitespace().next().unwrap().to_owned()
    };
    assert_eq!(soft("Max core file size"), "0");
    assert_eq!(soft("Max open files"), "256");
    assert!((200..=300).contains(&soft("Max cpu time").parse().unwrap()), "{limits}");
    let memory = soft("Max data size").parse::<u64>().unwrap();
    assert!((128 << 20..=2 << 30).contains(&memory), "{limits}");
    assert_eq!(fs::read(format!("/proc/{child}/environ")).unwrap(), b"");
    worker.cancel(&id);
}

#[test]
fn what_is_no_backend_is_refused_with_what_is_one() {
    let folder = Folder::new();
    has(&folder.run(["run", "guest.wasm", "echo", "--backend", "docker:"]).failed(2), "process:");
}
