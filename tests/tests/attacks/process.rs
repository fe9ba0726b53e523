//! A data folder, and `au-host` as processes on it, to be treated badly.

use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::Instant;

use au_host::{JobId, Takes};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::*;

/// A data folder with guests in it.
#[derive(Debug)]
pub(crate) struct Folder {
    _folder: Option<TempDir>,
    dir: PathBuf,
}

impl Folder {
    /// A folder with the harmless guest and these in it, by name.
    pub(crate) async fn with(guests: &[(&str, Bytes)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("data");
        Self { _folder: Some(folder), ..Self::at(&dir, guests).await }
    }

    /// The same, in this place.
    pub(crate) async fn at(dir: &Path, guests: &[(&str, Bytes)]) -> Self {
        let config = LocalConfig { takes: Takes::Nothing, ..config() };
        let local = guest::local_at(dir, config).await;
        for (name, wasm) in guests {
            let added = local.add_module(wasm.clone()).await.unwrap();
            local.alias(&name.parse().unwrap(), added.digest).await.unwrap();
        }
        local.close(Duration::ZERO).await.unwrap();
        Self { _folder: None, dir: dir.to_owned() }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.dir
    }

    /// Opens it to ask and to steer.
    pub(crate) async fn look(&self) -> Local {
        Local::open(&self.dir, LocalConfig { takes: Takes::Nothing, ..config() }).await.unwrap()
    }

    /// `au-host` with these words, on this folder.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(program());
        self.finish(&mut command, words);
        command
    }

    /// The same, started by way of another program.
    pub(crate) fn through(&self, before: &[&str], words: &[&str]) -> Command {
        let mut command = Command::new(before[0]);
        command.args(&before[1..]).arg(program());
        self.finish(&mut command, words);
        command
    }

    fn finish(&self, command: &mut Command, words: &[&str]) {
        command.args(words).arg("--data").arg(&self.dir).env("AU_COMPILER", program());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    }

    pub(crate) fn run(&self, words: &[&str]) -> Output {
        self.command(words).output().unwrap()
    }

    /// Keeps a job that nobody runs yet.
    pub(crate) fn submit(&self, words: &[&str]) -> JobId {
        let kept = self.run(&[&["submit", "--no-worker"], words].concat());
        assert!(kept.status.success(), "{kept:?}");
        String::from_utf8(kept.stdout).unwrap().trim().parse().unwrap()
    }

    /// A host of its own, which runs what is due.
    pub(crate) fn work(&self) -> Host {
        Host::start(&mut self.command(&["work", "--slots", "4"]))
    }
}

/// The program.
pub(crate) fn program() -> PathBuf {
    guest::compiler().program().unwrap().to_owned()
}

/// A process that does not outlive its test.
#[derive(Debug)]
pub(crate) struct Host(Child);

impl Host {
    pub(crate) fn start(command: &mut Command) -> Self {
        // Nobody reads what it says, which must not stop it.
        Self(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    }

    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.0), signal).unwrap();
    }

    pub(crate) fn kill(mut self) {
        self.signal(Signal::KILL);
        self.0.wait().unwrap();
    }

    /// How it ends, which it must by itself.
    pub(crate) fn ended(mut self) -> ExitStatus {
        let began = Instant::now();
        loop {
            if let Some(status) = self.0.try_wait().unwrap() {
                return status;
            }
            assert!(began.elapsed() < LONG, "it does not end");
            std::thread::sleep(BREATH);
        }
    }

    /// Whether it still runs.
    pub(crate) fn lives(&mut self) -> bool {
        self.0.try_wait().unwrap().is_none()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // It may have ended.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Whether it ended by itself, with a code.
pub(crate) fn by_itself(status: ExitStatus) -> bool {
    status.signal().is_none()
}

/// The processes that this one started and that still run.
pub(crate) fn children(parent: u32) -> Vec<u32> {
    let all = std::fs::read_dir("/proc").unwrap().flatten();
    let processes = all.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    processes.filter(|id| parent_of(*id) == Some(parent)).collect()
}

fn parent_of(process: u32) -> Option<u32> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name, in brackets, may have spaces.
    stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()
}
