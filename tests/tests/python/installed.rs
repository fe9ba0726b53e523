//! Packages of PyPI in a folder of their own: a virtual environment, or a plain folder where Debian left venv out.

use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use au_tests::machine::skip;

/// A Python that has these packages.
pub(crate) struct Installed {
    program: PathBuf,
    /// Where the packages are, if they are not the program's own.
    folder: Option<PathBuf>,
}

impl Installed {
    /// In `target/python/NAME`; what is there already is used again. `None`, having said why, where it cannot be.
    pub(crate) fn get(name: &str, packages: &[&str]) -> Option<Self> {
        let folder = target().join("python").join(name);
        std::fs::create_dir_all(&folder).unwrap();
        // Another run of these tests waits for this one.
        let lock = File::create(folder.join("lock")).unwrap();
        lock.lock().unwrap();
        let installed = Self::venv(&folder).or_else(|| Self::plain(&folder));
        let Some(installed) = installed else {
            skip("python3 with venv or pip is not here (Debian: python3-venv)");
            return None;
        };
        match quiet(&mut installed.install(packages)) {
            Ok(()) => Some(installed),
            Err(why) => {
                skip(&format!("{} cannot be had from PyPI: {why}", packages.join(" ")));
                None
            }
        }
    }

    fn venv(folder: &Path) -> Option<Self> {
        let program = folder.join("venv/bin/python");
        let works = |program: &Path| quiet(Command::new(program).args(["-m", "pip", "--version"])).is_ok();
        if !works(&program) {
            quiet(Command::new("python3").args(["-m", "venv", "--clear"]).arg(folder.join("venv"))).ok()?;
        }
        works(&program).then_some(Self { program, folder: None })
    }

    fn plain(folder: &Path) -> Option<Self> {
        quiet(Command::new("python3").args(["-m", "pip", "--version"])).ok()?;
        Some(Self { program: "python3".into(), folder: Some(folder.join("packages")) })
    }

    /// Installs what is named by these words and those that the caller adds.
    pub(crate) fn install(&self, words: &[&str]) -> Command {
        let mut install = self.module("pip");
        install.args(["install", "--quiet", "--disable-pip-version-check"]);
        if let Some(folder) = &self.folder {
            install.args(["--upgrade", "--target"]).arg(folder);
        }
        install.args(words);
        install
    }

    /// A module of it, to be run.
    pub(crate) fn module(&self, name: &str) -> Command {
        let mut command = Command::new(&self.program);
        // Nothing is written beside the sources.
        command.args(["-m", name]).env("PYTHONDONTWRITEBYTECODE", "1");
        if let Some(folder) = self.path() {
            command.env("PYTHONPATH", folder);
        }
        command
    }

    /// Where the packages are, if their program has to be told.
    pub(crate) fn path(&self) -> Option<OsString> {
        self.folder.clone().map(PathBuf::into_os_string)
    }
}

/// What it says on stderr, if it fails.
fn quiet(command: &mut Command) -> Result<(), String> {
    let output = command.stdin(Stdio::null()).output().map_err(|error| error.to_string())?;
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()) }
}

/// Tests are in `target/debug/deps`.
fn target() -> PathBuf {
    std::env::current_exe().unwrap().ancestors().nth(3).unwrap().to_owned()
}
