//! Every property of the suites, of everything that must have it, each a test by name.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::sync::Arc;

use au_host::Store;
use au_host::store::Durability;
use au_tests::keyed_map::KeyedMap;
use au_tests::own_store;
use au_tests::store::wrap::Picked;
use au_tests::store::{ALONE, Open, SHARED, opened, waited_for};
use au_tests::suite::trials;
use tempfile::TempDir;
#[cfg(feature = "wasm")]
use {
    au_host::backend::remote::{ElsewhereConfig, ProcessConfig, Remote},
    au_host::backend::wasm::{WasmBackend, WasmConfig},
    au_host::registry::Registry,
    au_host::{Local, LocalConfig},
    au_tests::backend::{BACKEND, Subject},
    au_tests::guest,
    au_tests::host::HOST,
    au_tests::hosts::HOSTS,
    au_tests::serving::Serving,
};

fn main() -> std::process::ExitCode {
    let arguments = libtest_mimic::Arguments::from_args();
    let tests = [
        trials("memory:", ALONE, &[], memory),
        trials("file:", ALONE, &[], file),
        trials("file: without fsync", ALONE, &[], file_os),
        trials("file: three handles", ALONE, &[], file_round),
        trials("file: reopened for each call", ALONE, &[], file_reopening),
        trials("file:", SHARED, &[], folder),
        trials("keys in memory", ALONE, &[], || (map().0(), ())),
        trials("keys in memory: three handles", ALONE, &[], || (Arc::new(Picked::round(&map().0, 3)), ())),
        trials("keys in memory", SHARED, LEASES, map),
        trials("a store of one's own", ALONE, &[], own),
        trials("a store of one's own: reopened for each call", ALONE, &[], own_reopening),
        trials("a store of one's own", SHARED, LEASES, own_file),
    ];
    let tests = tests.into_iter().flatten();
    #[cfg(feature = "redis")]
    let tests = tests.chain(redis::tests());
    #[cfg(feature = "postgres")]
    let tests = tests.chain(postgres());
    #[cfg(feature = "wasm")]
    let tests = tests
        .chain(trials("wasm:", BACKEND, &[], || wasm(WasmConfig::default())))
        .chain(trials("wasm: without a pool", BACKEND, &[], || {
            wasm(WasmConfig { pooled: false, ..WasmConfig::default() })
        }))
        .chain(trials("wasm: hardened", BACKEND, &[], || wasm(WasmConfig { hardened: true, ..WasmConfig::default() })))
        .chain(trials("process:", BACKEND, &[], process))
        .chain(trials("http:", BACKEND, &[], elsewhere))
        .chain(trials("a host on file:", HOST, &[], || host(false)))
        .chain(trials("a host on memory:", HOST, &[], || host(true)))
        .chain(trials("a host on a shared file:", HOST, &[], || sharing(folder())))
        .chain(trials("a host on a store of one's own", HOST, &[], || sharing(own_file())))
        .chain(trials("hosts on file:", HOSTS, &[], folder))
        .chain(trials("hosts on a store of one's own", HOSTS, &[], own_file));
    let conclusion = libtest_mimic::run(&arguments, tests.collect());
    #[cfg(feature = "redis")]
    au_tests::redis::end();
    conclusion.exit_code()
}

/// What no store has whose workers are known by leases.
const LEASES: &[au_tests::suite::Gap] = &[au_tests::suite::Gap {
    property: "the jobs of a handle that is gone are due at once",
    reason: "a worker that did not leave is known to be gone when its lease ends, not before",
}];

#[cfg(feature = "redis")]
mod redis {
    use super::*;
    use libtest_mimic::Trial;

    pub(super) fn tests() -> Vec<Trial> {
        if !au_tests::redis::is_there("all of redis:") {
            return Vec::new();
        }
        let tests = [
            trials("redis:", ALONE, &[], alone),
            trials("redis: three handles", ALONE, &[], round),
            trials("redis:", SHARED, LEASES, || (open(), ())),
        ];
        let tests = tests.into_iter().flatten();
        #[cfg(feature = "wasm")]
        let tests = tests.chain(trials("a host on redis:", HOST, &[], || sharing((open(), ())))).chain(trials(
            "hosts on redis:",
            HOSTS,
            &[],
            || (open(), ()),
        ));
        tests.collect()
    }

    fn open() -> Open {
        let url = au_tests::redis::shared();
        Arc::new(move || opened(&url, Durability::Fsync))
    }

    fn alone() -> (Arc<dyn Store>, ()) {
        (open()(), ())
    }

    fn round() -> (Arc<dyn Store>, ()) {
        (Arc::new(Picked::round(&open(), 3)), ())
    }
}

#[cfg(feature = "postgres")]
fn postgres() -> Vec<libtest_mimic::Trial> {
    use au_tests::postgres::server;
    fn opener() -> (Open, ()) {
        let url = server().unwrap().database();
        (Arc::new(move || opened(&url, Durability::Fsync)), ())
    }
    fn by_socket() -> (Arc<dyn Store>, ()) {
        (opened(&server().unwrap().database_by_socket(), Durability::Os), ())
    }
    fn round() -> (Arc<dyn Store>, ()) {
        (Arc::new(Picked::round(&opener().0, 3)), ())
    }
    // The server is looked for here, so that there are no tests of it where there is none.
    if server().is_none() {
        return Vec::new();
    }
    let tests = [
        trials("postgres:", ALONE, &[], || (opener().0(), ())),
        trials("postgres: without waiting for the disk", ALONE, &[], by_socket),
        trials("postgres: three handles", ALONE, &[], round),
        trials("postgres:", SHARED, LEASES, opener),
    ];
    let tests = tests.into_iter().flatten();
    #[cfg(feature = "wasm")]
    let tests = tests.chain(trials("a host on postgres:", HOST, &[], || sharing(opener()))).chain(trials(
        "hosts on postgres:",
        HOSTS,
        &[],
        opener,
    ));
    tests.collect()
}

/// A backend with room for 16, and the guest in its registry.
#[cfg(feature = "wasm")]
fn wasm(config: WasmConfig) -> (Subject, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let registry = Arc::new(Registry::open(folder.path(), guest::compiler()).unwrap());
    let config = WasmConfig { attempts: 16, threads: 2, ..config };
    let backend = WasmBackend::new(registry.clone(), config).unwrap();
    let module = tokio::runtime::Runtime::new().unwrap().block_on(guest::register(&registry));
    (Subject { backend: Arc::new(backend), module }, folder)
}

/// The same in child processes.
#[cfg(feature = "wasm")]
fn process() -> (Subject, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let registry = Arc::new(Registry::open(folder.path(), guest::compiler()).unwrap());
    let module = tokio::runtime::Runtime::new().unwrap().block_on(guest::register(&registry));
    let config = ProcessConfig { workers: 16, ..ProcessConfig::default() };
    (Subject { backend: Arc::new(Remote::processes(registry, config).unwrap()), module }, folder)
}

/// The same on a host in another process, which has the guest sent to it.
#[cfg(feature = "wasm")]
fn elsewhere() -> (Subject, (TempDir, Serving)) {
    let (folder, serving) = (tempfile::tempdir().unwrap(), Serving::start(&[]));
    let registry = Arc::new(Registry::open(folder.path(), guest::compiler()).unwrap());
    let module = tokio::runtime::Runtime::new().unwrap().block_on(guest::register(&registry));
    let config = ElsewhereConfig { attempts: 16, ..ElsewhereConfig::default() };
    let backend = Remote::elsewhere(registry, &serving.url, config).unwrap();
    (Subject { backend: Arc::new(backend), module }, (folder, serving))
}

/// A host with four slots.
#[cfg(feature = "wasm")]
fn host(ephemeral: bool) -> (Local, (tokio::runtime::Runtime, TempDir)) {
    let folder = tempfile::tempdir().unwrap();
    let config = LocalConfig { slots: Some(4), ..guest::config() };
    // Its own tasks live on the runtime that it was made on.
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let local = runtime.block_on(async {
        let opened = if ephemeral {
            Local::ephemeral(folder.path(), config).await
        } else {
            Local::open(folder.path(), config).await
        };
        let local = opened.unwrap();
        guest::add_to(&local).await;
        local
    });
    (local, (runtime, folder))
}

/// A host with four slots whose jobs and modules are in a store that others may share.
#[cfg(feature = "wasm")]
fn sharing<K>((open, kept): (Open, K)) -> (Local, (tokio::runtime::Runtime, TempDir, K)) {
    let folder = tempfile::tempdir().unwrap();
    let config = LocalConfig { slots: Some(4), ..guest::config() };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let local = runtime.block_on(async {
        let local = Local::on(open(), folder.path(), config).await.unwrap();
        guest::add_to(&local).await;
        local
    });
    (local, (runtime, folder, kept))
}

/// Handles on one map of keys and values.
fn map() -> (Open, ()) {
    let map = KeyedMap::default();
    (Arc::new(move || waited_for(map.store())), ())
}

/// Handles on one file of a store of one's own.
fn own_file() -> (Open, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("jobs.redb");
    (Arc::new(move || Arc::new(waited_for(own_store::open(&file)).unwrap())), folder)
}

fn own() -> (Arc<dyn Store>, TempDir) {
    let (open, folder) = own_file();
    (open(), folder)
}

fn own_reopening() -> (Arc<dyn Store>, TempDir) {
    let (open, folder) = own_file();
    (Arc::new(Picked::reopening(open)), folder)
}

fn memory() -> (Arc<dyn Store>, ()) {
    (opened("memory:", Durability::Os), ())
}

fn folder() -> (Open, TempDir) {
    opener(Durability::Fsync)
}

fn opener(durability: Durability) -> (Open, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("file:{}", folder.path().join("data").display());
    (Arc::new(move || opened(&url, durability)), folder)
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
