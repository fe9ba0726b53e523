//! What this machine has and lets a test do; and how a test says that it did not try what its name says.

use std::io::Write;

/// Whether this process may do anything.
#[must_use]
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Whether there is a program of this name.
#[must_use]
pub fn has(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let dirs = std::env::split_paths(&path).chain(["/sbin".into(), "/usr/sbin".into()]);
    dirs.into_iter().any(|dir| dir.join(program).is_file())
}

/// Says why a test did not try what its name says.
pub fn skip(why: &str) {
    // Nobody may be listening.
    drop(writeln!(std::io::stderr(), "SKIPPED: {why}"));
}
