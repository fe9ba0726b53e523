//! A crate to begin with: a function of one's own, ready to be compiled for au-host.

use std::fs;
use std::path::Path;

use crate::Result;
use crate::guests;
use crate::sh::{self, command, root};

const SOURCE: &str = r#"//! Functions for au-host.

use au_guest::{async_compute, info, progress};

/// Greets somebody, as often as was asked for.
#[async_compute]
pub fn greet(name: String, times: Option<u32>) -> Result<String, String> {
    if name.is_empty() {
        return Err("whom?".into());
    }
    let times = times.unwrap_or(1);
    info!("greeting {name}");
    progress(1.0, "greeted");
    Ok(vec![format!("Hello, {name}!"); times as usize].join(" "))
}

#[cfg(test)]
mod tests {
    #[test]
    fn it_is_still_a_plain_function() {
        assert_eq!(super::greet("Ada".into(), None), Ok("Hello, Ada!".into()));
    }
}
"#;

const CONFIG: &str = r#"[build]
target = "wasm32-unknown-unknown"

[target.wasm32-unknown-unknown]
linker = "wasm-component-ld"
"#;

pub(crate) fn new(words: &[String]) -> Result {
    let [dir] = words else { return Err("say where: cargo xtask new ../hello".into()) };
    let dir = std::path::absolute(dir).map_err(|error| format!("{dir}: {error}"))?;
    let name = name(&dir)?;
    if dir.exists() {
        return Err(format!("{} is there already", dir.display()));
    }
    let rustc = guests::toolchain()?;
    write(&dir, "Cargo.toml", &manifest(name))?;
    write(&dir, "src/lib.rs", SOURCE)?;
    write(&dir, ".gitignore", "/target\n")?;
    write(&dir, ".cargo/config.toml", &config(&rustc))?;
    println!("new: a crate in {}. Compile and run it:\n", dir.display());
    println!("  cd {} && cargo build --release", dir.display());
    println!("  cargo test --target {}", host_triple()?);
    println!("  au-host run target/wasm32-unknown-unknown/release/{}.wasm greet Ada", name.replace('-', "_"));
    Ok(())
}

/// What tests of a function run on: this machine, not the sandbox.
fn host_triple() -> Result<String> {
    let version = sh::read(&mut command("rustc", ["-vV"]))?;
    let triple = version.lines().find_map(|line| line.strip_prefix("host: "));
    triple.map(str::to_owned).ok_or_else(|| "rustc -vV names no host".into())
}

fn name(dir: &Path) -> Result<&str> {
    let name = dir.file_name().and_then(|name| name.to_str()).unwrap_or("");
    let fits = |at: usize, c: char| c.is_ascii_lowercase() || at > 0 && (c.is_ascii_digit() || c == '-' || c == '_');
    if name.is_empty() || !name.char_indices().all(|(at, c)| fits(at, c)) {
        return Err(format!("{name:?} is no name for a crate: small letters, digits, - and _, a letter first"));
    }
    Ok(name)
}

fn manifest(name: &str) -> String {
    let sdk = root().join("guest-sdk");
    format!(
        r#"[package]
name = "{name}"
version = "0.1.0"
edition = "2024"

[lib]
crate-type = ["cdylib", "rlib"]
# The compiler for guests need not come with a rustdoc.
doctest = false

[dependencies]
au-guest = {{ path = {sdk:?} }}

# Small modules: they are uploaded, hashed and compiled.
[profile.release]
opt-level = "s"
lto = true
codegen-units = 1
panic = "abort"
strip = "debuginfo"

[workspace]
"#
    )
}

/// Where rustup has no compiler for guests, the one that was found is named.
fn config(rustc: &str) -> String {
    if rustc == "rustc" {
        CONFIG.into()
    } else {
        CONFIG.replacen("[build]\n", &format!("[build]\nrustc = {rustc:?}\n"), 1)
    }
}

fn write(dir: &Path, name: &str, text: &str) -> Result {
    let path = dir.join(name);
    let fault = |error: std::io::Error| format!("{}: {error}", path.display());
    fs::create_dir_all(path.parent().unwrap_or(dir)).map_err(fault)?;
    fs::write(&path, text).map_err(fault)
}
