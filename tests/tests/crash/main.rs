//! Hosts that are killed, disks that fail, power that is cut: what was acknowledged is there afterwards.
//!
//! One oracle judges all: `oracle.rs`. What needs root or a program that is not there says that it is skipped.

mod disk;
mod kill;
mod oracle;
mod points;
mod power;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use au_host::LocalConfig;
use au_tests::guest;

use self::oracle::History;

/// The program that is killed.
const LOAD: &str = env!("CARGO_BIN_EXE_au-load");

/// A folder with the guest in it.
fn prepare(dir: &Path) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let config = LocalConfig { takes: au_host::Takes::Nothing, ..guest::config() };
        guest::local_at(dir, config).await.close(std::time::Duration::from_secs(1)).await.unwrap();
    });
}

/// A host under load, beginning with this number.
fn load(dir: &Path, first: u32) -> Command {
    let mut command = Command::new(LOAD);
    command.arg(dir).arg(first.to_string()).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    command.env("AU_COMPILER", guest::compiler().program().unwrap());
    command
}

/// Reads what it tells until it ends.
fn listen(child: &mut Child, history: &mut History) {
    let told = BufReader::new(child.stdout.take().unwrap());
    // A last line that was cut short tells nothing.
    for line in told.lines().map_while(Result::ok) {
        history.note(&line);
    }
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

fn has(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let dirs = std::env::split_paths(&path).chain(["/sbin".into(), "/usr/sbin".into()]);
    dirs.into_iter().any(|dir| dir.join(program).is_file())
}

/// Says why a test did not try what its name says.
fn skip(why: &str) {
    use std::io::Write;
    drop(writeln!(std::io::stderr(), "SKIPPED: {why}"));
}
