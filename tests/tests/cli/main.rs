//! The command line as a user has it: the real `au-host`, in a data folder of its own, with guests that no toolchain makes.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod arguments;
mod bad_modules;
mod cancelling;
mod codes;
mod configured;
mod detached;
mod doctor;
mod home;
mod jobs;
mod json;
mod listing;
mod modules;
mod pipes;
mod running;
mod settings;
mod sharing;
mod signals;
mod terminal;
mod tokens;
mod usage;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use au_tests::guest;
use bytes::Bytes;
use serde_json::Value;
use tempfile::TempDir;

/// Nothing that is waited for takes this long, on the slowest machine.
pub(crate) const LONG: Duration = Duration::from_secs(120);

static GUEST: LazyLock<Bytes> = LazyLock::new(guest::guest);
static ONE: LazyLock<Bytes> = LazyLock::new(one);

/// A folder with `guest.wasm` and `one.wasm` in it, and a data folder.
pub(crate) struct Folder(TempDir);

impl Folder {
    /// With no module added yet.
    pub(crate) fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        folder.write("guest.wasm", &*GUEST);
        folder.write("one.wasm", &*ONE);
        folder
    }

    /// With `guest` and `one` added.
    pub(crate) fn filled() -> Self {
        let folder = Self::new();
        folder.run(["module", "add", "guest.wasm", "one.wasm"]).succeeded();
        folder
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.path("data")
    }

    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        fs::write(self.path(name), bytes).unwrap();
        self.path(name)
    }

    /// The program, not started yet: in the folder, with nothing of ours in its environment.
    pub(crate) fn command<'a>(&self, words: impl IntoIterator<Item = &'a str>) -> Command {
        let mut command = bare(self.0.path());
        command.env("AU_DATA", self.data()).args(words);
        command
    }

    pub(crate) fn run<'a>(&self, words: impl IntoIterator<Item = &'a str>) -> Ran {
        Ran::of(&mut self.command(words))
    }

    /// What a command says in JSON.
    pub(crate) fn json<'a>(&self, words: impl IntoIterator<Item = &'a str>) -> Value {
        self.run(words.into_iter().chain(["--json"])).succeeded().json()
    }

    /// The id of a job that runs in the background.
    pub(crate) fn detached<'a>(&self, words: impl IntoIterator<Item = &'a str>) -> String {
        self.run(["run", "--detach"].into_iter().chain(words)).succeeded().line()
    }

    pub(crate) fn status(&self, id: &str) -> Value {
        self.json(["status", id])
    }

    /// All jobs, newest first.
    pub(crate) fn list(&self) -> Vec<Value> {
        self.json(["list", "--limit", "1000"])["jobs"].as_array().unwrap().clone()
    }

    /// Waits until a job that is kept here is in this status, and gives its id.
    pub(crate) fn once(&self, status: &str) -> String {
        let found = || self.json(["list", "--status", status])["jobs"][0]["id"].as_str().map(str::to_owned);
        until(&format!("a {status} job"), found)
    }

    /// Puts something else where the database was, and takes away its log, which may hold all of it.
    pub(crate) fn damage(&self) {
        let text = "this is no database, and was none for a long, long time";
        std::fs::write(self.data().join("jobs.db"), text).unwrap();
        std::fs::remove_file(self.data().join("jobs.db-wal")).unwrap();
    }

    /// What a file has that a number is written to, as `guest.wat` reads it.
    pub(crate) fn number(&self, number: u32) -> String {
        let name = format!("{number}.bin");
        self.write(&name, number.to_le_bytes());
        name
    }
}

impl Drop for Folder {
    /// Jobs that go on for ever would keep a worker.
    fn drop(&mut self) {
        if !self.data().join("jobs.db").exists() {
            return;
        }
        let open = self.run(["list", "--json", "--status", "pending,running"]);
        let Ok(open) = serde_json::from_str::<Value>(&open.out) else { return };
        for job in open["jobs"].as_array().into_iter().flatten() {
            self.run(["cancel", job["id"].as_str().unwrap()]);
        }
    }
}

/// The program in this folder, with next to no environment.
pub(crate) fn bare(dir: &Path) -> Command {
    let mut command = Command::new(program());
    command.current_dir(dir).env_clear().env("HOME", dir).env("PATH", std::env::var_os("PATH").unwrap());
    command.stdin(Stdio::null());
    command
}

pub(crate) fn program() -> PathBuf {
    guest::compiler().program().expect("a child compiles").to_owned()
}

/// How a command ended, and what it said.
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) bytes: Vec<u8>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    pub(crate) fn of(command: &mut Command) -> Self {
        Self::to_the_end(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
    }

    pub(crate) fn to_the_end(child: Child) -> Self {
        let done = child.wait_with_output().unwrap();
        let out = String::from_utf8_lossy(&done.stdout).into_owned();
        let err = String::from_utf8_lossy(&done.stderr).into_owned();
        Self { code: done.status.code(), bytes: done.stdout, out, err }
    }

    /// Itself, if all went well.
    #[track_caller]
    pub(crate) fn succeeded(self) -> Self {
        self.ended(0)
    }

    /// Itself, if it ended with this code.
    #[track_caller]
    pub(crate) fn ended(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "stdout: {}\nstderr: {}", self.out, self.err);
        self
    }

    /// Its error, if it ended with this code, wrote nothing to stdout, and said what, why and what to try: in that order.
    #[track_caller]
    pub(crate) fn failed(self, code: i32) -> String {
        let ran = self.ended(code);
        assert_eq!(ran.out, "", "stderr: {}", ran.err);
        let lines: Vec<_> = ran.err.lines().collect();
        let starts = |line: usize, with: &str| lines.get(line).is_some_and(|line| line.starts_with(with));
        assert!(starts(0, "error: "), "{}", ran.err);
        assert!(starts(1, "  why: "), "{}", ran.err);
        assert!(starts(lines.len() - 1, "  try: "), "{}", ran.err);
        for raw in ["panicked at", "RUST_BACKTRACE", "Some(", "Err(", " { ", "\u{1b}"] {
            assert!(!ran.err.contains(raw), "{}", ran.err);
        }
        ran.err
    }

    /// All it printed, if that is one line.
    #[track_caller]
    pub(crate) fn line(&self) -> String {
        assert_eq!(self.out.lines().count(), 1, "{}", self.out);
        self.out.trim_end().to_owned()
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}", self.out))
    }
}

/// Looks until there is something. Each look starts a process, so this is no busy loop.
#[track_caller]
pub(crate) fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < LONG, "never came: {what}");
    }
}

#[track_caller]
pub(crate) fn has(text: &str, part: &str) {
    assert!(text.contains(part), "no {part:?} in: {text}");
}

/// A guest with one function, `echo`, which says what it takes: a count, and perhaps a word.
fn one() -> Bytes {
    const INPUT: &str = r#"{"type":"array","prefixItems":[{"title":"count","type":"integer"},{"title":"word","type":"string"}],"minItems":1,"maxItems":2,"items":false}"#;
    let text = include_str!("../../fixtures/guest.wat");
    let function = format!("(global $count i32 (i32.const 1)) {}", described("Says it again.", INPUT));
    let changed = text.replace("(global $count i32 (i32.const 21))", &function);
    assert_ne!(changed, text, "the fixture is another one now");
    guest::component(&changed)
}

/// What `guest.wat` leaves empty of its first function, which it puts at 4096.
fn described(summary: &str, input: &str) -> String {
    const TEXT: usize = 2048;
    let place = |at: usize, text: &str| [at, text.len()].map(|word| u32::try_from(word).unwrap());
    let some = |at: usize, text: &str| [&[1][..], &place(at, text)].concat();
    let words = [&place(TEXT, summary)[..], &some(TEXT + summary.len(), input)].concat();
    let record: String = words.iter().flat_map(|word| word.to_le_bytes()).map(|byte| format!("\\{byte:02x}")).collect();
    let text = format!("{summary}{input}").replace('"', "\\22");
    format!("(data (i32.const {TEXT}) \"{text}\") (data (i32.const 4104) \"{record}\")")
}
