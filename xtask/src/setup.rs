//! Sees that everything is there that is needed, and gets what is missing.

use crate::sh::{self, cargo, command, has, read};
use crate::{Result, guests};

/// Programs that tests and the demo use, and the Debian packages that have them.
const PROGRAMS: [(&str, &str); 8] = [
    ("chromedriver", "chromium-driver"),
    ("chromium", "chromium"),
    ("mkfs.ext4", "e2fsprogs"),
    ("mount", "mount"),
    ("perl", "perl-base"),
    ("pkill", "procps"),
    ("redis-server", "redis-server"),
    ("strace", "strace"),
];
/// The library that makes fsync do nothing: what shows that the crash tests can fail.
const EATMYDATA: &str = "libeatmydata1";
/// The server that the tests of `postgres://` start. Its programs are in no path.
const POSTGRESQL: &str = "postgresql";

pub(crate) fn setup() -> Result {
    rust()?;
    debian()?;
    guests::toolchain().map(|_| ())
}

fn rust() -> Result {
    let version = read(&mut cargo("--version"))?;
    println!("setup: {version}");
    let minor = version.split('.').nth(1).and_then(|minor| minor.parse::<u32>().ok()).unwrap_or(0);
    if minor < 95 {
        return Err(format!("{version} is too old: au-host needs Rust 1.95 (`rustup update stable`)"));
    }
    Ok(())
}

/// What Debian has for the tests. Without it they say what they skip.
fn debian() -> Result {
    let library = || {
        std::fs::read_dir("/usr/lib/x86_64-linux-gnu").is_ok_and(|entries| {
            entries.flatten().any(|entry| entry.file_name().to_string_lossy().starts_with("libeatmydata.so"))
        })
    };
    let mut missing: Vec<_> = PROGRAMS
        .iter()
        .filter(|(program, _)| !has(program) && !has_in_sbin(program))
        .map(|(_, package)| *package)
        .collect();
    if !library() {
        missing.push(EATMYDATA);
    }
    if !has_postgresql() {
        missing.push(POSTGRESQL);
    }
    if missing.is_empty() {
        return Ok(());
    }
    if !has("apt-get") || !is_root() {
        println!("setup: not found: {}. Tests that need it will say that they are skipped.", missing.join(", "));
        return Ok(());
    }
    println!("setup: installing {}", missing.join(", "));
    let words = |verb: &str| command("apt-get", ["-qq", "-y", verb]);
    sh::run(&mut words("update"))?;
    let mut install = words("install");
    install.arg("--no-install-recommends").args(&missing).env("DEBIAN_FRONTEND", "noninteractive");
    if let Err(why) = sh::run(&mut install) {
        println!("setup: {why}. Tests that need it will say that they are skipped.");
    }
    Ok(())
}

fn has_postgresql() -> bool {
    std::fs::read_dir("/usr/lib/postgresql")
        .is_ok_and(|versions| versions.flatten().any(|version| version.path().join("bin/postgres").is_file()))
}

fn has_in_sbin(program: &str) -> bool {
    ["/sbin", "/usr/sbin"].iter().any(|dir| std::path::Path::new(dir).join(program).is_file())
}

fn is_root() -> bool {
    read(&mut command("id", ["-u"])).is_ok_and(|id| id == "0")
}
