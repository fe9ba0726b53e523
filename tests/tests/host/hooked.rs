//! A store that lets a test do something around its calls: what other tasks and processes do by chance, at a time of its choice.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use au_host::lanes::Load;
use au_host::store::{Change, Depth, Heartbeat, Inserted, Note, Query, Take, Taken};
use au_host::{Counts, Held, Job, JobId, LogEntry, Result, State, Store, Summary, Timestamp, WorkerId};
use futures::stream::BoxStream;

/// What happens around the calls. Nothing, unless said otherwise.
#[async_trait]
pub(crate) trait Hooks: Send + Sync + 'static {
    /// Before a job is inserted; an error is the store's.
    async fn before_insert(&self, _job: &Job) -> Result<()> {
        Ok(())
    }

    /// After it was.
    async fn after_insert(&self) {}

    /// After a job was looked at.
    async fn after_peek(&self, _id: JobId) {}

    /// After a job came into this state, or did not.
    async fn after_advance(&self, _next: &State) {}

    /// Before lines are added to the log of this job.
    fn before_append_log(&self, _id: JobId) {}

    /// Before a note is written; an error is the store's.
    async fn before_put_note(&self, _name: &str) -> Result<()> {
        Ok(())
    }

    /// Before jobs are taken; an error is the store's.
    async fn before_take(&self) -> Result<()> {
        Ok(())
    }

    /// After they were.
    async fn after_take(&self, _taken: &mut Taken) {}
}

pub(crate) struct Hooked<H> {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) hooks: H,
}

impl<H> fmt::Debug for Hooked<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} with hooks", self.store)
    }
}

#[async_trait]
impl<H: Hooks> Store for Hooked<H> {
    async fn insert(&self, job: &Job) -> Result<Inserted> {
        self.hooks.before_insert(job).await?;
        let inserted = self.store.insert(job).await;
        self.hooks.after_insert().await;
        inserted
    }

    async fn get(&self, id: JobId, now: Timestamp) -> Result<Job> {
        self.store.get(id, now).await
    }

    async fn peek(&self, id: JobId, now: Timestamp) -> Result<Summary> {
        let peeked = self.store.peek(id, now).await;
        self.hooks.after_peek(id).await;
        peeked
    }

    async fn take(&self, take: &Take) -> Result<Taken> {
        self.hooks.before_take().await?;
        let mut taken = self.store.take(take).await?;
        self.hooks.after_take(&mut taken).await;
        Ok(taken)
    }

    async fn advance(&self, id: JobId, next: &State) -> Result<()> {
        let advanced = self.store.advance(id, next).await;
        self.hooks.after_advance(next).await;
        advanced
    }

    async fn scan(&self, query: &Query) -> Result<Vec<Summary>> {
        self.store.scan(query).await
    }

    async fn remove(&self, ids: &[JobId]) -> Result<u64> {
        self.store.remove(ids).await
    }

    async fn append_log(&self, id: JobId, entries: &[LogEntry]) -> Result<()> {
        self.hooks.before_append_log(id);
        self.store.append_log(id, entries).await
    }

    async fn read_log(&self, id: JobId, from: u64, limit: usize) -> Result<Vec<LogEntry>> {
        self.store.read_log(id, from, limit).await
    }

    async fn heartbeat(&self, worker: WorkerId, until: Timestamp, now: Timestamp) -> Result<Heartbeat> {
        self.store.heartbeat(worker, until, now).await
    }

    async fn leave(&self, worker: WorkerId) -> Result<()> {
        self.store.leave(worker).await
    }

    fn changes(&self) -> BoxStream<'static, Change> {
        self.store.changes()
    }

    async fn put_note(&self, name: &str, note: &[u8]) -> Result<()> {
        self.hooks.before_put_note(name).await?;
        self.store.put_note(name, note).await
    }

    async fn remove_note(&self, name: &str) -> Result<bool> {
        self.store.remove_note(name).await
    }

    async fn notes(&self, prefix: &str, limit: usize) -> Result<Vec<Note>> {
        self.store.notes(prefix, limit).await
    }

    async fn put_blob(&self, name: &str, blob: &bytes::Bytes) -> Result<()> {
        self.store.put_blob(name, blob).await
    }

    async fn blob(&self, name: &str) -> Result<Option<bytes::Bytes>> {
        self.store.blob(name).await
    }

    async fn remove_blob(&self, name: &str) -> Result<bool> {
        self.store.remove_blob(name).await
    }

    async fn loads(&self) -> Result<Vec<Load>> {
        self.store.loads().await
    }

    async fn depth(&self, now: Timestamp) -> Result<Depth> {
        self.store.depth(now).await
    }

    async fn held(&self, principal: &str) -> Result<Held> {
        self.store.held(principal).await
    }

    async fn counts(&self) -> Result<Counts> {
        self.store.counts().await
    }

    async fn ready(&self) -> Result<()> {
        self.store.ready().await
    }
}
