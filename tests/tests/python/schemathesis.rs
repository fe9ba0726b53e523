//! The API against its own description: schemathesis asks all that `/openapi.json` allows, and some that it does not, and
//! looks whether each answer is one that is described.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};

use au_tests::example;

use super::installed::Installed;
use super::{passes, program, root};

/// Pinned: another version may mind other things.
const PACKAGES: [&str; 1] = ["schemathesis==4.32.5"];
/// The one module it calls.
const MODULE: &str = "factorial";

#[test]
fn every_answer_of_the_api_is_one_that_is_described() {
    let Some(python) = Installed::get("schemathesis", &PACKAGES) else { return };
    let folder = tempfile::tempdir().unwrap();
    let module = folder.path().join("module.wasm");
    std::fs::write(&module, example::example(MODULE)).unwrap();
    passes(au_host(folder.path()).args(["module", "add", "--name", MODULE]).arg(&module));
    let server = Server::start(folder.path());
    let fixtures = root().join("tests/fixtures");
    let mut check = python.module("schemathesis.cli");
    check.current_dir(folder.path()).arg("--config-file").arg(fixtures.join("schemathesis.toml")).arg("run");
    check.arg(format!("{}/openapi.json", server.url));
    check.args(["--phases", "coverage,fuzzing", "--max-examples", "10", "--max-time", "60", "--seed", "1"]);
    check.args(["--continue-on-failure", "--no-color", "--warnings", "off", "--generation-database", "none"]);
    check.env("SCHEMATHESIS_HOOKS", "schemathesis_hooks").env("NO_PROXY", "*").env("no_proxy", "*");
    let path = [Some(fixtures.into_os_string()), python.path()];
    passes(check.env("PYTHONPATH", std::env::join_paths(path.into_iter().flatten()).unwrap()));
}

/// The program, on a data folder in this one.
fn au_host(folder: &Path) -> Command {
    let mut command = Command::new(program());
    command.env_clear().env("HOME", folder).env("AU_DATA", folder.join("data")).stdin(Stdio::null());
    command
}

struct Server {
    child: Child,
    url: String,
    // Held open, or what it says later would end it.
    _stderr: BufReader<ChildStderr>,
}

impl Server {
    fn start(folder: &Path) -> Self {
        let mut child =
            au_host(folder).args(["serve", "--listen", "127.0.0.1:0"]).stderr(Stdio::piped()).spawn().unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        stderr.read_line(&mut line).unwrap();
        let url = line.split(" at ").nth(1).and_then(|rest| rest.split(';').next());
        let url = url.unwrap_or_else(|| panic!("{line}")).to_owned();
        Self { child, url, _stderr: stderr }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}
