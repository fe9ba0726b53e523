//! What a host must do when things happen in an awkward order, or when what it stands on fails: no guest is needed for that.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod brief;
#[cfg(feature = "wasm")]
mod crowded;
mod doubles;
mod due;
mod giving_back;
mod hearing;
mod hooked;
mod idle;
mod keeping;
mod puppet;
mod runtime;
mod schedules;
mod shutdown;
mod sweeping;
#[cfg(feature = "wasm")]
mod temporary;

use std::sync::Arc;
use std::time::{Duration, Instant};

use au_host::store::memory::MemoryStore;
use au_host::{Builder, Clock, Host, JobId, Payload, Request, Retry, Status, Store, Timestamp};

use self::hooked::{Hooked, Hooks};
use self::puppet::{Anything, Puppet};

/// Long enough for anything that ends, and shorter than the longest sleep of a scheduler that missed something.
pub(crate) const LONG: Duration = Duration::from_secs(20);
/// Long enough for what is wrong to show, on most days; what is right never depends on it.
pub(crate) const SOON: Duration = Duration::from_millis(300);

pub(crate) fn memory() -> Arc<dyn Store> {
    Arc::new(MemoryStore::new())
}

pub(crate) fn hooked(store: &Arc<dyn Store>, hooks: impl Hooks) -> Arc<dyn Store> {
    Arc::new(Hooked { store: Arc::clone(store), hooks })
}

/// A host to be, of attempts that do what their function is called.
pub(crate) fn builder(store: Arc<dyn Store>, puppet: &Arc<Puppet>) -> Builder {
    Host::builder(store, Arc::new(Anything), Arc::clone(puppet) as _).slots(1)
}

pub(crate) fn ask(function: &str) -> Request {
    let request = Request::new("any".parse().unwrap(), function, Payload::json(&[7]).unwrap());
    Request { retry: Some(Retry::never()), ..request }
}

pub(crate) fn now() -> Timestamp {
    Clock::system().now()
}

pub(crate) fn later(request: Request, wait: Duration) -> Request {
    Request { run_at: Some(now().plus(wait)), ..request }
}

pub(crate) async fn status(store: &Arc<dyn Store>, id: JobId) -> Status {
    store.peek(id, now()).await.unwrap().status
}

/// Waits until it is so.
pub(crate) async fn until(what: &str, mut so: impl AsyncFnMut() -> bool) {
    let began = Instant::now();
    while !so().await {
        assert!(began.elapsed() < LONG, "not after {LONG:?}: {what}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

pub(crate) async fn in_time<T>(what: &str, waiting: impl Future<Output = T>) -> T {
    let waited = tokio::time::timeout(LONG, waiting).await;
    waited.unwrap_or_else(|_| panic!("not after {LONG:?}: {what}"))
}
