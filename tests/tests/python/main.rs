//! What Python has to say: its client, and schemathesis, each against the real `au-host serve`. They come from PyPI into a folder
//! under `target/`; where that cannot be, these tests say that they are skipped.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod client;
mod installed;
mod schemathesis;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use au_tests::guest;

/// The program that was built.
pub(crate) fn program() -> PathBuf {
    guest::compiler().program().expect("a child compiles").to_owned()
}

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Runs it; fails with all that it said.
#[track_caller]
pub(crate) fn passes(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let said = [&*output.stdout, &*output.stderr].map(String::from_utf8_lossy).join("");
    assert!(output.status.success(), "{command:?}: {}\n{said}", output.status);
}
