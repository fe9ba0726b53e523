//! Keeps jobs in a PostgreSQL database (12 or later; tested with 15), for as many hosts as it takes.
//!
//! What is acknowledged is as durable as the server keeps it. Who is alive is known by leases, so the jobs of a host that died
//! are taken up once its lease is over. A server that is away is waited for and connected to again, for ever. Connections have
//! settings and prepared statements of their own: a pooler in between must give each its own, as `pool_mode = session` does.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use tokio::time::Instant;

use super::{Change, Depth, Durability, Heartbeat, Inserted, Note, Query, Store, Take, Taken, UNREADABLE};
use crate::attempt::LogEntry;
use crate::error::{Error, Result};
use crate::id::{JobId, WorkerId};
use crate::job::{Counts, Job, State, Summary};
use crate::lanes::Load;
use crate::quota::Held;
use crate::time::Timestamp;

mod address;
mod advance;
mod batch;
mod blobs;
mod door;
mod fault;
mod finder;
mod groups;
mod insert;
mod lines;
mod log;
mod operation;
mod payloads;
mod row;
mod scan;
mod schema;
mod session;
mod take;
mod tenant;
mod tls;
mod turns;
mod watch;
mod workers;
mod writer;

use self::address::Address;
use self::advance::Advance;
use self::door::Door;
use self::finder::Finder;
use self::insert::Insertion;
use self::lines::Lines;
use self::log::Append;
use self::operation::{Answer, Operation};
use self::row::Whole;
use self::take::Taker;
use self::watch::{Notice, Watch};
use self::writer::Writer;

/// Most connections that only read.
const READERS: usize = 2;
/// How long `ready` waits for an answer.
const READY: Duration = Duration::from_secs(2);

/// Jobs in a PostgreSQL database. See [`Store`] for what it promises. It has at most eight connections: one each for small and
/// large writes, takes, blobs, heartbeats and notifications, and two that read.
#[derive(Debug)]
pub struct PostgresStore {
    writer: Writer,
    taker: Taker,
    watch: Watch,
    notice: Notice,
    readers: Lines,
    finder: Finder,
    heart: Lines,
    blobs: Lines,
}

impl PostgresStore {
    /// Opens the store in the database of this URL, and makes its tables when they are not there. Beside what the client library
    /// reads (<https://docs.rs/tokio-postgres/0.7/tokio_postgres/config/struct.Config.html>), the URL may have `schema`, the
    /// schema of the tables (`au_host`); `sslmode`, of which `require` checks the server's certificate as `verify-full` does; and
    /// `sslrootcert`, a file of certificates to check it against in place of those of this machine.
    ///
    /// # Errors
    /// `Invalid` for a URL that cannot be used, `Fault` when the server cannot be reached or lets this user not in, or when the
    /// tables are of a newer version.
    pub async fn open(url: &str, durability: Durability) -> Result<Self> {
        let door = Arc::new(Door::new(Address::parse(url)?, durability));
        let session = schema::prepare(&door).await?;
        let notice = Notice::new(&door);
        let heart = Lines::new(Arc::clone(&door), 1);
        heart.put(session);
        let readers = Lines::new(Arc::clone(&door), READERS);
        Ok(Self {
            writer: Writer::start(&door, &notice),
            taker: Taker::start(&door, &notice),
            watch: Watch::new(&door, &notice),
            notice,
            finder: Finder::start(&readers),
            readers,
            heart,
            blobs: Lines::new(door, 1),
        })
    }

    /// A started job; `None` when its input cannot be read. Then it is given back, for it must not stay with a worker that
    /// never hears of it.
    async fn hand_over(&self, whole: Whole, take: &Take) -> Option<Job> {
        let (id, state) = (whole.record.spec().id, whole.record.state().clone());
        let error = match payloads::load(&self.readers, whole).await {
            Ok(job) => return Some(job),
            Err(error) => error,
        };
        let settled = if let Error::Corrupt { why, .. } = &error {
            // Nobody can run it.
            tracing::error!(job = %id, why, "a record is damaged and set aside");
            self.writer.write(Operation::SetAside(id)).await.map(drop)
        } else {
            tracing::error!(job = %id, error = error.chain(), "the input of a job cannot be read; trying again soon");
            match state.release(take.worker, take.now.plus(UNREADABLE)) {
                Ok(next) => self.advance(id, &next).await,
                Err(_) => Ok(()),
            }
        };
        if let Err(error) = settled {
            tracing::error!(job = %id, error = error.chain(), "it could not be given back, and waits for this process to end");
        }
        None
    }

    async fn count(&self, operation: Operation) -> Result<u64> {
        match self.writer.write(operation).await? {
            Answer::Counted(count) => Ok(count),
            Answer::Done | Answer::Inserted(_) => Ok(0),
        }
    }
}

#[async_trait]
impl Store for PostgresStore {
    async fn insert(&self, job: &Job) -> Result<Inserted> {
        match self.writer.write(Operation::Insert(Box::new(Insertion::new(job)))).await? {
            Answer::Inserted(inserted) => Ok(inserted),
            Answer::Done | Answer::Counted(_) => Ok(Inserted::New),
        }
    }

    async fn get(&self, id: JobId, now: Timestamp) -> Result<Job> {
        let whole = self.finder.whole(id).await?;
        whole.record.unexpired(now)?;
        match payloads::load(&self.readers, whole).await {
            // It may have been removed since its row was read.
            Err(Error::Corrupt { .. }) if matches!(self.finder.record(id).await, Err(Error::NotFound { .. })) => {
                Err(Error::not_found("job", id))
            }
            job => job,
        }
    }

    async fn peek(&self, id: JobId, now: Timestamp) -> Result<Summary> {
        let record = self.finder.record(id).await?;
        record.unexpired(now)?;
        Ok(record.summary())
    }

    async fn take(&self, take: &Take) -> Result<Taken> {
        let answer = self.taker.take(take.clone()).await?;
        let mut taken = Taken { started: Vec::new(), settled: answer.settled, next_due: answer.next_due };
        for whole in answer.started {
            taken.started.extend(self.hand_over(whole, take).await);
        }
        Ok(taken)
    }

    async fn advance(&self, id: JobId, next: &State) -> Result<()> {
        self.writer.write(Operation::Advance(Box::new(Advance::new(id, next)))).await.map(drop)
    }

    async fn scan(&self, query: &Query) -> Result<Vec<Summary>> {
        scan::scan(&self.readers, query).await
    }

    async fn remove(&self, ids: &[JobId]) -> Result<u64> {
        self.count(Operation::Remove(ids.to_vec())).await
    }

    async fn append_log(&self, id: JobId, entries: &[LogEntry]) -> Result<()> {
        self.writer.write(Operation::Append(Append::new(id, entries))).await.map(drop)
    }

    async fn read_log(&self, id: JobId, from: u64, limit: usize) -> Result<Vec<LogEntry>> {
        log::read(&self.readers, id, from, limit).await
    }

    async fn heartbeat(&self, worker: WorkerId, until: Timestamp, now: Timestamp) -> Result<Heartbeat> {
        workers::heartbeat(&self.heart, worker, until, now).await
    }

    async fn leave(&self, worker: WorkerId) -> Result<()> {
        workers::leave(&self.heart, &self.notice, worker).await
    }

    fn changes(&self) -> BoxStream<'static, Change> {
        self.watch.changes()
    }

    async fn put_note(&self, name: &str, note: &[u8]) -> Result<()> {
        let note = Note { name: name.to_owned(), bytes: note.to_owned() };
        self.writer.write(Operation::PutNote(note)).await.map(drop)
    }

    async fn remove_note(&self, name: &str) -> Result<bool> {
        self.count(Operation::RemoveNote(name.to_owned())).await.map(|count| count > 0)
    }

    async fn notes(&self, prefix: &str, limit: usize) -> Result<Vec<Note>> {
        blobs::notes(&self.readers, prefix, limit).await
    }

    async fn put_blob(&self, name: &str, blob: &Bytes) -> Result<()> {
        blobs::put(&self.blobs, name, blob).await
    }

    async fn blob(&self, name: &str) -> Result<Option<Bytes>> {
        blobs::get(&self.readers, name).await
    }

    async fn remove_blob(&self, name: &str) -> Result<bool> {
        blobs::remove(&self.blobs, name).await
    }

    async fn depth(&self, now: Timestamp) -> Result<Depth> {
        tenant::depth(&self.readers, now).await
    }

    async fn loads(&self) -> Result<Vec<Load>> {
        groups::loads(&self.readers).await
    }

    async fn held(&self, principal: &str) -> Result<Held> {
        tenant::held(&self.readers, principal).await
    }

    async fn counts(&self) -> Result<Counts> {
        tenant::counts(&self.readers).await
    }

    async fn ready(&self) -> Result<()> {
        let sql = "SELECT pg_is_in_recovery() OR current_setting('transaction_read_only') = 'on'";
        let rows = self.readers.repeat(sql, &[], Instant::now() + READY).await?;
        match rows.first().map(|row| row::column(row, 0)).transpose()? {
            Some(false) => Ok(()),
            _ => Err(Error::fault("store", "PostgreSQL takes no writes: it is a standby, or set to be read only")),
        }
    }
}
