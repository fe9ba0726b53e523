//! Every exit code, by a real case, and how a failure is told.

use super::*;

#[test]
fn done_is_0() {
    Folder::filled().run(["run", "guest", "echo"]).succeeded();
}

#[test]
fn a_failed_job_is_1_and_says_why() {
    let folder = Folder::filled();
    for (function, kind, why) in [
        ("fail", "failed", "as it was told"),
        ("invalid", "invalid-input", "as it was told"),
        ("unreachable", "trap", "unreachable"),
        ("divide", "trap", "divide by zero"),
        ("outside", "trap", "out of bounds"),
        ("recurse", "stack-overflow", "524288"),
        ("grow", "out-of-memory", "134217728"),
        ("table", "table-limit", "20000"),
        ("xpanic", "panic", "as it was told"),
    ] {
        let error = folder.run(["run", "guest", function]).failed(1);
        let id = folder.list()[0]["id"].as_str().unwrap().to_owned();
        has(&error, &format!("error: job {id} failed: {kind}"));
        has(&error, why);
        // Asked again, it is told the same.
        assert_eq!(folder.run(["result", &id]).failed(1), error);
        assert_eq!(folder.list()[0]["failure"]["kind"], kind);
    }
}

#[test]
fn a_limit_that_was_hit_is_1_with_the_option_that_raises_it() {
    let folder = Folder::filled();
    has(&folder.run(["run", "guest", "spin", "--fuel", "100000"]).failed(1), "--fuel");
    has(&folder.run(["run", "guest", "grow", "--memory", "1MiB"]).failed(1), "--memory");
    has(&folder.run(["run", "guest", "whole", "--max-output", "100"]).failed(1), "--max-output");
}

#[test]
fn a_panic_says_where() {
    let folder = Folder::filled();
    has(&folder.run(["run", "guest", "xpanic"]).failed(1), "src/lib.rs:7:5");
}

#[test]
fn what_cannot_be_understood_is_2() {
    Folder::filled().run(["run", "guest", "echo", "--frob"]).failed(2);
}

#[test]
fn what_is_not_there_is_3() {
    let folder = Folder::filled();
    let nobody = "01a210e6-75f6-745d-a226-d83f096fd45d";
    for verb in ["status", "result", "wait", "logs", "rm"] {
        has(&folder.run([verb, nobody]).failed(3), &format!("no job {nobody}"));
    }
    has(&folder.run(["cancel", nobody]).failed(3), nobody);
    has(&folder.run(["logs", "--follow", nobody]).failed(3), nobody);
}

#[test]
fn what_has_expired_is_3_and_told_as_that() {
    let folder = Folder::filled();
    let id = folder.run(["run", "guest", "echo", "--ttl", "2s", "--json"]).succeeded().json()["job"]["id"].clone();
    let id = id.as_str().unwrap();
    let gone = until("its end", || Some(folder.run(["status", id])).filter(|ran| ran.code != Some(0)));
    has(&gone.failed(3), "has expired");
}

#[test]
fn what_is_not_allowed_is_4() {
    let folder = Folder::filled();
    has(&folder.run(["run", "guest", "echo", "--memory", "1TiB"]).failed(4), "refused");
    folder.run(["run", "guest", "echo"]).succeeded();
    let id = folder.list()[0]["id"].as_str().unwrap().to_owned();
    has(&folder.run(["cancel", &id]).failed(4), "has already finished");
    let id = folder.run(["submit", "guest", "echo", "--delay", "1h"]).line();
    let error = folder.run(["rm", &id]).failed(4);
    has(&error, "is pending; cancel it first");
    has(&error, "try: `au-host cancel ID` stops it");
}

#[test]
fn what_the_host_cannot_do_is_5() {
    if only_here("the database is put out from under the program") {
        return;
    }
    let folder = Folder::filled();
    folder.damage();
    let error = folder.run(["list"]).failed(5);
    has(&error, "try: put a backup in its place");
}

#[test]
fn what_timed_out_is_124() {
    let folder = Folder::filled();
    has(&folder.run(["run", "guest", "spin", "--timeout", "100ms"]).failed(124), "timed-out");
    let id = folder.detached(["guest", "spin"]);
    has(&folder.run(["result", &id, "--timeout", "100ms"]).failed(124), "the job goes on");
    assert!(!folder.status(&id)["status"].as_str().unwrap().contains("failed"));
}

#[test]
fn what_was_cancelled_is_130() {
    let folder = Folder::filled();
    let id = folder.run(["submit", "guest", "echo", "--delay", "1h"]).line();
    folder.run(["cancel", &id, "--reason", "not any more"]).succeeded();
    has(&folder.run(["result", &id]).failed(130), "not any more");
}

#[test]
fn what_is_not_allowed_is_told_with_what_would_be() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::filled();
    has(&folder.run(["run", "guest", "echo", "--memory", "900GiB"]).failed(4), "try: ask for less");
    has(&folder.run(["schedule", "show", "nothing"]).failed(3), "try: `au-host schedule list`");
    has(&folder.run(["status", "0198c5a0-7d2c-7b3e-9c4f-0123456789ab"]).failed(3), "--data, --store or --host names");
    if only_here("the folder is a server's") {
        has(&folder.run(["cleanup"]).failed(4), "try: `au-host cleanup --older-than 7d`");
        return;
    }
    has(&folder.run(["serve", "--listen", "0.0.0.0:0"]).failed(4), "try: make a token (`au-host token create NAME`)");
    let allow = |path: PathBuf, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    allow(folder.data().join("modules"), 0o777);
    has(&folder.run(["list"]).failed(4), "`chmod go-w` takes that from them");
    allow(folder.data().join("modules"), 0o700);
    let key = fs::read_dir(folder.data().join("modules")).unwrap().flatten().map(|entry| entry.path().join("key"));
    allow(key.into_iter().find(|path| path.is_file()).unwrap(), 0o644);
    has(&folder.run(["list"]).failed(4), "try: take that right from others: chmod 600");
}
