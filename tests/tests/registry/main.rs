//! The registry through its public face, with the real `au-host` as its compile child.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod bad_input;
mod bombs;
mod compiling;
mod keeping;
mod tampering;
mod watch;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use au_host::backend::wasm::engine::CodeProfile;
use au_host::registry::{Compiler, ModuleInfo, Registry};
use au_host::{Digest, Error, ModuleName, Result, Timestamp};
use bytes::Bytes;
use tempfile::TempDir;
use wasmtime::Engine;

pub(crate) const NOW: Timestamp = Timestamp::from_micros(1_795_370_000_000_000);
pub(crate) const PLAIN: CodeProfile = CodeProfile { fuel: false, hardened: false, unstoppable: false };

pub(crate) fn wat(text: &str) -> Bytes {
    wat::parse_str(text).unwrap().into()
}

pub(crate) fn numbers() -> Bytes {
    wat(include_str!("../../fixtures/numbers.wat"))
}

pub(crate) fn answer() -> Bytes {
    wat(include_str!("../../fixtures/answer.wat"))
}

pub(crate) fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

pub(crate) fn child() -> Compiler {
    Compiler::find().expect("`cargo build --package au-host` comes first; `cargo xtask test` does it")
}

pub(crate) fn open(dir: &Path) -> Arc<Registry> {
    Arc::new(Registry::open(dir, child()).unwrap())
}

pub(crate) async fn add(registry: &Arc<Registry>, bytes: Bytes) -> Result<ModuleInfo> {
    registry.add(bytes, NOW, async |_| Ok(Vec::new())).await
}

pub(crate) fn refusal(result: Result<ModuleInfo>) -> (String, String) {
    match result {
        Err(Error::Module { code, why }) => (code, why),
        other => panic!("expected a refusal, got {other:?}"),
    }
}

pub(crate) async fn refused(bytes: impl Into<Bytes>) -> (String, String) {
    let dir = folder();
    refusal(add(&open(dir.path()), bytes.into()).await)
}

pub(crate) fn engine() -> Engine {
    Engine::new(&PLAIN.config()).unwrap()
}

pub(crate) fn name(text: &str) -> ModuleName {
    text.parse().unwrap()
}

pub(crate) fn code_files(dir: &Path) -> Vec<PathBuf> {
    let engines = fs::read_dir(dir.join("cache")).unwrap().flatten().filter(|entry| entry.path().is_dir());
    engines.flat_map(|engine| fs::read_dir(engine.path()).unwrap().flatten()).map(|entry| entry.path()).collect()
}

pub(crate) fn code_file(dir: &Path, digest: Digest) -> PathBuf {
    let hex = digest.hex();
    code_files(dir).into_iter().find(|path| path.to_string_lossy().contains(&hex)).unwrap()
}
