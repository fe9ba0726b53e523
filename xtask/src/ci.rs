//! What must hold before a change lands.

use std::path::PathBuf;

use crate::sh::{self, cargo, command, root, target};
use crate::{Result, demo, test};

/// Pinned: another version may mind other things.
const DENY: &str = "0.19.6";

pub(crate) fn ci() -> Result {
    formatted()?;
    lint()?;
    documented()?;
    denied()?;
    test::test(&[])?;
    demo::demo()
}

fn formatted() -> Result {
    sh::run(&mut cargo("fmt --all --check"))?;
    sh::run(cargo("fmt --all --check").current_dir(root().join("examples-wasm")))
}

fn lint() -> Result {
    for features in ["", "--no-default-features", "--all-features"] {
        let words = format!("clippy --locked --workspace --all-targets {features} -- -D warnings");
        sh::run(&mut cargo(&words))?;
    }
    let words = "clippy --locked --workspace --all-targets --manifest-path examples-wasm/Cargo.toml --target-dir";
    sh::run(cargo(words).arg(target().join("examples")).args(["--", "-D", "warnings"]))
}

fn documented() -> Result {
    sh::run(cargo("doc --locked --workspace --no-deps --document-private-items").env("RUSTDOCFLAGS", "-D warnings"))
}

/// Licences, sources and doubled or banned crates; known faults too, where their list can be fetched.
fn denied() -> Result {
    let deny = tools().join("bin/cargo-deny");
    if !deny.is_file() {
        let mut install = cargo("install --locked --quiet cargo-deny --version");
        // It runs once: built quickly beats running quickly.
        install
            .arg(DENY)
            .arg("--root")
            .arg(tools())
            .envs([("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1"), ("CARGO_PROFILE_RELEASE_LTO", "off")]);
        sh::run(&mut install)?;
    }
    sh::run(&mut command(&deny, ["check", "bans", "licenses", "sources"]))?;
    if let Err(why) = sh::read(&mut command(&deny, ["fetch", "db"])) {
        let first = why.lines().next().unwrap_or("");
        eprintln!("ci: the list of advisories cannot be fetched here, so they are not checked ({first})");
        return Ok(());
    }
    sh::run(&mut command(&deny, ["check", "advisories"]))
}

/// Where programs are kept that are fetched once.
pub(crate) fn tools() -> PathBuf {
    let home = std::env::var_os("HOME").map_or_else(|| root().join("target"), PathBuf::from);
    let cache = std::env::var_os("XDG_CACHE_HOME").map_or_else(|| home.join(".cache"), PathBuf::from);
    cache.join("au-host/tools")
}
