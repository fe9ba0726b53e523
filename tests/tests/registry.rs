//! The registry through its public face, with the real `au-host` as its compile child.

use std::path::Path;
use std::sync::Arc;

use au_host::backend::wasm::engine::CodeProfile;
use au_host::registry::{Compiler, Kind, ModuleInfo, Registry, ScanLimits, prescan};
use au_host::{Error, Result, Timestamp};
use bytes::Bytes;

#[test]
#[ignore = "measures guests that are not in the repository: GUESTS=DIR"]
fn measure() {
    let dir = std::env::var("GUESTS").unwrap();
    for entry in std::fs::read_dir(dir).unwrap().flatten() {
        let path = entry.path();
        if path.extension().is_none_or(|e| e != "wasm") {
            continue;
        }
        let bytes = std::fs::read(&path).unwrap();
        let start = std::time::Instant::now();
        let wide = ScanLimits { bytes: u64::MAX, ..ScanLimits::default() };
        match prescan(&bytes, &wide) {
            Ok(scan) => println!(
                "{} {} {:?} {:?}\n{:?}\nimports {:?}\nexports {:?}",
                path.display(),
                bytes.len(),
                start.elapsed(),
                scan.kind,
                scan.counts,
                scan.imports,
                &scan.exports[..scan.exports.len().min(5)]
            ),
            Err(error) => println!("{} {}", path.display(), error),
        }
    }
}

#[tokio::test]
#[ignore = "measures guests that are not in the repository: GUESTS=DIR"]
async fn measure_add() {
    let dir = std::env::var("GUESTS").unwrap();
    let tmp = tempfile::tempdir().unwrap();
    let registry = Arc::new(Registry::open(tmp.path(), Compiler::find().unwrap()).unwrap());
    let engine = wasmtime::Engine::new(&CodeProfile::default().config()).unwrap();
    for entry in std::fs::read_dir(dir).unwrap().flatten() {
        let path = entry.path();
        if path.extension().is_none_or(|e| e != "wasm") {
            continue;
        }
        let bytes = Bytes::from(std::fs::read(&path).unwrap());
        let start = std::time::Instant::now();
        match registry.add(bytes, Timestamp::from_micros(0), async |_| Ok(vec![])).await {
            Ok(info) => {
                let added = start.elapsed();
                let start = std::time::Instant::now();
                if info.kind.is_component() {
                    registry.component(&engine, CodeProfile::default(), info.digest).unwrap();
                } else {
                    registry.module(&engine, CodeProfile::default(), info.digest).unwrap();
                }
                println!("{} {:?} added {added:?} loaded {:?}", path.display(), info.kind, start.elapsed());
            }
            Err(error) => println!("{} {}", path.display(), error.chain()),
        }
    }
}
