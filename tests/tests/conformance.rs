//! Every property of the suites, of everything that must have it, each a test by name.

use std::sync::Arc;

use au_host::Store;
use au_host::store::{Durability, open};
use au_tests::store::wrap::Picked;
use au_tests::store::{ALONE, Open, SHARED};
use au_tests::suite::trials;
use tempfile::TempDir;

fn main() -> std::process::ExitCode {
    let arguments = libtest_mimic::Arguments::from_args();
    let tests = [
        trials("memory:", ALONE, &[], memory),
        trials("file:", ALONE, &[], file),
        trials("file: without fsync", ALONE, &[], file_os),
        trials("file: three handles", ALONE, &[], file_round),
        trials("file: reopened for each call", ALONE, &[], file_reopening),
        trials("file:", SHARED, &[], folder),
    ];
    libtest_mimic::run(&arguments, tests.into_iter().flatten().collect()).exit_code()
}

fn memory() -> (Arc<dyn Store>, ()) {
    (open("memory:", Durability::Os).unwrap(), ())
}

fn folder() -> (Open, TempDir) {
    opener(Durability::Fsync)
}

fn opener(durability: Durability) -> (Open, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("file:{}", folder.path().join("data").display());
    (Arc::new(move || open(&url, durability).unwrap()), folder)
}

fn file() -> (Arc<dyn Store>, TempDir) {
    let (open, folder) = folder();
    (open(), folder)
}

fn file_os() -> (Arc<dyn Store>, TempDir) {
    let (open, folder) = opener(Durability::Os);
    (open(), folder)
}

fn file_round() -> (Arc<dyn Store>, TempDir) {
    let (open, folder) = folder();
    (Arc::new(Picked::round(&open, 3)), folder)
}

fn file_reopening() -> (Arc<dyn Store>, TempDir) {
    let (open, folder) = folder();
    (Arc::new(Picked::reopening(open)), folder)
}
