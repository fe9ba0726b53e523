//! Stores made of others, so that what is asked of one handle is asked of several, or of ever new ones.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use au_host::lanes::Load;
use au_host::store::{Change, Depth, Heartbeat, Inserted, Note, Query, Take, Taken};
use au_host::{Counts, Held, Job, JobId, LogEntry, Result, State, Store, Summary, Timestamp, WorkerId};
use bytes::Bytes;
use futures::stream::BoxStream;

use super::Open;

/// Each call goes to the handle that `pick` gives for it; who is alive, and what changes, is asked of one and the same.
pub struct Picked {
    keeper: Arc<dyn Store>,
    pick: Box<dyn Fn() -> Arc<dyn Store> + Send + Sync>,
}

impl Picked {
    /// Opens a new handle for every call.
    #[must_use]
    pub fn reopening(open: Open) -> Self {
        Self { keeper: open(), pick: Box::new(move || open()) }
    }

    /// Goes round these many handles.
    #[must_use]
    pub fn round(open: &Open, count: usize) -> Self {
        let handles: Vec<_> = (0..count).map(|_| open()).collect();
        let next = AtomicUsize::new(0);
        Self {
            keeper: open(),
            pick: Box::new(move || Arc::clone(&handles[next.fetch_add(1, Ordering::Relaxed) % handles.len()])),
        }
    }
}

impl fmt::Debug for Picked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "several of {:?}", self.keeper)
    }
}

#[async_trait]
impl Store for Picked {
    async fn insert(&self, job: &Job) -> Result<Inserted> {
        (self.pick)().insert(job).await
    }

    async fn get(&self, id: JobId, now: Timestamp) -> Result<Job> {
        (self.pick)().get(id, now).await
    }

    async fn peek(&self, id: JobId, now: Timestamp) -> Result<Summary> {
        (self.pick)().peek(id, now).await
    }

    async fn take(&self, take: &Take) -> Result<Taken> {
        (self.pick)().take(take).await
    }

    async fn advance(&self, id: JobId, next: &State) -> Result<()> {
        (self.pick)().advance(id, next).await
    }

    async fn scan(&self, query: &Query) -> Result<Vec<Summary>> {
        (self.pick)().scan(query).await
    }

    async fn remove(&self, ids: &[JobId]) -> Result<u64> {
        (self.pick)().remove(ids).await
    }

    async fn append_log(&self, id: JobId, entries: &[LogEntry]) -> Result<()> {
        (self.pick)().append_log(id, entries).await
    }

    async fn read_log(&self, id: JobId, from: u64, limit: usize) -> Result<Vec<LogEntry>> {
        (self.pick)().read_log(id, from, limit).await
    }

    async fn heartbeat(&self, worker: WorkerId, until: Timestamp, now: Timestamp) -> Result<Heartbeat> {
        self.keeper.heartbeat(worker, until, now).await
    }

    async fn leave(&self, worker: WorkerId) -> Result<()> {
        self.keeper.leave(worker).await
    }

    fn changes(&self) -> BoxStream<'static, Change> {
        self.keeper.changes()
    }

    async fn put_note(&self, name: &str, note: &[u8]) -> Result<()> {
        (self.pick)().put_note(name, note).await
    }

    async fn remove_note(&self, name: &str) -> Result<bool> {
        (self.pick)().remove_note(name).await
    }

    async fn notes(&self, prefix: &str, limit: usize) -> Result<Vec<Note>> {
        (self.pick)().notes(prefix, limit).await
    }

    async fn put_blob(&self, name: &str, blob: &Bytes) -> Result<()> {
        (self.pick)().put_blob(name, blob).await
    }

    async fn blob(&self, name: &str) -> Result<Option<Bytes>> {
        (self.pick)().blob(name).await
    }

    async fn remove_blob(&self, name: &str) -> Result<bool> {
        (self.pick)().remove_blob(name).await
    }

    async fn depth(&self, now: Timestamp) -> Result<Depth> {
        (self.pick)().depth(now).await
    }

    async fn loads(&self) -> Result<Vec<Load>> {
        (self.pick)().loads().await
    }

    async fn held(&self, principal: &str) -> Result<Held> {
        (self.pick)().held(principal).await
    }

    async fn counts(&self) -> Result<Counts> {
        (self.pick)().counts().await
    }

    async fn ready(&self) -> Result<()> {
        self.keeper.ready().await
    }
}
