//! The tests, with what they need.

use std::process::Command;

use crate::sh::{self, au_host, cargo, target};
use crate::{Result, guests, setup};

pub(crate) fn test(words: &[String]) -> Result {
    ready()?;
    sh::run(with_parts(cargo("test --locked --workspace").args(words)))?;
    if words.is_empty() { examples() } else { Ok(()) }
}

/// The examples are plain functions: their tests run on this machine, without a sandbox.
fn examples() -> Result {
    // From the root, where cargo does not read the settings that compile them for the sandbox.
    let mut test = cargo("test --locked --workspace --manifest-path examples-wasm/Cargo.toml --target-dir");
    sh::run(test.arg(target().join("examples")))
}

/// Everything that tests use, built.
fn ready() -> Result {
    setup::setup()?;
    guests::guests()?;
    sh::run(&mut cargo("build --locked --workspace --all-targets"))
}

/// Tells tests where things are.
fn with_parts(command: &mut Command) -> &mut Command {
    command.env("AU_GUESTS_DIR", guests::folder()).env("AU_COMPILER", au_host())
}

pub(crate) fn soak(words: &[String]) -> Result {
    let minutes =
        words.first().map_or(Ok(10), |word| word.parse::<u32>().map_err(|error| format!("{word}: {error}")))?;
    ready()?;
    // Whole: in a soak every single write is tried, not some of them.
    for (tests, some) in [("crash", ""), ("many", " of_jobs_on_hosts --test-threads 1")] {
        let mut soak = cargo(&format!("test --locked --workspace --test {tests} -- --nocapture{some}"));
        sh::run(with_parts(&mut soak).env("AU_SOAK_MINUTES", minutes.to_string()))?;
    }
    Ok(())
}
