//! A store on any engine that keeps values under keys in their order: [`Keyed`] is what the engine does, [`KeyedStore`] all the rest.
//!
//! Everything is decided on what was read and committed on the condition that it still is so; whoever was too slow reads again. No
//! lock of the engine is asked for, and no clock of it. Who is alive is known by leases, in the time that hosts give.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use tokio::sync::Semaphore;

use super::{Change, Depth, Heartbeat, Inserted, Note, Query, Store, Take, Taken};
use crate::attempt::LogEntry;
use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::id::{JobId, WorkerId};
use crate::job::{Counts, Job, State, Summary};
use crate::lanes::{Load, Round};
use crate::quota::Held;
use crate::time::Timestamp;

mod advance;
mod blobs;
mod counts;
mod doubts;
mod draft;
mod format;
mod get;
mod groups;
mod hints;
mod insert;
mod keys;
mod log;
mod notes;
mod payloads;
mod pieces;
mod read;
mod remove;
mod row;
mod scan;
mod start;
mod take;
mod tally;
mod token;
mod tries;
mod turn;
mod workers;

use self::doubts::Doubts;
use self::token::Tokens;

/// An engine that keeps values under keys, both of them bytes: what [`KeyedStore`] needs of it to be a store.
///
/// # Contract
/// What was committed before a read began is seen by it, through whichever handle; a read of several keys need not be of one moment.
/// What a commit was answered `true` for survives what the engine says it survives. An error is
/// [`Error::Fault`] when the commit may have been made, and any other when it was not. To drop a future before it
/// is ready leaves a commit made or not made, never half. Methods may be called at once from many tasks, and from other processes where
/// the engine is shared. They block no thread: what does goes to `tokio::task::spawn_blocking`.
///
/// So that it is within what most engines take: no more than 256 keys are read at once, and a commit has at most about a hundred keys and
/// 1 MiB, beyond what one append to a log brings. Keys are at most some 2 KiB long, unless a note or blob has a longer name, and
/// values some 100 KiB, unless a job has about as many labels and grants, and as long ones, as it may: then 450. An
/// engine that has other things, too, puts a prefix of its own before our keys.
///
/// An example is in [the documentation of stores](super), on an engine of a file.
#[async_trait]
pub trait Keyed: fmt::Debug + Send + Sync + 'static {
    /// Reads what is under each of these keys, in their order; `None` where there is nothing. They need not be of one moment.
    ///
    /// # Errors
    /// What kept the engine from reading.
    async fn get(&self, keys: Vec<Bytes>) -> Result<Vec<Option<Bytes>>>;

    /// Reads keys and their values in the order of their bytes. Fewer than were asked for: there are no more.
    ///
    /// # Errors
    /// What kept the engine from reading.
    async fn range(&self, range: Range) -> Result<Vec<(Bytes, Bytes)>>;

    /// Makes all changes if everything that is expected is so, and says whether it was. Otherwise nothing happens.
    ///
    /// # Errors
    /// `Fault` when it may have been made or not: the store looks then. `StorageFull`, `Busy` or whatever fits best when it was not.
    async fn commit(&self, commit: Commit) -> Result<bool>;

    /// Waits until somebody else has committed something. May be early, late or miss some: it is raced against half a
    /// second, and nothing but latency depends on it. An engine that cannot tell leaves it at this, which waits for ever.
    async fn changed(&self) {
        std::future::pending().await
    }
}

/// Which keys to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Range {
    /// Not below this one.
    pub from: Bytes,
    /// Below this one.
    pub to: Bytes,
    /// From which end.
    pub order: Order,
    /// At most so many.
    pub limit: usize,
}

/// In which order keys are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The smallest first.
    Forwards,
    /// The largest first.
    Backwards,
}

/// What is to happen at once, and on which condition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Commit {
    /// What must be under these keys; `None`: nothing.
    pub expected: BTreeMap<Bytes, Option<Bytes>>,
    /// What is to be under these keys; `None`: nothing.
    pub changes: BTreeMap<Bytes, Option<Bytes>>,
}

/// Jobs in a [`Keyed`] engine. See [`Store`] for what it promises; what it survives is the engine's word.
///
/// A worker is known to be dead when its lease ends. To count what waits and runs is to look at all of it, of what has finished at
/// nothing. Changes by others are heard of within half a second, or as soon as [`Keyed::changed`] says so.
#[derive(Debug)]
pub struct KeyedStore {
    keyed: Arc<dyn Keyed>,
    tokens: Tokens,
    clock: Clock,
    round: Round,
    /// Takes of one handle would only be in each other's way.
    taking: Semaphore,
    doubts: Doubts,
}

impl KeyedStore {
    /// Opens the store in this engine, which may be empty.
    ///
    /// ```
    /// # use au_host::store::keyed::{Keyed, KeyedStore};
    /// # use std::sync::Arc;
    /// async fn open(engine: impl Keyed) -> au_host::Result<Arc<dyn au_host::Store>> {
    ///     Ok(Arc::new(KeyedStore::open(engine).await?))
    /// }
    /// ```
    ///
    /// # Errors
    /// `Refused` when what is there was made by a later version, else what the engine says.
    pub async fn open(keyed: impl Keyed) -> Result<Self> {
        let store = Self {
            keyed: Arc::new(keyed),
            tokens: Tokens::new()?,
            clock: Clock::system(),
            round: Round::default(),
            taking: Semaphore::new(1),
            doubts: Doubts::default(),
        };
        store.mark().await?;
        Ok(store)
    }
}

#[async_trait]
impl Store for KeyedStore {
    async fn insert(&self, job: &Job) -> Result<Inserted> {
        self.add(job).await
    }

    async fn get(&self, id: JobId, now: Timestamp) -> Result<Job> {
        self.job(id, now).await
    }

    async fn peek(&self, id: JobId, now: Timestamp) -> Result<Summary> {
        let record = self.record(id).await?;
        record.unexpired(now)?;
        Ok(record.summary())
    }

    async fn take(&self, take: &Take) -> Result<Taken> {
        self.start_due(take).await
    }

    async fn advance(&self, id: JobId, next: &State) -> Result<()> {
        self.swap(id, next).await
    }

    async fn scan(&self, query: &Query) -> Result<Vec<Summary>> {
        self.list(query).await
    }

    async fn remove(&self, ids: &[JobId]) -> Result<u64> {
        let mut count = 0;
        for id in ids {
            match self.forget(*id).await {
                Ok(was_there) => count += u64::from(was_there),
                // Some are gone, which no other error may say.
                Err(error) if count > 0 => return Err(Error::fault("store", error)),
                Err(error) => return Err(error),
            }
        }
        Ok(count)
    }

    async fn append_log(&self, id: JobId, entries: &[LogEntry]) -> Result<()> {
        self.append(id, entries).await
    }

    async fn read_log(&self, id: JobId, from: u64, limit: usize) -> Result<Vec<LogEntry>> {
        self.lines(id, from, limit).await
    }

    async fn heartbeat(&self, worker: WorkerId, until: Timestamp, now: Timestamp) -> Result<Heartbeat> {
        self.beat(worker, until, now).await
    }

    async fn leave(&self, worker: WorkerId) -> Result<()> {
        self.part(worker).await
    }

    fn changes(&self) -> BoxStream<'static, Change> {
        hints::changes(Arc::clone(&self.keyed), self.tokens.handle())
    }

    async fn put_note(&self, name: &str, note: &[u8]) -> Result<()> {
        self.keep_note(name, note).await
    }

    async fn remove_note(&self, name: &str) -> Result<bool> {
        self.forget_note(name).await
    }

    async fn notes(&self, prefix: &str, limit: usize) -> Result<Vec<Note>> {
        self.notes_from(prefix, limit).await
    }

    async fn put_blob(&self, name: &str, blob: &Bytes) -> Result<()> {
        self.keep_blob(name, blob).await
    }

    async fn blob(&self, name: &str) -> Result<Option<Bytes>> {
        self.read_blob(name).await
    }

    async fn remove_blob(&self, name: &str) -> Result<bool> {
        self.forget_blob(name).await
    }

    async fn depth(&self, now: Timestamp) -> Result<Depth> {
        self.depth_at(now).await
    }

    async fn loads(&self) -> Result<Vec<Load>> {
        self.sum_loads().await
    }

    async fn held(&self, principal: &str) -> Result<Held> {
        self.held_by(principal).await
    }

    async fn counts(&self) -> Result<Counts> {
        self.count_all().await
    }

    async fn ready(&self) -> Result<()> {
        self.touch().await
    }
}
