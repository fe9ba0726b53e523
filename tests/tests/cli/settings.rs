//! Limits, grants and notes as options: each reaches the job, and values that make no sense are refused.

use super::*;

#[test]
fn every_option_is_kept_with_the_job() {
    let folder = Folder::filled();
    let options = "--timeout 90s --memory 64MiB --fuel 1000000 --max-output 1k --max-log 2k --max-log-lines 7 --stack 256KiB \
        --table-elements 99 --instances 9 --attempts 5 --retry-delay 2s --max-retry-delay 9s --backoff linear --jitter 20 --retry-on failed,timed-out --priority -3 --ttl 1h --key once --label a=1 \
        --label b=x=y --clock --random --env ONE=1 --env TWO=2=2";
    let dir = folder.path("");
    let dir = dir.to_str().unwrap();
    let grants = ["--dir", &format!("{dir}=/in"), "--dir-rw", &format!("{dir}=/out")].map(str::to_owned);
    let words = ["run", "guest", "echo"].into_iter().chain(options.split_whitespace());
    folder.run(words.chain(grants.iter().map(String::as_str))).succeeded();
    let job = &folder.list()[0];
    let limits = &job["options"]["sandbox"]["limits"];
    let expected = serde_json::json!({
        "timeout": 90_000, "memory": 64 << 20, "fuel": 1_000_000, "output": 1024, "log_bytes": 2048, "log_lines": 7,
        "stack": 256 << 10, "table_elements": 99, "instances": 9,
    });
    assert_eq!(*limits, expected);
    let grants = &job["options"]["sandbox"]["grants"];
    assert_eq!(grants["env"], serde_json::json!({ "ONE": "1", "TWO": "2=2" }));
    assert_eq!((&grants["clock"], &grants["random"]), (&true.into(), &true.into()));
    assert_eq!((&grants["dirs"][0]["guest"], &grants["dirs"][0]["write"]), (&"/in".into(), &false.into()));
    assert_eq!((&grants["dirs"][1]["guest"], &grants["dirs"][1]["write"]), (&"/out".into(), &true.into()));
    let options = &job["options"];
    assert_eq!((&options["retry"]["attempts"], &options["priority"]), (&5.into(), &(-3).into()));
    let retry = &options["retry"];
    assert_eq!((&retry["delay"]["secs"], &retry["max_delay"]["secs"]), (&2.into(), &9.into()));
    assert_eq!((&retry["backoff"], &retry["jitter"]), (&"linear".into(), &20.into()));
    assert_eq!(retry["on"], serde_json::json!(["failed", "timed-out"]));
    assert_eq!((&options["ttl"]["secs"], &options["key"]["name"]), (&3600.into(), &"once".into()));
    assert_eq!(options["labels"], serde_json::json!({ "a": "1", "b": "x=y" }));
    assert!(job["usage"]["fuel"].as_u64().unwrap() > 0);
}

#[test]
fn nothing_is_granted_that_was_not_asked_for() {
    let folder = Folder::filled();
    folder.run(["run", "guest", "echo"]).succeeded();
    let grants = &folder.list()[0]["options"]["sandbox"]["grants"];
    assert_eq!(*grants, serde_json::json!({ "env": {}, "dirs": [], "clock": false, "random": false }));
}

#[test]
fn a_variable_without_a_value_is_handed_on_if_it_is_set() {
    let folder = Folder::filled();
    let words = ["run", "guest", "echo", "--env", "OURS"];
    Ran::of(folder.command(words).env("OURS", "value")).succeeded();
    assert_eq!(folder.list()[0]["options"]["sandbox"]["grants"]["env"]["OURS"], "value");
    has(&folder.run(words).failed(2), "OURS: environment variable not found");
}

#[test]
fn a_value_that_makes_no_sense_is_named_with_its_option() {
    let folder = Folder::filled();
    for (option, value) in [
        ("--timeout", "banana"),
        ("--timeout", "30"),
        ("--timeout", "0s"),
        ("--memory", "1x"),
        ("--memory", "-1"),
        ("--memory", "0"),
        ("--fuel", "many"),
        ("--fuel", "0"),
        ("--attempts", "0"),
        ("--attempts", "1001"),
        ("--backoff", "quadratic"),
        ("--jitter", "101"),
        ("--retry-on", "cancelled"),
        ("--retry-on", "everything"),
        ("--priority", "high"),
        ("--label", "novalue"),
        ("--label", "=x"),
        ("--key", ""),
        ("--dir", "nowhere"),
    ] {
        let error = folder.run(["run", "guest", "echo", option, value]).failed(2);
        has(&error, option.trim_start_matches("--").split('-').next_back().unwrap());
    }
    assert!(folder.list().is_empty());
}

#[test]
fn more_than_there_is_is_refused_and_not_trimmed() {
    let folder = Folder::filled();
    for (option, value, ceiling) in [
        ("--memory", "99TiB", "4096 MiB"),
        ("--timeout", "99years", "1year"),
        ("--max-output", "2GiB", "1024 MiB"),
        ("--stack", "5MiB", "4 MiB"),
        ("--table-elements", "1000001", "1000000"),
    ] {
        let error = folder.run(["run", "guest", "echo", option, value]).failed(4);
        has(&error, &format!("is over this host's ceiling of {ceiling}"));
    }
    assert!(folder.list().is_empty());
}

#[test]
fn a_label_that_is_given_twice_is_refused() {
    let folder = Folder::filled();
    let error = folder.run(["run", "guest", "echo", "--label", "a=b", "--label", "a=c"]).failed(2);
    has(&error, "\"a\" is given twice");
    assert!(folder.list().is_empty());
}

#[test]
fn the_same_key_gives_the_same_job() {
    let folder = Folder::filled();
    let one = folder.run(["run", "guest", "echo", "1", "--key", "once"]).succeeded();
    let two = folder.run(["run", "guest", "echo", "1", "--key", "once"]).succeeded();
    assert_eq!((&*one.out, &*two.out), ("[1]\n", "[1]\n"));
    assert_eq!(folder.list().len(), 1);
}

#[test]
fn the_key_of_another_call_is_refused_and_gives_no_result_of_that() {
    let folder = Folder::filled();
    folder.run(["run", "guest", "echo", "1", "--key", "once"]).succeeded();
    let id = folder.list()[0]["id"].as_str().unwrap().to_owned();
    for words in [&["run"][..], &["run", "--detach"], &["submit"]] {
        for call in [["guest", "echo", "2"], ["guest", "spin", "1"], ["one", "echo", "1"]] {
            let error = folder.run(words.iter().chain(&call).chain(&["--key", "once"]).copied()).failed(4);
            has(&error, &format!("error: the key once is taken\n  why: it names job {id}, which is another call"));
            has(&error, "try: give each call a --key of its own");
        }
    }
    assert_eq!(folder.list().len(), 1);
}

#[test]
fn a_key_that_holds_until_the_job_has_finished_gives_a_new_job_after_that() {
    let folder = Folder::filled();
    let submit = || {
        let words = ["guest", "spin", "--key", "sync", "--key-holds", "until-finished"];
        folder.detached(words)
    };
    let first = submit();
    assert_eq!(submit(), first);
    folder.run(["cancel", &first]).succeeded();
    assert_eq!(folder.run(["wait", &first]).code, Some(130));
    let second = submit();
    assert_ne!(second, first);
    folder.run(["cancel", &second]).succeeded();
    folder.run(["run", "guest", "echo", "--key-holds", "until-finished"]).failed(2);
    has(&folder.run(["run", "guest", "echo", "--key", "a", "--key-holds", "long"]).failed(2), "until-finished");
}
