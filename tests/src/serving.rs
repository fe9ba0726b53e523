//! `au-host serve` in a process and a folder of its own, for tests that need a host elsewhere.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::guest;

/// A host that is served on a port of this machine. Killed when it is dropped.
#[derive(Debug)]
pub struct Serving {
    /// Where it is.
    pub url: String,
    folder: TempDir,
    child: Child,
}

impl Serving {
    /// Serves a folder that is empty, with these further words on its command line.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn start(words: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut command = Self::command(folder.path());
        command.args(["serve", "--json", "--listen", "127.0.0.1:0"]).args(words);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it starts");
        let mut line = String::new();
        let mut out = BufReader::new(child.stdout.take().expect("a pipe"));
        out.read_line(&mut line).expect("it says where it is");
        let said: Value = serde_json::from_str(&line).expect("a line of JSON");
        Self { url: said["url"].as_str().expect("a URL").to_owned(), folder, child }
    }

    /// `au-host`, to be run on the data folder of this host.
    ///
    /// # Panics
    /// When `au-host` was not built.
    #[must_use]
    pub fn on_its_folder(&self) -> Command {
        Self::command(self.folder.path())
    }

    fn command(folder: &Path) -> Command {
        let compiler = guest::compiler();
        let mut command = Command::new(compiler.program().expect("a program"));
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("AU_") {
                command.env_remove(name);
            }
        }
        command.env("AU_DATA", folder.join("data"));
        command
    }

    /// The id of its process.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Kills it, and waits until it is gone.
    ///
    /// # Panics
    /// When it cannot be waited for.
    pub fn kill(&mut self) {
        // It may be gone already.
        drop(self.child.kill());
        self.child.wait().expect("it ends");
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.kill();
    }
}
