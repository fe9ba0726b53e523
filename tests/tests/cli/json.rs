//! `--json`: the same facts, for programs.

use super::*;

#[test]
fn a_run_gives_its_job_and_its_output() {
    let folder = Folder::filled();
    let done = folder.json(["run", "guest", "echo", "7", "word"]);
    assert_eq!(done["output"], serde_json::json!([7, "word"]));
    assert_eq!(done["job"], folder.list()[0]);
}

#[test]
fn an_output_of_text_is_a_string_and_one_of_bytes_is_left_out() {
    let folder = Folder::filled();
    folder.write("in.txt", "a \"text\"\n");
    folder.write("in.dat", [0xff, 0, 1]);
    assert_eq!(folder.json(["run", "guest", "echo", "-i", "in.txt"])["output"], "a \"text\"\n");
    let bytes = folder.json(["run", "guest", "echo", "-i", "in.dat", "-o", "out.dat"]);
    assert_eq!((&bytes["output"], &bytes["job"]["output"]["bytes"]), (&Value::Null, &3.into()));
    assert_eq!(std::fs::read(folder.path("out.dat")).unwrap(), [0xff, 0, 1]);
}

#[test]
fn a_failure_is_a_fact_on_stdout_and_an_error_on_stderr() {
    let folder = Folder::filled();
    let ran = folder.run(["run", "guest", "xpanic", "--json"]).ended(1);
    let failure = &ran.json()["job"]["failure"];
    assert_eq!((&failure["kind"], &failure["trace"][0]), (&"panic".into(), &"src/lib.rs:7:5".into()));
    let error: Value = serde_json::from_str(&ran.err).unwrap();
    assert_eq!((&error["error"]["code"], &error["error"]["exit"]), (&"failed".into(), &1.into()));
    assert_eq!(error["error"]["failure"], *failure);
    assert_eq!(error["error"]["job"], ran.json()["job"]["id"]);
}

#[test]
fn every_error_is_json_with_the_code_it_ends_with() {
    let folder = Folder::filled();
    for (words, code, exit) in [
        ("run guest nothing --json", "not_found", 3),
        ("--json run guest echo --memory 1TiB", "refused", 4),
        ("run guest --json", "invalid", 2),
        ("status x --json", "usage", 2),
        ("--json frob", "usage", 2),
    ] {
        let ran = folder.run(words.split(' ')).ended(exit);
        assert_eq!(ran.out, "");
        let error: Value = serde_json::from_str(&ran.err).unwrap_or_else(|_| panic!("{words}: {}", ran.err));
        assert_eq!((&error["error"]["code"], &error["error"]["exit"]), (&code.into(), &exit.into()), "{words}");
        for line in ["what", "why", "try"] {
            assert!(!error["error"][line].as_str().unwrap().is_empty(), "{words}: {error}");
        }
    }
}

#[test]
fn the_facts_of_a_status_are_those_of_the_text() {
    let folder = Folder::filled();
    folder.run(["run", "guest", "fail", "--label", "a=1"]).failed(1);
    let id = folder.list()[0]["id"].as_str().unwrap().to_owned();
    let (text, facts) = (folder.run(["status", &id]).out, folder.status(&id));
    for fact in ["id", "status", "function", "module", "created", "started", "finished"] {
        has(&text, facts[fact].as_str().unwrap());
    }
    has(&text, facts["failure"]["message"].as_str().unwrap());
    has(&text, &format!("attempt    {} of {}", facts["attempt"], facts["options"]["retry"]["attempts"]));
    assert_eq!(facts["unattended"], false);
}

#[test]
fn the_facts_of_a_log_are_those_of_the_text() {
    let folder = Folder::filled();
    folder.run(["run", "guest", "log", "-i", &folder.number(2)]).succeeded();
    let id = folder.list()[0]["id"].as_str().unwrap().to_owned();
    let (text, json) = (folder.run(["logs", &id]).out, folder.run(["logs", &id, "--json"]).out);
    let lines: Vec<Value> = json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2);
    for (line, shown) in lines.iter().zip(text.lines()) {
        has(shown, line["at"].as_str().unwrap());
        has(shown, line["level"].as_str().unwrap());
        assert!(line["message"].as_str().unwrap().contains("red"), "{line}");
    }
}

#[test]
fn a_submit_gives_the_job() {
    let folder = Folder::filled();
    let job = folder.json(["submit", "guest", "echo", "--delay", "1h"]);
    assert_eq!((&job["status"], &job["id"]), (&"pending".into(), &folder.list()[0]["id"]));
    let detached = folder.json(["run", "guest", "echo", "--detach"]);
    folder.run(["wait", detached["id"].as_str().unwrap()]).succeeded();
}

#[test]
fn a_wait_gives_a_job_a_line() {
    let folder = Folder::filled();
    let ids = ["1", "2"].map(|n| folder.run(["submit", "guest", "echo", n]).line());
    let ran = folder.run(["wait", &ids[0], &ids[1], "--json"]).succeeded();
    let jobs: Vec<Value> = ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!([&jobs[0]["id"], &jobs[1]["id"]], [&ids[0], &ids[1]]);
    assert!(jobs.iter().all(|job| job["status"] == "completed"), "{jobs:?}");
}

#[test]
fn what_changes_something_tells_what_it_changed() {
    let folder = Folder::filled();
    let id = folder.run(["submit", "guest", "echo", "--delay", "1h"]).line();
    let cancelled = folder.json(["cancel", &id]);
    assert_eq!((&cancelled["id"], &cancelled["status"]), (&id.clone().into(), &"cancelled".into()));
    assert_eq!(folder.json(["rm", &id]), serde_json::json!({ "removed": 1 }));
    assert_eq!(folder.json(["cleanup", "--older-than", "1h"]), serde_json::json!({ "removed": 0 }));
    let digest = folder.json(["module", "show", "guest"])["digest"].clone();
    assert_eq!(
        folder.json(["module", "alias", "other", "guest"]),
        serde_json::json!({ "name": "other", "module": digest })
    );
    assert_eq!(folder.json(["module", "rm", "other"]), serde_json::json!({ "removed": { "name": "other" } }));
    let gone = folder.json(["module", "rm", "guest"]);
    assert_eq!(gone, serde_json::json!({ "removed": { "module": digest, "names": ["guest"] } }));
}

#[test]
fn control_characters_are_escaped_in_facts_too() {
    let folder = Folder::filled();
    let ran = folder.run(["run", "guest", "echo", "--label", "c1=\u{9b}31m\u{7f}", "--json"]).succeeded();
    assert!(!ran.out.chars().any(|c| c.is_control() && c != '\n'), "{:?}", ran.out);
    assert_eq!(ran.json()["job"]["options"]["labels"]["c1"], "\u{9b}31m\u{7f}");
}
