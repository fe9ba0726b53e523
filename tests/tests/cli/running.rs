//! `run`: what is run, with what, and what comes out where.

use std::fs;
use std::io::Write;
use std::process::Stdio;

use super::*;

#[test]
fn a_file_is_run_and_stdout_has_its_result_alone() {
    let ran = Folder::new().run(["run", "guest.wasm", "echo", "1", "2"]).succeeded();
    assert_eq!((&*ran.out, &*ran.err), ("[1,2]\n", ""));
}

#[test]
fn a_file_a_name_and_a_digest_run_the_same_code() {
    let folder = Folder::filled();
    let digest = folder.json(["module", "show", "guest"])["digest"].as_str().unwrap().to_owned();
    let path = folder.path("guest.wasm").display().to_string();
    for target in ["guest", &digest, "guest.wasm", "./guest.wasm", &path] {
        folder.run(["run", target, "echo"]).succeeded();
    }
    let jobs = folder.list();
    assert_eq!(jobs.len(), 5);
    assert!(jobs.iter().all(|job| job["module"] == digest), "{jobs:?}");
}

#[test]
fn a_name_means_what_was_added_and_not_a_file_of_that_name() {
    let folder = Folder::filled();
    folder.write("guest", "no module at all");
    folder.run(["run", "guest", "echo"]).succeeded();
}

#[test]
fn the_function_may_be_left_out_when_there_is_one() {
    let folder = Folder::filled();
    for words in [&["5"][..], &["echo", "5"], &["5", "word"], &["echo", "5", "word"]] {
        let ran = folder.run(["run", "one"].into_iter().chain(words.iter().copied())).succeeded();
        assert!(["[5]\n", "[5,\"word\"]\n"].contains(&&*ran.out), "{}", ran.out);
    }
}

#[test]
fn of_several_functions_one_has_to_be_named() {
    let error = Folder::filled().run(["run", "guest"]).failed(2);
    has(&error, "say which function: echo, spin, grow");
}

#[test]
fn a_job_that_waits_for_its_time_is_waited_for() {
    let folder = Folder::filled();
    folder.run(["run", "guest", "echo", "--delay", "300ms"]).succeeded();
    let timing = |what: &str| folder.list()[0][what].as_str().unwrap().to_owned();
    assert!(timing("started") > timing("created"));
}

#[test]
fn the_result_goes_to_a_file_that_is_named_byte_for_byte() {
    let folder = Folder::filled();
    let bytes: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    folder.write("in.dat", &bytes);
    let ran = folder.run(["run", "guest", "echo", "-i", "in.dat", "-o", "out.dat"]).succeeded();
    assert_eq!((&*ran.out, &*ran.err), ("", ""));
    assert_eq!(fs::read(folder.path("out.dat")).unwrap(), bytes);
    // To a pipe it goes as it is.
    assert_eq!(folder.run(["run", "guest", "echo", "-i", "in.dat"]).succeeded().bytes, bytes);
}

#[test]
fn a_result_that_is_to_go_to_a_file_called_dash_goes_to_stdout_as_it_is() {
    let folder = Folder::filled();
    folder.write("in.txt", "no line end");
    let ran = folder.run(["run", "guest", "echo", "-i", "in.txt", "-o", "-"]).succeeded();
    assert_eq!((&*ran.out, folder.path("-").exists()), ("no line end", false));
    let id = folder.list()[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(folder.run(["result", &id, "-o", "-"]).succeeded().out, "no line end");
    assert_eq!(folder.json(["result", &id, "-o", "-"])["output"], "no line end");
}

#[test]
fn a_file_that_cannot_be_made_is_refused_before_the_job_runs() {
    let folder = Folder::filled();
    has(&folder.run(["run", "guest", "echo", "-o", "nowhere/out"]).failed(3), "no folder nowhere");
    assert!(folder.list().is_empty());
}

#[test]
fn stdin_is_the_whole_input_of_a_dash() {
    let folder = Folder::filled();
    for (given, kind) in [("[1, 2]", "application/json"), ("no json", "text/plain"), ("\u{0}\u{1}", "text/plain")] {
        let mut child = folder.command(["run", "guest", "echo", "--input", "-"]);
        let mut child = child.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(given.as_bytes()).unwrap();
        let ran = Ran::to_the_end(child).succeeded();
        assert_eq!(ran.out.trim_end_matches('\n'), given);
        assert_eq!(folder.list()[0]["input"]["content_type"], kind);
    }
}

#[test]
fn the_log_is_talk_and_goes_to_stderr_unless_it_is_to_be_quiet() {
    let folder = Folder::filled();
    let three = folder.number(3);
    let loud = folder.run(["run", "guest", "log", "-i", &three]).succeeded();
    assert_eq!(loud.err.lines().count(), 3, "{}", loud.err);
    assert_eq!(loud.bytes, 3_u32.to_le_bytes());
    let quiet = folder.run(["run", "guest", "log", "-i", &three, "--quiet"]).succeeded();
    assert_eq!((quiet.bytes, &*quiet.err), (loud.bytes, ""));
    has(&folder.run(["run", "guest", "fail", "-q"]).failed(1), "as it was told");
}

#[test]
fn lines_that_did_not_fit_in_the_log_are_counted() {
    let folder = Folder::filled();
    let ran = folder.run(["run", "guest", "log", "-i", &folder.number(10), "--max-log-lines", "4"]).succeeded();
    has(&ran.err, "6 more lines were dropped");
    assert_eq!(ran.err.lines().count(), 5, "{}", ran.err);
}

#[test]
fn a_run_is_kept_and_an_ephemeral_one_is_not() {
    let folder = Folder::filled();
    let ran = folder.run(["run", "guest", "echo", "7", "--ephemeral"]).succeeded();
    assert_eq!((&*ran.out, &*ran.err), ("[7]\n", ""));
    folder.run(["run", "guest", "fail", "--ephemeral"]).failed(1);
    assert!(folder.list().is_empty());
    folder.run(["run", "guest", "echo", "7"]).succeeded();
    let jobs = folder.list();
    assert_eq!((jobs.len(), &jobs[0]["status"]), (1, &Value::from("completed")));
}

#[test]
fn an_attempt_that_may_work_later_is_tried_again() {
    let folder = Folder::filled();
    folder.run(["run", "guest", "yes-third", "--retry-delay", "1ms"]).succeeded();
    let jobs = folder.list();
    assert_eq!(jobs[0]["attempt"], 3);
    let status = folder.run(["status", jobs[0]["id"].as_str().unwrap()]).succeeded().out;
    let told = |outcome: &str| status.matches(&format!("{outcome} after ")).count();
    assert_eq!((told("transient"), told("completed")), (2, 1), "each attempt is told of: {status}");
    has(&folder.run(["run", "guest", "yes-third", "--retry-delay", "1ms", "--attempts", "2"]).failed(1), "transient");
}
