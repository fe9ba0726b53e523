//! Stores keep jobs. The trait, what its methods take and give, and how one is opened by URL.
//!
//! A store does not decide what happens to a job: [`State`]'s transitions do. A store compares one number and keeps what
//! it is given. A type is a store when it passes the conformance suite in `tests/src/store.rs`.
//!
//! # A store of one's own
//! An engine that keeps values under keys, in order, and changes several of them at once if they are what they were, is a store by
//! three methods of `keyed::Keyed`, and one that may be left out (feature `records`): `keyed::KeyedStore` does the rest. One in a file, from
//! `tests/src/own_store.rs`, which passes the suite:
#![doc = concat!("```ignore\n", include_str!("../../../tests/src/own_store.rs"), "\n```")]

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;

use crate::attempt::LogEntry;
use crate::error::Result;
use crate::id::{Digest, JobId, WorkerId};
use crate::job::{Counts, Job, State, Status, Summary};
use crate::lanes::{Bounds, DEFAULT_QUEUE, Load};
use crate::quota::Held;
use crate::time::Timestamp;

#[cfg(feature = "records")]
mod codec;
#[cfg(feature = "records")]
mod columns;
#[cfg(feature = "file")]
pub mod file;
#[cfg(feature = "records")]
pub mod keyed;
pub mod memory;
mod open;
#[cfg(feature = "postgres")]
pub mod postgres;
#[cfg(feature = "records")]
mod record;
#[cfg(feature = "redis")]
pub mod redis;

pub use open::{Durability, open, promise};

/// Keeps jobs.
///
/// # Contract
/// Each method is atomic: all of it happened, or none. When it returns `Ok`, the change survives what the store says it
/// survives. A write that fails is an error, never a log line; after an error nothing of it is kept, unless the error is
/// `Fault`, when it may be. Dropping a future before it is ready leaves the change made or not made, never half. Methods
/// may be called at once from many tasks, and from other processes where the store is shared.
#[async_trait]
pub trait Store: fmt::Debug + Send + Sync + 'static {
    /// Adds a job, in the state it comes in: new, or already started by its host.
    ///
    /// Keys of one principal are its own ([`Options::scoped_key`](crate::Options::scoped_key)). When the job has an idempotency
    /// key that already names another, nothing is added and the answer is that job: of
    /// any number of racing inserts with one key, exactly one adds. A key that holds until its job finishes, and whose
    /// job has, is taken over, as is a key whose job is expired or removed. An id that is there already is `Conflict`.
    async fn insert(&self, job: &Job) -> Result<Inserted>;

    /// Reads a job. Unknown or removed: `NotFound`. Past its time to live at `now`: `Expired`, removed or not yet.
    async fn get(&self, id: JobId, now: Timestamp) -> Result<Job>;

    /// Reads a job without its payloads, at a cost that does not depend on their size. Else as `get`.
    async fn peek(&self, id: JobId, now: Timestamp) -> Result<Summary>;

    /// Starts at most `take.limit` due jobs for `take.worker`: pending ones whose time has come, and running ones whose
    /// worker is lost. Fewer when their inputs together are large. Highest priority first, then earliest due, then oldest.
    /// [`State::start`] decides what becomes of each; those it settles without running (lost for the last time, cancelled) are kept as settled and reported so.
    /// No two takes, here or in another process, start one attempt of a job.
    async fn take(&self, take: &Take) -> Result<Taken>;

    /// Puts `next` in place of the state whose version is `next.version - 1`. Another version: `Conflict`, and nothing
    /// changes. Unknown: `NotFound`. Once finished, a job's state never changes again.
    async fn advance(&self, id: JobId, next: &State) -> Result<()>;

    /// Lists jobs, newest first, beginning below the cursor. Expired ones are left out of `Query::List`.
    async fn scan(&self, query: &Query) -> Result<Vec<Summary>>;

    /// Forgets jobs with their payloads, logs and keys, and says how many there were. Unknown ones do no harm.
    async fn remove(&self, ids: &[JobId]) -> Result<u64>;

    /// Adds lines to the end of a job's log. Unknown job: `NotFound`.
    async fn append_log(&self, id: JobId, entries: &[LogEntry]) -> Result<()>;

    /// Reads at most `limit` lines of a job's log from line number `from`, the first being 0. Unknown job: `NotFound`.
    async fn read_log(&self, id: JobId, from: u64, limit: usize) -> Result<Vec<LogEntry>>;

    /// Says that a worker lives, and will until `until` at least; renews everything it runs. The first one makes the
    /// worker known: a running job of an unknown worker is a lost one. Answers which other workers were found dead since
    /// the last time, so that a host need not wait for a change hint to take up their jobs.
    async fn heartbeat(&self, worker: WorkerId, until: Timestamp, now: Timestamp) -> Result<Heartbeat>;

    /// The worker goes and will not come back. Whatever it still runs is lost at once.
    async fn leave(&self, worker: WorkerId) -> Result<()>;

    /// Hints at changes by others than this handle of the store: may miss some, repeat some, and say `Unknown` for any.
    /// Nothing but latency depends on it. A store that several processes share hints once when a handle is first asked this,
    /// for what changed before it could hear of changes.
    fn changes(&self) -> BoxStream<'static, Change>;

    /// Keeps a note under a name, in place of the one before: something small that hosts on this store share beside jobs.
    async fn put_note(&self, name: &str, note: &[u8]) -> Result<()>;

    /// Forgets a note, and says whether there was one.
    async fn remove_note(&self, name: &str) -> Result<bool>;

    /// Reads at most `limit` notes whose names begin so, in the order of their names. The note of one name alone comes first
    /// among those that begin with it.
    async fn notes(&self, prefix: &str, limit: usize) -> Result<Vec<Note>>;

    /// Keeps a blob under a name, in place of the one before: bytes that hosts on this store share, such as a module, and that
    /// may be many. A reader sees the one before or the whole of this one.
    async fn put_blob(&self, name: &str, blob: &Bytes) -> Result<()>;

    /// Reads a blob; `None`: there is none of this name.
    async fn blob(&self, name: &str) -> Result<Option<Bytes>>;

    /// Forgets a blob, and says whether there was one.
    async fn remove_blob(&self, name: &str) -> Result<bool>;

    /// How many jobs wait and run at `now`, at a cost that does not depend on how many have finished.
    async fn depth(&self, now: Timestamp) -> Result<Depth>;

    /// How many jobs wait and run in each queue, by function, in the order of their names, at a cost that does not depend on how
    /// many have finished.
    async fn loads(&self) -> Result<Vec<Load>>;

    /// What this principal has here, at a cost that does not depend on how much it is. What has expired counts until it is removed.
    async fn held(&self, principal: &str) -> Result<Held>;

    /// How many jobs have which status, of all principals. What has expired counts until it is removed. This may look at all.
    async fn counts(&self) -> Result<Counts>;

    /// Whether the store takes writes: `Err` says why not.
    async fn ready(&self) -> Result<()>;
}

/// How many jobs have not finished.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Depth {
    /// Those that wait for a worker, or for their time.
    pub pending: u64,
    /// Those of them whose time has come.
    pub due: u64,
    /// Since when the one is due that has been longest.
    pub oldest_due: Option<Timestamp>,
    /// Those that a worker has, dead or alive.
    pub running: u64,
}

/// Something small that is kept under a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Its name.
    pub name: String,
    /// What it says.
    pub bytes: Vec<u8>,
}

/// The note of this very name, if there is one.
pub(crate) async fn note(store: &dyn Store, name: &str) -> Result<Option<Note>> {
    Ok(store.notes(name, 1).await?.into_iter().find(|note| note.name == name))
}

/// What became of an insert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Inserted {
    /// The job was added.
    New,
    /// Its key names this job already; nothing was added.
    Existing(JobId),
}

/// What to start, and for whom.
#[derive(Clone, Debug)]
pub struct Take {
    /// Who will run them.
    pub worker: WorkerId,
    /// At most so many.
    pub limit: usize,
    /// The time.
    pub now: Timestamp,
    /// Nothing but this job, if it is due.
    pub only: Option<JobId>,
    /// How many jobs of each queue, function, key and principal may run, in all: beyond that the due ones wait, and are as if they
    /// were not due. No two takes that have the same bounds start more, here or in another process. `only` is not held against it; nor are lost jobs, which run already.
    pub bounds: Option<Arc<Bounds>>,
}

/// What was started.
#[derive(Clone, Debug, Default)]
pub struct Taken {
    /// Jobs that now run on the worker.
    pub started: Vec<Job>,
    /// Jobs that were settled instead: lost for the last time, or cancelled.
    pub settled: Vec<JobId>,
    /// When the next pending job falls due, if there is one that is not due yet; `now` or earlier when due ones are left.
    pub next_due: Option<Timestamp>,
}

/// What a heartbeat found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heartbeat {
    /// Whether jobs of dead workers wait to be taken up.
    pub lost_jobs: bool,
}

/// Which jobs to list.
#[derive(Clone, Debug)]
pub enum Query {
    /// Kept jobs, newest first.
    List {
        /// Which of them.
        filter: Filter,
        /// Only ids below this one: the last of the page before.
        before: Option<JobId>,
        /// At most so many.
        limit: usize,
        /// The time, by which expired ones are left out.
        now: Timestamp,
    },
    /// Jobs whose time to live has run out, longest ago first.
    Expired {
        /// The time.
        now: Timestamp,
        /// At most so many.
        limit: usize,
    },
}

/// Which jobs of a list; what is empty or `None` lets all pass.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// One of these statuses.
    pub status: Vec<Status>,
    /// This code.
    pub module: Option<Digest>,
    /// This function.
    pub function: Option<String>,
    /// This queue; `default` is that of jobs that name none.
    pub queue: Option<String>,
    /// This principal.
    pub principal: Option<String>,
    /// All of these labels.
    pub labels: Vec<(String, String)>,
}

impl Filter {
    /// Whether the job passes.
    #[must_use]
    pub fn passes(&self, job: &Summary) -> bool {
        let labels = &job.options.labels;
        (self.status.is_empty() || self.status.contains(&job.status))
            && self.module.is_none_or(|module| module == job.module)
            && self.function.as_ref().is_none_or(|function| *function == job.function)
            && self.queue.as_ref().is_none_or(|queue| queue == job.options.queue.as_deref().unwrap_or(DEFAULT_QUEUE))
            && self.principal.as_ref().is_none_or(|who| job.options.principal.as_ref() == Some(who))
            && self.labels.iter().all(|(name, value)| labels.get(name) == Some(value))
    }
}

/// A hint that something changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// This job.
    Job(JobId),
    /// Some job or other.
    Unknown,
}

/// How long a lease lasts when nobody says otherwise. Stores that see a worker die by other means do not wait for it; where they
/// do, another host has its jobs within ten seconds of the death, for it looks ten times a lease.
pub const LEASE: Duration = Duration::from_secs(8);

/// Bytes of inputs that one take gives, and a last input above that: so much comes into memory at once. The next take goes on.
#[cfg(feature = "records")]
const INPUTS: u64 = 64 << 20;
/// Rest before a job is tried again whose input could not be read.
#[cfg(feature = "records")]
const UNREADABLE: Duration = Duration::from_secs(1);

/// Bytes of lines of a log.
fn logged(entries: &[LogEntry]) -> u64 {
    entries.iter().map(|entry| entry.message.len() as u64).sum()
}

/// Lines in the pieces that an engine keeps them in: each of so many at most, and so many bytes of their messages, or of one line.
#[cfg(feature = "records")]
fn pieces(mut entries: &[LogEntry], lines: usize, most: usize) -> Vec<&[LogEntry]> {
    let mut pieces = Vec::new();
    while !entries.is_empty() {
        let mut bytes = 0;
        let fits = entries.iter().take(lines).take_while(|entry| {
            bytes += entry.message.len();
            bytes <= most
        });
        let (piece, rest) = entries.split_at(fits.count().max(1));
        pieces.push(piece);
        entries = rest;
    }
    pieces
}
