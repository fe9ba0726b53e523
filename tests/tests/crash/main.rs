//! Hosts that are killed, disks that fail, power that is cut: what was acknowledged is there afterwards.
//!
//! One oracle judges all: `oracle.rs`. What needs root or a program that is not there says that it is skipped.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod disk;
mod kill;
mod oracle;
mod points;
mod power;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use au_host::LocalConfig;
use au_tests::guest;
use au_tests::machine::{has, is_root, skip};

/// The program that is killed.
const LOAD: &str = env!("CARGO_BIN_EXE_au-load");

/// A folder with the guest in it: a copy of one that is made once, since compiling takes longer than most of these tests.
fn prepare(dir: &Path) {
    static TEMPLATE: OnceLock<tempfile::TempDir> = OnceLock::new();
    let template = TEMPLATE.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let config = LocalConfig { takes: au_host::Takes::Nothing, ..guest::config() };
            let local = guest::local_at(&folder.path().join("data"), config).await;
            local.close(std::time::Duration::from_secs(1)).await.unwrap();
        });
        folder
    });
    run(Command::new("cp").arg("-a").arg(template.path().join("data")).arg(dir));
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A host under load, beginning with this number.
fn load(dir: &Path, first: u32) -> Command {
    let mut command = Command::new(LOAD);
    command.arg(dir).arg(first.to_string()).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    command.env("AU_COMPILER", guest::compiler().program().unwrap());
    command
}

/// Reads what it tells until it ends.
fn listen(child: &mut Child, mut note: impl FnMut(&str)) {
    let told = BufReader::new(child.stdout.take().unwrap());
    // A last line that was cut short tells nothing.
    for line in told.lines().map_while(Result::ok) {
        note(&line);
    }
}
