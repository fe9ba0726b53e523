//! `--store`: hosts in folders of their own that share a store; and `store copy`.

use super::*;

/// Words of a command on this store.
fn on<'a>(store: &'a str, words: &[&'a str]) -> Vec<&'a str> {
    words.iter().copied().chain(["--store", store]).collect()
}

fn shared(folder: &Folder) -> String {
    format!("file:{}", folder.path("shared").display())
}

#[test]
fn what_one_folder_keeps_in_a_store_another_folder_runs_and_reads() {
    let (here, there) = (Folder::new(), Folder::new());
    let store = shared(&here);
    here.run(on(&store, &["module", "add", "guest.wasm"])).succeeded();
    let id = here.run(on(&store, &["submit", "guest", "echo", "42"])).succeeded().line();
    // Nobody works on the store, and nobody is started for it.
    assert_eq!(here.json(on(&store, &["status", &id]))["status"], "pending");
    // The other folder has not seen the module.
    assert!(there.json(["module", "list"]).as_array().unwrap().is_empty());
    let worker = there.command(on(&store, &["work"])).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let result = here.run(on(&store, &["result", &id, "--timeout", "60s"])).succeeded();
    assert_eq!(result.out, "[42]\n");
    stop(worker);
    assert_eq!(there.run(on(&store, &["run", "guest", "echo", "1"])).succeeded().out, "[1]\n");
    assert_eq!(there.run(on(&store, &["run", "--ephemeral", "guest", "echo", "2"])).succeeded().out, "[2]\n");
    assert_eq!(here.json(on(&store, &["list"]))["jobs"].as_array().unwrap().len(), 2);
}

#[test]
fn where_nobody_works_on_a_store_submit_status_and_wait_say_so_and_who_does() {
    let folder = Folder::new();
    let store = shared(&folder);
    let said = format!("nobody works on {store}: `au-host work --store …` does");
    let submitted = folder.run(on(&store, &["submit", "guest.wasm", "echo", "1"])).succeeded();
    has(&submitted.err, &said);
    let id = submitted.line();
    has(&folder.run(on(&store, &["status", &id])).succeeded().out, &said);
    let mut waits = folder.command(on(&store, &["wait", &id])).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(waits.stderr.as_mut().unwrap()).read_line(&mut line).unwrap();
    stop(waits);
    has(&line, &said);
    // Whoever leaves it to others is not told.
    assert_eq!(folder.run(on(&store, &["submit", "guest.wasm", "echo", "1", "--no-worker"])).succeeded().err, "");
}

#[test]
fn a_worker_and_a_server_name_the_store_they_work_on() {
    let folder = Folder::new();
    let store = shared(&folder);
    for (words, says) in [(&["work"][..], "working in"), (&["serve", "--listen", "127.0.0.1:0"], "serving")] {
        let mut command = folder.command(on(&store, words));
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stderr.as_mut().unwrap()).read_line(&mut line).unwrap();
        stop(child);
        has(&line, &format!("{says} {store}"));
    }
}

fn stop(mut worker: Child) {
    worker.kill().unwrap();
    worker.wait().unwrap();
}

#[test]
fn the_settings_name_the_store_and_a_wrong_one_is_a_clear_error() {
    let folder = Folder::new();
    let bad = folder.run(on("mysql://somewhere", &["list"])).failed(2);
    has(&bad, "\"mysql\" is none of");
    assert!(!bad.contains("somewhere"), "it may hold a password: {bad}");
    has(&folder.run(on("foo", &["list"])).failed(2), "\"foo\" is no URL: they are `memory:`, `file:DIR`");
    has(&folder.run(on("file:", &["list"])).failed(2), "file: names no folder");
    let bad = folder.run(["--host", "http://127.0.0.1:9", "--store", "memory:", "list"]).failed(2);
    has(&bad, "give one of the two");
    std::fs::create_dir_all(folder.data()).unwrap();
    std::fs::write(folder.data().join("au-host.toml"), format!("store = {:?}\n", shared(&folder))).unwrap();
    folder.run(["module", "add", "one.wasm"]).succeeded();
    assert!(folder.path("shared").join("jobs.db").is_file());
    assert!(!folder.data().join("jobs.db").exists());
}

#[test]
fn a_copy_has_jobs_logs_modules_names_and_tokens_and_goes_on_where_it_was_broken_off() {
    let (from, to) = (Folder::filled(), Folder::new());
    from.run(["run", "guest", "echo", "7"]).succeeded();
    let done = from.list()[0]["id"].as_str().unwrap().to_owned();
    let waiting = from.run(["submit", "guest", "echo", "8", "--no-worker", "--delay", "1h"]).succeeded().line();
    from.run(["token", "create", "one"]).succeeded();
    let store = shared(&to);
    let data = from.data();
    let words = ["store", "copy", data.to_str().unwrap(), &store];
    let copied = to.json(words);
    assert_eq!(
        (copied["jobs"].as_u64(), copied["unfinished"].as_u64(), copied["modules"].as_u64()),
        (Some(2), Some(1), Some(2))
    );
    assert_eq!(to.run(on(&store, &["result", &done])).succeeded().out, "[7]\n");
    assert_eq!(to.json(on(&store, &["status", &waiting]))["status"], "pending");
    assert_eq!(to.run(on(&store, &["run", "guest", "echo", "9"])).succeeded().out, "[9]\n");
    has(&to.run(on(&store, &["token", "list"])).succeeded().out, "one");
    // Once more changes nothing.
    let again = to.json(words);
    assert_eq!(
        (again["jobs"].as_u64(), again["jobs_there"].as_u64(), again["modules"].as_u64(), again["notes"].as_u64()),
        (Some(0), Some(2), Some(0), Some(0))
    );
    // And back into a folder.
    let back = to.path("back");
    to.run(["store", "copy", &store, back.to_str().unwrap()]).succeeded();
    assert_eq!(to.run(["--data", back.to_str().unwrap(), "result", &done]).succeeded().out, "[7]\n");
    assert_eq!(to.run(["--data", back.to_str().unwrap(), "run", "guest", "echo", "3"]).succeeded().out, "[3]\n");
}

#[test]
fn a_copy_is_refused_while_jobs_run_and_from_where_nothing_is() {
    let folder = Folder::filled();
    let store = shared(&folder);
    let spins = folder.command(["run", "guest", "spin"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    folder.once("running");
    let data = folder.data();
    has(&folder.run(["store", "copy", data.to_str().unwrap(), &store]).failed(4), "stop the hosts that work there");
    let copied = folder.json(["store", "copy", data.to_str().unwrap(), &store, "--unfinished", "skip"]);
    assert_eq!((copied["jobs"].as_u64(), copied["modules"].as_u64()), (Some(0), Some(2)));
    stop(spins);
    let (empty, new) = (folder.path("empty"), folder.path("new"));
    fs::create_dir(&empty).unwrap();
    let of = |path: &Path| format!("file:{}", path.display());
    for from in ["nowhere".into(), of(&folder.path("nowhere")), of(&empty), empty.display().to_string()] {
        folder.run(["store", "copy", &from, &of(&new)]).failed(3);
    }
    assert!(!folder.path("nowhere").exists() && !new.exists(), "a copy of nothing made a folder");
    assert_eq!(fs::read_dir(&empty).unwrap().count(), 0);
    folder.run(["store", "copy", &store, &store]).failed(2);
}
