//! Compiles the examples: finds or makes a compiler for them, builds, and looks at what came out.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::Result;
use crate::sh::{self, cargo, command, root, target};

/// Most bytes of the smallest guest: what the SDK itself costs.
const TRIVIAL_LIMIT: u64 = 30 << 10;

/// Where the examples are, compiled.
pub(crate) fn folder() -> PathBuf {
    target().join("guests")
}

/// The compiler for guests, made if there is none.
pub(crate) fn toolchain() -> Result<String> {
    let script = root().join("xtask/guest-toolchain.sh");
    let mut find = command("bash", [&script]);
    // What it says on stderr, which route it takes and how long that will take, is for whoever waits.
    let found = find
        .stderr(std::process::Stdio::inherit())
        .output()
        .map_err(|error| format!("bash does not start: {error}"))?;
    if !found.status.success() {
        return Err("no compiler for guests; see above".into());
    }
    Ok(String::from_utf8_lossy(&found.stdout).trim().to_owned())
}

pub(crate) fn guests() -> Result {
    let rustc = toolchain()?;
    let workspace = root().join("examples-wasm");
    let local = workspace.join(".cargo/toolchain.local.toml");
    if rustc == "rustc" {
        if local.exists() {
            fs::remove_file(&local).map_err(|error| error.to_string())?;
        }
    } else {
        write_if_other(&local, &format!("[build]\nrustc = {rustc:?}\n"))?;
    }
    // Those that ask the SDK for other features than the rest are built alone, or all would get the features of all.
    build("--workspace --exclude csv-stats --exclude trivial")?;
    build("--package csv-stats")?;
    build("--package trivial")?;
    collect()
}

fn build(packages: &str) -> Result {
    let mut build = cargo("build --release --locked --quiet");
    build.args(packages.split(' ')).current_dir(root().join("examples-wasm"));
    build.arg("--target-dir").arg(target().join("guests-build"));
    sh::run(clean(&mut build).env("CARGO_ENCODED_RUSTFLAGS", remapped()))
}

/// Without the settings for the host: they are not for guests.
pub(crate) fn clean(build: &mut Command) -> &mut Command {
    for variable in ["RUSTFLAGS", "CARGO_BUILD_TARGET", "CARGO_TARGET_DIR", "RUSTC", "RUSTUP_TOOLCHAIN"] {
        build.env_remove(variable);
    }
    build
}

/// Panics name the place in the source; whose machine it was compiled on is nobody's business.
fn remapped() -> String {
    let home =
        std::env::var("CARGO_HOME").ok().or_else(|| std::env::var("HOME").ok().map(|home| format!("{home}/.cargo")));
    let pairs = [(Some(root().display().to_string()), "au-host"), (home, "cargo")];
    let flags = pairs.iter().filter_map(|(from, to)| Some(format!("--remap-path-prefix={}={to}", from.as_ref()?)));
    flags.collect::<Vec<_>>().join("\u{1f}")
}

fn write_if_other(path: &std::path::Path, text: &str) -> Result {
    if fs::read_to_string(path).is_ok_and(|found| found == text) {
        return Ok(());
    }
    fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}

fn collect() -> Result {
    let fault = |error: std::io::Error| error.to_string();
    fs::create_dir_all(folder()).map_err(fault)?;
    let built = target().join("guests-build/wasm32-unknown-unknown/release");
    let mut names = Vec::new();
    for entry in fs::read_dir(&built).map_err(|error| format!("{}: {error}", built.display()))?.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.ends_with(".wasm") {
            fs::copy(entry.path(), folder().join(&name)).map_err(fault)?;
            names.push(name);
        }
    }
    names.sort();
    println!("guests: {} in {}", names.join(" "), folder().display());
    let size = fs::metadata(folder().join("trivial.wasm")).map_err(fault)?.len();
    println!("guests: the smallest has {size} bytes");
    if size > TRIVIAL_LIMIT {
        return Err(format!("trivial.wasm has {size} bytes, {TRIVIAL_LIMIT} are allowed: the SDK has grown"));
    }
    Ok(())
}
