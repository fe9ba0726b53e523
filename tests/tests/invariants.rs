//! The invariants of the design (§10), read off the source: what no compiler holds and every change could break.
//!
//! Comments, the contents of strings, and test modules do not count.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use au_tests::source::{code, is_word_in, lines};

/// The files that decide and do nothing else.
const PURE: [&str; 12] = [
    "id.rs",
    "error.rs",
    "payload.rs",
    "sandbox.rs",
    "attempt.rs",
    "failure.rs",
    "lanes.rs",
    "retry.rs",
    "time.rs",
    "trace.rs",
    "request.rs",
    "job/",
];

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// The Rust files below a folder, by their path from there.
fn files(folder: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                let name = path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
                found.insert(name, std::fs::read_to_string(path).unwrap());
            }
        }
    }
    assert!(!found.is_empty(), "{}", folder.display());
    found
}

/// The code of the host, file by file.
fn host() -> BTreeMap<String, String> {
    files(&workspace().join("host/src")).into_iter().map(|(name, text)| (name, code(&text))).collect()
}

/// Where, outside the files that may, one of these words stands.
fn strays(words: &[&str], may: impl Fn(&str) -> bool) -> Vec<String> {
    let mut strays = Vec::new();
    for (name, code) in host().into_iter().filter(|(name, _)| !may(name)) {
        for (number, line) in lines(&code) {
            strays.extend(
                words.iter().filter(|word| is_word_in(word, line)).map(|word| format!("{name}:{number}: {word}")),
            );
        }
    }
    strays
}

fn is_below(folders: &[&str], name: &str) -> bool {
    folders.iter().any(|folder| name.starts_with(folder))
}

const NOWHERE: [String; 0] = [];

#[test]
fn the_words_that_are_looked_for_are_found_where_they_may_stand() {
    for (file, word) in [
        ("run.rs", ".advance("),
        ("store/file/scan.rs", "crate::store"),
        ("backend/wasm/pool.rs", "wasmtime"),
        ("store/file/take.rs", "rusqlite"),
        ("cli/args.rs", "clap"),
        ("http/app.rs", "axum"),
        ("http/connection.rs", "hyper"),
        ("registry/aot.rs", "unsafe"),
        ("cli/output.rs", "stderr()"),
        ("registry/child.rs", "stdout()"),
        ("clock.rs", "SystemTime"),
        ("host.rs", "tokio"),
        ("otel/mod.rs", "opentelemetry"),
        ("registry/folder.rs", "PathBuf"),
        ("registry/folder.rs", ".take("),
    ] {
        let found = strays(&[word], |_| false);
        assert!(found.iter().any(|at| at.starts_with(&format!("{file}:"))), "{word} in {file}: {found:?}");
    }
    assert_eq!(arguments("a.join(b(c)).join(\"\") + d.join(e", ".join("), ["b(c)", "\"\"", "e"]);
}

#[test]
fn only_the_hosts_own_files_advance_a_job_and_nothing_below_them_sees_a_store() {
    // Stores call it on themselves.
    let host = ["run.rs", "recorder.rs", "answers.rs", "store/"];
    assert_eq!(strays(&[".advance("], |name| is_below(&host, name)), NOWHERE);
    let below = ["backend/", "registry/", "middleware/"];
    let sees = strays(&["crate::store", "dyn Store", "FileStore", "MemoryStore"], |name| !is_below(&below, name));
    assert_eq!(sees, NOWHERE);
}

#[test]
fn the_pure_files_know_neither_runtime_nor_sandbox_nor_files_nor_clock() {
    for file in PURE {
        assert!(host().keys().any(|name| name.starts_with(file)), "{file} is gone: name what took its place");
    }
    let impure = [
        "tokio",
        "wasmtime",
        "std::fs",
        "std::io",
        "std::env",
        "std::net",
        "std::process",
        "std::thread",
        "SystemTime",
        "Instant",
        "Clock",
        "async",
    ];
    assert_eq!(strays(&impure, |name| !is_below(&PURE, name)), NOWHERE);
}

#[test]
fn each_large_dependency_is_named_in_one_place() {
    assert_eq!(strays(&["wasmtime", "wasmtime_wasi"], |name| is_below(&["backend/wasm/", "registry/"], name)), NOWHERE);
    assert_eq!(strays(&["rusqlite"], |name| is_below(&["store/file/"], name)), NOWHERE);
    let redis = ["redis::Client", "redis::aio", "redis::cmd", "redis::Value"];
    assert_eq!(strays(&redis, |name| is_below(&["store/redis/"], name)), NOWHERE);
    let http = ["axum", "http_body", "tower", "utoipa"];
    assert_eq!(strays(&http, |name| is_below(&["http/"], name)), NOWHERE);
    let wire = ["hyper", "hyper_util", "http_body_util"];
    assert_eq!(strays(&wire, |name| is_below(&["http/", "client/"], name)), NOWHERE);
    let tls = ["tokio_rustls", "rustls_native_certs"];
    assert_eq!(strays(&tls, |name| is_below(&["http/", "client/", "store/postgres/tls.rs"], name)), NOWHERE);
    assert_eq!(strays(&["tokio_postgres"], |name| is_below(&["store/postgres/"], name)), NOWHERE);
    let traces = ["opentelemetry", "opentelemetry_sdk", "opentelemetry_otlp", "tracing_opentelemetry"];
    assert_eq!(strays(&traces, |name| is_below(&["otel/"], name)), NOWHERE);
    assert_eq!(strays(&["clap", "indicatif", "console"], |name| is_below(&["cli/"], name)), NOWHERE);
}

#[test]
fn only_the_code_cache_is_unsafe_and_no_other_file_may_be() {
    assert_eq!(strays(&["unsafe", "unsafe_code"], |name| name == "registry/aot.rs"), NOWHERE);
    let manifest = std::fs::read_to_string(workspace().join("Cargo.toml")).unwrap();
    assert!(manifest.contains("unsafe_code = \"deny\""));
    assert!(
        std::fs::read_to_string(workspace().join("host/Cargo.toml")).unwrap().contains("[lints]\nworkspace = true")
    );
}

#[test]
fn only_the_output_of_the_command_line_prints() {
    assert_eq!(
        strays(&["println!", "print!", "eprintln!", "eprint!", "dbg!"], |name| name == "cli/output.rs"),
        NOWHERE
    );
    // To children they are the pipes to their parent.
    let pipes = ["cli/output.rs", "registry/child.rs", "backend/remote/process/worker.rs"];
    assert_eq!(strays(&["stdout()", "stderr()"], |name| pipes.contains(&name)), NOWHERE);
}

#[test]
fn without_its_features_the_host_has_no_large_dependency() {
    let arguments = ["tree", "--offline", "--locked", "--package", "au-host", "--edges", "normal", "--prefix", "none"];
    let tree = |more: &[&str]| {
        let cargo = std::env::var_os("CARGO").unwrap_or("cargo".into());
        let output = Command::new(cargo).current_dir(workspace()).args(arguments).args(more).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let has = |tree: &str, name: &str| tree.lines().any(|line| line.split(' ').next() == Some(name));
    let (bare, whole) = (tree(&["--no-default-features"]), tree(&[]));
    assert!(has(&whole, "wasmtime") && has(&whole, "clap"), "the names are those of packages");
    for name in ["wasmtime", "wasmtime-wasi", "wasmparser", "rusqlite", "axum", "hyper", "clap"] {
        assert!(!has(&bare, name), "{name}");
    }
}

/// What is joined to a path besides constants, and why it can be trusted. Anything new wants the same look.
const JOINED: [(&str, &str); 10] = [
    ("registry/aot.rs", "file_name(profile, digest)"), // a `Digest` in hexadecimal
    ("registry/aot.rs", "id.engine.hex()"),            // a hash of our own
    ("registry/aot.rs", "file_name(id.profile, id.digest)"),
    ("registry/aot.rs", "file.as_raw_fd().to_string()"), // a number
    ("registry/folder.rs", "part"),                      // of a constant list
    ("registry/folder.rs", "format!(\"\", digest.hex())"),
    ("registry/folder.rs", "name.as_str()"),         // a `ModuleName`
    ("registry/folder.rs", "name"),                  // of a lock: a purpose and a byte
    ("store/file/workers.rs", "worker.to_string()"), // a `WorkerId`
    ("store/file/workers.rs", "entry"),              // a name that the folder itself gave
];

#[test]
fn no_path_is_made_of_what_a_guest_or_caller_sent_unless_its_type_has_checked_it() {
    // The command line's paths are those of its user, who may name any.
    for (name, code) in host().into_iter().filter(|(name, _)| !is_below(&["cli/"], name)) {
        for (number, line) in lines(&code) {
            for joined in arguments(line, ".join(").into_iter().filter(|joined| !joined.is_empty()) {
                let joined = joined.trim_start_matches('&');
                let constant = joined.starts_with('"') || joined.chars().all(|c| c.is_ascii_uppercase() || c == '_');
                // Strings are blank here: what is in the braces of a format is not seen, so it is a constant or a worker's id.
                let formatted = name.starts_with("store/file/") && joined == "format!(\"\")";
                let reviewed = JOINED.contains(&(name.as_str(), joined));
                assert!(constant || formatted || reviewed, "{name}:{number}: {joined} is joined to a path");
            }
        }
    }
    // What a request is made of: only a grant names a path, and no host gives it to strangers.
    assert_eq!(
        strays(&["PathBuf", "Path", "OsString", "Url"], |name| !is_below(&PURE, name) || name == "sandbox.rs"),
        NOWHERE
    );
    // Names are checked where they are made: nothing but their own file can make one of text it has not looked at.
    let id = &host()["id.rs"];
    for name in ["JobId(Uuid)", "WorkerId(Uuid)", "Digest([u8; 32])", "ModuleName(String)"] {
        assert!(id.contains(&format!("pub struct {name};")), "{name} has a field that others can set");
    }
}

/// The arguments of each such call in this line.
fn arguments<'a>(line: &'a str, call: &str) -> Vec<&'a str> {
    let mut found = Vec::new();
    for (at, _) in line.match_indices(call) {
        let rest = &line[at + call.len()..];
        let mut depth = 1;
        let end = rest.char_indices().find(|(_, c)| {
            depth += i32::from(*c == '(') - i32::from(*c == ')');
            depth == 0
        });
        found.push(&rest[..end.map_or(rest.len(), |(end, _)| end)]);
    }
    found
}

/// Files that read to an end that is known to come: the compile child's input was bounded by its parent, and its memory is;
/// the command line reads its user's own files; nobody else can write to a registry's folder; and what the kernel says of a process
/// is short.
const BOUNDED_OTHERWISE: [&str; 4] =
    ["registry/child.rs", "registry/folder.rs", "cli/", "backend/remote/process/confine.rs"];

#[test]
fn no_queue_is_without_bound_and_nothing_is_read_without_one() {
    let unbounded = [
        "unbounded",
        "unbounded_channel",
        "UnboundedSender",
        "UnboundedReceiver",
        "mpsc::channel()",
        "SegQueue",
        "spawn_local",
    ];
    assert_eq!(strays(&unbounded, |_| false), NOWHERE);
    for (name, code) in host().into_iter().filter(|(name, _)| !is_below(&BOUNDED_OTHERWISE, name)) {
        for (number, line) in lines(&code) {
            let reads = ["read_to_end(", "read_to_string(", "fs::read("].iter().any(|read| line.contains(read));
            assert!(!reads || line.contains(".take("), "{name}:{number}: {} has no end", line.trim());
        }
    }
}

#[test]
fn what_is_opened_anew_for_each_request_or_attempt_is_counted() {
    // Each of these holds a number down; without it, what it bounds has no bound. The tests of the parts show that it holds.
    for (file, bound) in [
        ("host.rs", "Semaphore::new(settings.slots)"),
        ("host.rs", "Semaphore::new(FINISHING)"),
        ("ahead.rs", ".min(MOST)"),
        ("store/file/take.rs", "answer.inputs < INPUTS"),
        ("backend/wasm/pool.rs", "Semaphore::new(config.attempts)"),
        ("backend/wasm/pool.rs", "modules.len() >= MODULES"),
        ("backend/log.rs", "left.lines -= 1"),
        ("backend/remote/elsewhere.rs", "Semaphore::new(config.attempts.max(1))"),
        ("backend/remote/frame.rs", "max_frame_length(FRAME_LIMIT)"),
        ("backend/remote/hearing.rs", "> self.output_limit"),
        ("backend/remote/hearing.rs", "self.line_limit"),
        ("backend/remote/process/pool.rs", "Semaphore::new(config.workers)"),
        ("backend/remote/process/pool.rs", "prepared.len() >= PREPARED"),
        ("backend/remote/process/worker.rs", "mpsc::channel(ORDERS)"),
        ("backend/remote/voice.rs", "<= WAITING"),
        ("http/app.rs", "Semaphore::new(local.host().capacity())"),
        ("known.rs", "ready.len() >= READY"),
        ("registry/slot.rs", "state.waiting == QUEUE"),
        ("store/file/groups.rs", "groups.len() < GROUPS"),
        ("store/postgres/groups.rs", "signed(GROUPS as u64)"),
        ("store/redis/groups.rs", "decimal(GROUPS)"),
        ("policies.rs", "count >= MOST"),
        ("store/file/readers.rs", "Semaphore::new(MOST)"),
        ("store/file/writer.rs", "mpsc::channel(BATCH)"),
        ("store/keyed/groups.rs", "groups.len() < GROUPS"),
        ("store/keyed/read.rs", "most.min(PAGE)"),
        ("store/keyed/start.rs", "batch.inputs >= INPUTS"),
        ("store/keyed/tries.rs", "self.0 >= MOST"),
        ("store/redis/link.rs", "set_pipeline_buffer_size(QUEUE)"),
        ("store/redis/payloads.rs", "Semaphore::new(AT_ONCE)"),
        ("store/redis/take.rs", "self.inputs < INPUTS"),
        ("store/redis/feed.rs", "broadcast::Sender::new(WAITING)"),
        ("store/postgres/finder.rs", "mpsc::channel(most)"),
        ("store/postgres/lines.rs", "Semaphore::new(most)"),
        ("store/postgres/session.rs", "statements.len() >= STATEMENTS"),
        ("store/postgres/take.rs", "answer.inputs < INPUTS"),
        ("store/postgres/take.rs", "mpsc::channel::<Ask>(WAITING)"),
        ("store/postgres/watch.rs", "broadcast::Sender::new(WAITING)"),
        ("store/postgres/watch.rs", "mpsc::channel(NOTIFICATIONS)"),
        ("store/postgres/writer.rs", "begin(BATCH)"),
        ("http/peers.rs", "counts.all >= self.0.most"),
        ("http/app.rs", "Semaphore::new(limits.in_flight)"),
        ("http/followers.rs", "Semaphore::new(most)"),
        ("http/followers.rs", "count >= self.most"),
        ("http/app.rs", "Semaphore::new(limits.uploads.max(1))"),
        ("http/app.rs", "Budget::new(limits.bodies_bytes)"),
        ("http/body.rs", "self.read > self.most"),
    ] {
        assert!(host()[file].contains(bound), "{file} has no `{bound}` any more: say what bounds it now");
    }
}

#[test]
fn nouns_have_no_synonyms() {
    for (name, code) in host() {
        for (number, line) in lines(&code) {
            let mut words =
                line.split_whitespace().skip_while(|word| !["struct", "enum", "trait", "type"].contains(word));
            let named = words.nth(1).unwrap_or_default();
            let synonym =
                ["Task", "Executor", "Manager", "Service", "Computation"].iter().find(|word| named.contains(**word));
            assert_eq!(synonym, None, "{name}:{number}: {named}");
        }
    }
}

#[test]
fn files_are_short() {
    let mut lengths = Vec::new();
    for part in ["host", "guest-sdk", "tests", "xtask"] {
        for (name, text) in files(&workspace().join(part)) {
            let length = text.split("#[cfg(test)]\nmod tests").next().unwrap().lines().count();
            assert!(length <= 500, "{part}/{name} has {length} lines without its tests");
            lengths.push(length);
        }
    }
    lengths.sort_unstable();
    let median = lengths[lengths.len() / 2];
    assert!(median <= 150, "the median file has {median} lines");
}

#[test]
fn each_scenario_of_aus_own_suites_has_a_test_that_names_it() {
    // All but A32, graphs of jobs, which are not built yet: `A` and a number in a comment beside the test.
    let tests = workspace().join("tests");
    let comments: Vec<_> =
        files(&tests.join("src")).into_values().chain(files(&tests.join("tests")).into_values()).collect();
    let comments: Vec<_> =
        comments.iter().flat_map(|text| text.lines()).filter(|line| line.trim_start().starts_with("//")).collect();
    let missing = |number: &u32| !comments.iter().any(|line| is_word_in(&format!("A{number}"), line));
    assert_eq!((1..=31).chain([33, 34]).filter(missing).collect::<Vec<_>>(), [0; 0]);
}
