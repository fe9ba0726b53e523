//! S11: clocks that are set while a host runs.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use async_trait::async_trait;
use au_host::backend::wasm::{WasmBackend, WasmConfig};
use au_host::registry::Registry;
use au_host::store::file::FileStore;
use au_host::store::{Durability, memory::MemoryStore};
use au_host::{Clock, Digest, Host, ModuleRef, Modules, Store, Timestamp};

use super::*;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The machine's clock, and by how many microseconds it was set.
#[derive(Clone, Debug, Default)]
struct Set(Arc<AtomicI64>);

impl Set {
    fn clock(&self) -> Clock {
        let by = self.0.clone();
        Clock::manual(move || {
            let now = Clock::system().now().as_micros();
            Timestamp::from_micros(now.saturating_add(by.load(Ordering::SeqCst)))
        })
    }

    fn by_days(&self, days: i64) {
        self.0.store(days * i64::try_from(DAY.as_micros()).unwrap(), Ordering::SeqCst);
    }
}

/// Knows one module, whatever it is called.
#[derive(Debug)]
struct One(Digest);

#[async_trait]
impl Modules for One {
    async fn admit(&self, _module: &ModuleRef, _function: &str, _input: &Payload) -> au_host::Result<Digest> {
        Ok(self.0)
    }
}

/// A host with two slots whose clock can be set, and which sweeps all the time.
async fn host(dir: &Path, store: Arc<dyn Store>, set: &Set) -> Host {
    let registry = Arc::new(Registry::open(&dir.join("modules"), guest::compiler()).unwrap());
    let added = registry.add(guest::guest(), Clock::system().now(), async |_| Ok(Vec::new())).await.unwrap();
    let backend = Arc::new(WasmBackend::new(registry, WasmConfig::default()).unwrap());
    let builder = Host::builder(store, Arc::new(One(added.digest)), backend).clock(set.clock());
    builder.slots(2).lease(Duration::from_secs(1)).sweep_every(BREATH).build().await.unwrap()
}

fn stores(dir: &Path) -> [Arc<dyn Store>; 2] {
    [Arc::new(FileStore::open(dir, Durability::Os).unwrap()), Arc::new(MemoryStore::new())]
}

/// Long enough for a lease to run out, and many sweeps.
async fn a_while() {
    tokio::time::sleep(Duration::from_millis(1_500)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_jumps_makes_no_host_lose_what_it_runs() {
    for days in [40, -400] {
        let folder = tempfile::tempdir().unwrap();
        for store in stores(folder.path()) {
            let set = Set::default();
            let host = host(folder.path(), store, &set).await;
            let running = host.submit(ask("spin", 0)).await.unwrap();
            until(&running, Status::Running).await;
            set.by_days(days);
            a_while().await;
            let job = running.metadata().await.unwrap();
            assert_eq!((job.status, job.attempt), (Status::Running, 1), "{days} days");
            running.cancel("enough").await.unwrap();
            assert_eq!(running.wait(LONG).await.unwrap().status, Status::Cancelled, "{days} days");
            host.shutdown(Duration::ZERO).await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_jumps_deletes_nothing_early() {
    for days in [40, -400] {
        let folder = tempfile::tempdir().unwrap();
        for store in stores(folder.path()) {
            let set = Set::default();
            let host = host(folder.path(), store, &set).await;
            let kept = host.submit(Request { ttl: Some(30 * DAY), ..ask("echo", 6) }).await.unwrap();
            kept.wait(LONG).await.unwrap();
            set.by_days(days);
            a_while().await;
            assert_eq!(host.cleanup().await.unwrap(), 0, "{days} days");
            set.by_days(0);
            assert_eq!(kept.result(LONG).await.unwrap().bytes()[..], 6_u32.to_le_bytes(), "{days} days");
            host.shutdown(Duration::ZERO).await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_that_come_after_a_jump_run_and_do_not_end_before_they_began() {
    for days in [40, -400] {
        let folder = tempfile::tempdir().unwrap();
        let set = Set::default();
        let host = host(folder.path(), stores(folder.path())[0].clone(), &set).await;
        set.by_days(days);
        let handle = host.submit(ask("echo", 2)).await.unwrap();
        assert_eq!(handle.result(LONG).await.unwrap().bytes()[..], 2_u32.to_le_bytes());
        let job = handle.metadata().await.unwrap();
        assert!(job.finished.unwrap() >= job.started.unwrap(), "{job:?}");
        host.shutdown(Duration::ZERO).await.unwrap();
    }
}
