//! `au-host.toml`: what holds for every command on a data folder. A33: what is built in, the file, the environment, and options over all.

use super::*;

fn configured(text: &str) -> Folder {
    let folder = Folder::filled();
    std::fs::write(folder.data().join("au-host.toml"), text).unwrap();
    folder
}

#[test]
fn its_limits_are_those_of_jobs_that_do_not_ask_and_options_win() {
    let folder = configured("[limits]\nmemory = \"1MiB\"\ntimeout = \"5s\"\n");
    has(&folder.run(["run", "guest", "grow"]).failed(1), &(1 << 20).to_string());
    folder.run(["run", "guest", "echo", "--memory", "2MiB"]).succeeded();
    let limits = folder.list()[0]["options"]["sandbox"]["limits"].clone();
    assert_eq!((&limits["memory"], &limits["timeout"]), (&(2 << 20).into(), &5000.into()));
}

#[test]
fn more_than_its_ceiling_and_grants_it_does_not_give_are_refused() {
    let folder = configured("grants = \"nothing\"\n[ceiling]\nmemory = \"64MiB\"\n");
    has(&folder.run(["run", "guest", "echo", "--memory", "65MiB"]).failed(4), "ceiling of 64 MiB");
    has(&folder.run(["run", "guest", "echo", "--env", "A=1"]).failed(4), "grants no env");
    folder.run(["run", "guest", "echo"]).succeeded();
}

#[test]
fn a_background_worker_reads_the_file_that_was_named() {
    let folder = Folder::filled();
    folder.write("other.toml", "ttl = \"1h\"\n[ceiling]\nmemory = \"64MiB\"\n");
    let id = folder.run(["--config", "other.toml", "run", "guest", "echo", "7", "--detach"]).succeeded().line();
    assert_eq!(folder.run(["result", &id]).succeeded().out, "[7]\n");
    assert_eq!(folder.status(&id)["options"]["ttl"]["secs"], 3600);
}

#[test]
fn a_slip_in_it_is_told_with_its_line() {
    let folder = configured("[limits]\nmemroy = \"1MiB\"\n");
    let error = folder.run(["list"]).failed(2);
    has(&error, "line 2");
    has(&error, "memroy");
    has(&folder.run(["--config", "nowhere.toml", "list"]).failed(3), "no file");
}
