//! The examples of `examples-wasm/`, compiled. Unlike the guests in text they need a compiler for WebAssembly: `cargo xtask
//! guests` finds or makes one and builds them.

use std::path::PathBuf;

use au_host::{Local, LocalConfig, ModuleName};
use bytes::Bytes;

use crate::guest::config;

/// Where they are: `AU_GUESTS_DIR`, else `target/guests`.
///
/// # Panics
/// When this is no test.
#[must_use]
pub fn folder() -> PathBuf {
    match std::env::var_os("AU_GUESTS_DIR") {
        Some(folder) => folder.into(),
        None => {
            let program = std::env::current_exe().expect("a test is a program");
            program.ancestors().nth(3).expect("tests are in target/debug/deps").join("guests")
        }
    }
}

/// The module of an example, by its crate's name: `csv_stats`.
///
/// # Panics
/// When it was not built.
#[must_use]
pub fn example(name: &str) -> Bytes {
    let path = folder().join(name).with_extension("wasm");
    match std::fs::read(&path) {
        Ok(bytes) => bytes.into(),
        Err(error) => panic!(
            "{}: {error}. Run `cargo xtask guests`, which builds the examples; AU_GUESTS_DIR may say where they are",
            path.display()
        ),
    }
}

/// A host in a folder of its own, with these examples in it under their names.
///
/// # Panics
/// When it cannot be opened, or refuses one of them.
pub async fn host_of(names: &[&str]) -> Local {
    host_as(config(), names).await
}

/// The same, set up in another way.
///
/// # Panics
/// As [`host_of`].
pub async fn host_as(config: LocalConfig, names: &[&str]) -> Local {
    let local = Local::temporary(config).await.expect("a temporary folder");
    for name in names {
        let module = local.add_module(example(name)).await.expect("an example is sound");
        let alias: ModuleName = name.parse().expect("a name");
        local.alias(&alias, module.digest).await.expect("a module that was just added");
    }
    local
}
