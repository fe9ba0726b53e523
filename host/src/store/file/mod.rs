//! Keeps jobs in a folder: `jobs.db` (SQLite) for records and small payloads, `payloads/` for large ones, `blobs/`
//! for blobs, `workers/` for who is alive. Survives a killed process, and a power cut too unless told otherwise.
//!
//! Several processes may share the folder, on one machine: locks and shared memory do not work over a network.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use rusqlite::Connection;

use super::codec::Damage;
use super::columns;
use super::record;
use super::{Change, Depth, Durability, Heartbeat, Inserted, Note, Query, Store, Take, Taken, UNREADABLE, logged};
use crate::attempt::LogEntry;
use crate::error::{Error, Result};
use crate::id::{JobId, WorkerId};
use crate::job::{Counts, Job, Phase, State, Summary};
use crate::lanes::{Load, Round};
use crate::payload::Payload;
use crate::quota::Held;
use crate::time::Timestamp;

mod advance;
mod blobs;
mod checkpoint;
mod depth;
mod fault;
mod folder;
mod groups;
mod insert;
mod log;
mod notes;
mod payloads;
mod readers;
mod remove;
mod row;
mod scan;
mod schema;
mod take;
mod tenant;
mod watch;
mod workers;
mod writer;

use self::advance::Advance;
use self::blobs::Blobs;
use self::insert::Insertion;
use self::payloads::{Payloads, Placed};
use self::readers::Readers;
use self::row::Whole;
use self::schema::Database;
use self::take::Taking;
use self::watch::Watch;
use self::workers::Workers;
use self::writer::{Health, Writer};

/// Jobs in a folder. See [`Store`] for what it promises.
#[derive(Debug)]
pub struct FileStore {
    // First, so that it is dropped first: what is queued is committed while we still count as alive.
    writer: Writer,
    watch: Watch,
    readers: Arc<Readers>,
    payloads: Arc<Payloads>,
    blobs: Arc<Blobs>,
    workers: Arc<Workers>,
    round: Arc<Round>,
    health: Health,
}

impl FileStore {
    /// Opens the store in this folder, made when it is not there, for its owner only.
    ///
    /// # Errors
    /// `Corrupt` when the database cannot be read at all, `Fault` when it is of a newer version or the folder cannot be
    /// used, `StorageFull`, `Busy`.
    pub fn open(folder: &Path, durability: Durability) -> Result<Self> {
        let (database, connection) = Database::open(folder, durability)?;
        let health = Health::new(database.clone());
        let workers = Arc::new(Workers::new(database.folder()));
        let payloads = Payloads::new(database.folder(), database.durability(), Arc::clone(&workers), health.clone());
        let blobs = Blobs::new(database.folder(), database.durability(), Arc::clone(&workers), health.clone());
        Ok(Self {
            writer: Writer::start(connection, health.clone())?,
            watch: Watch::new(database.clone()),
            readers: Arc::new(Readers::new(database)),
            payloads: Arc::new(payloads),
            blobs: Arc::new(blobs),
            workers,
            round: Arc::default(),
            health,
        })
    }

    /// Whether this worker, of whatever process on this machine, lives: it holds its lock. When that cannot be told, it is
    /// taken to live.
    #[must_use]
    pub fn is_alive(&self, worker: WorkerId) -> bool {
        self.workers.is_alive(worker)
    }

    /// Whether a process that ends may leave it as it is, by `std::mem::forget`, which is faster than to close it. What nobody waits for
    /// may be lost.
    #[must_use]
    pub fn may_be_left(&self) -> bool {
        self.writer.may_be_left() && !self.workers.has_handle()
    }

    async fn place(&self, job: JobId, payload: &Payload) -> Result<Placed> {
        if payload.len() <= payloads::INLINE {
            return Ok(Placed::inline_of(payload));
        }
        let (payloads, payload) = (Arc::clone(&self.payloads), payload.clone());
        self.readers.blocking(move || payloads.write(job, &payload)).await
    }

    async fn place_output(&self, job: JobId, phase: &Phase) -> Result<Option<Placed>> {
        match phase {
            Phase::Completed { output, .. } => self.place(job, output).await.map(Some),
            _ => Ok(None),
        }
    }

    /// The job of a row, its payloads read from where they are.
    async fn load(&self, whole: Whole) -> Result<Job> {
        let Whole { record, input, output } = whole;
        if record.input.file.is_none() && record.output.as_ref().is_none_or(|output| output.file.is_none()) {
            return load(&self.payloads, Whole { record, input, output });
        }
        let payloads = Arc::clone(&self.payloads);
        self.readers.blocking(move || load(&payloads, Whole { record, input, output })).await
    }

    /// A started job; `None` when its input cannot be read. Then it is given back, for it must not stay with a worker that
    /// never hears of it.
    async fn hand_over(&self, whole: Whole, take: &Take) -> Option<Job> {
        let (id, state) = (whole.record.spec().id, whole.record.state().clone());
        let error = match self.load_started(whole).await {
            Ok(job) => return job,
            Err(error) => error,
        };
        tracing::error!(job = %id, error = error.chain(), "the input of a job cannot be read; trying again soon");
        let given_back = match state.release(take.worker, take.now.plus(UNREADABLE)) {
            Ok(next) => self.advance(id, &next).await,
            Err(_) => Ok(()),
        };
        if let Err(error) = given_back {
            tracing::error!(job = %id, error = error.chain(), "it could not be given back, and waits for this process to end");
        }
        None
    }

    /// A started job, or `None` when its input is damaged: it is set aside, for nobody can run it.
    async fn load_started(&self, whole: Whole) -> Result<Option<Job>> {
        let id = whole.record.spec().id;
        match self.load(whole).await {
            Ok(job) => Ok(Some(job)),
            Err(Error::Corrupt { why, .. }) => {
                let damage = Damage::new(why);
                self.writer
                    .write(move |connection: &Connection| row::set_aside(connection, id, &damage).map(Ok))
                    .await?;
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

fn load(payloads: &Payloads, whole: Whole) -> Result<Job> {
    let Whole { record, input, output } = whole;
    let id = record.spec().id;
    let corrupt = |damage| record::corrupt((id, damage));
    let input = payloads.read(&record.input, input)?.map_err(corrupt)?;
    let output = match &record.output {
        Some(stored) => Some(payloads.read(stored, output)?.map_err(corrupt)?),
        None => None,
    };
    Ok(record.into_job(input, output))
}

#[async_trait]
impl Store for FileStore {
    async fn insert(&self, job: &Job) -> Result<Inserted> {
        let input = self.place(job.spec.id, &job.spec.input).await?;
        let output = self.place_output(job.spec.id, &job.state.phase).await?;
        self.writer.write(Insertion::new(job, input, output)).await
    }

    async fn get(&self, id: JobId, now: Timestamp) -> Result<Job> {
        let row = self.readers.read(|connection| row::whole(connection, id))?;
        let whole = row.ok_or_else(|| Error::not_found("job", id))?.map_err(record::corrupt)?;
        whole.record.unexpired(now)?;
        match self.load(whole).await {
            // Its files go after its row: it may have been removed in between.
            Err(Error::Corrupt { .. }) if matches!(self.readers.record(id), Err(Error::NotFound { .. })) => {
                Err(Error::not_found("job", id))
            }
            job => job,
        }
    }

    async fn peek(&self, id: JobId, now: Timestamp) -> Result<Summary> {
        let record = self.readers.record(id)?;
        record.unexpired(now)?;
        Ok(record.summary())
    }

    async fn take(&self, take: &Take) -> Result<Taken> {
        let taking = Taking { take: take.clone(), workers: Arc::clone(&self.workers), round: Arc::clone(&self.round) };
        let answer = self.writer.write(taking).await?;
        let mut taken = Taken { started: Vec::new(), settled: answer.settled, next_due: answer.next_due };
        for whole in answer.started {
            taken.started.extend(self.hand_over(whole, take).await);
        }
        Ok(taken)
    }

    async fn advance(&self, id: JobId, next: &State) -> Result<()> {
        let output = self.place_output(id, &next.phase).await?;
        self.writer.write(Advance::new(id, next, output)).await
    }

    async fn scan(&self, query: &Query) -> Result<Vec<Summary>> {
        let (readers, query) = (Arc::clone(&self.readers), query.clone());
        self.readers.blocking(move || readers.read(|connection| scan::scan(connection, &query))).await
    }

    async fn remove(&self, ids: &[JobId]) -> Result<u64> {
        let ids = ids.to_vec();
        let removed = self.writer.write(move |connection: &Connection| remove::remove(connection, &ids)).await?;
        if !removed.files.is_empty() {
            let payloads = Arc::clone(&self.payloads);
            self.readers
                .blocking(move || {
                    payloads.delete(&removed.files);
                    Ok(())
                })
                .await?;
        }
        Ok(removed.count)
    }

    async fn append_log(&self, id: JobId, entries: &[LogEntry]) -> Result<()> {
        let (pieces, bytes) = (log::pieces(entries), columns::signed(logged(entries)));
        self.writer.write(move |connection: &Connection| log::append(connection, id, &pieces, bytes)).await
    }

    async fn read_log(&self, id: JobId, from: u64, limit: usize) -> Result<Vec<LogEntry>> {
        if self.readers.read(|connection| log::ends(connection, id, from))?? {
            return Ok(Vec::new());
        }
        let readers = Arc::clone(&self.readers);
        self.readers.blocking(move || readers.read(|connection| log::read(connection, id, from, limit))?).await
    }

    async fn heartbeat(&self, worker: WorkerId, _until: Timestamp, _now: Timestamp) -> Result<Heartbeat> {
        self.health.check()?;
        let (workers, readers, payloads) =
            (Arc::clone(&self.workers), Arc::clone(&self.readers), Arc::clone(&self.payloads));
        self.readers
            .blocking(move || {
                let is_new = workers.enter(worker).map_err(|error| fault::file("workers", &error))?;
                if workers.bury().map_err(|error| fault::file("workers", &error))? {
                    payloads.sweep(|job, file| is_named(&readers, job, file))?;
                }
                if is_new {
                    // Nobody died since its last, for there was none; what died before that it finds when it looks what is due.
                    return Ok(Heartbeat { lost_jobs: false });
                }
                let lost = readers.read(|connection| take::lost_workers(connection, &workers, worker))?;
                Ok(Heartbeat { lost_jobs: !lost.is_empty() })
            })
            .await
    }

    async fn leave(&self, worker: WorkerId) -> Result<()> {
        // An empty file: to remove it takes some microseconds.
        self.workers.leave(worker);
        Ok(())
    }

    fn changes(&self) -> BoxStream<'static, Change> {
        self.watch.changes(&self.writer)
    }

    async fn put_note(&self, name: &str, note: &[u8]) -> Result<()> {
        let note = Note { name: name.to_owned(), bytes: note.to_owned() };
        self.writer.write(move |connection: &Connection| notes::put(connection, &note)).await
    }

    async fn remove_note(&self, name: &str) -> Result<bool> {
        let name = name.to_owned();
        self.writer.write(move |connection: &Connection| notes::remove(connection, &name)).await
    }

    async fn notes(&self, prefix: &str, limit: usize) -> Result<Vec<Note>> {
        if self.readers.are_warm() {
            return self.readers.read(|connection| notes::read(connection, prefix, limit));
        }
        let prefix = prefix.to_owned();
        self.writer.read(move |connection| notes::read(connection, &prefix, limit)).await
    }

    async fn put_blob(&self, name: &str, blob: &Bytes) -> Result<()> {
        let (blobs, name, blob) = (Arc::clone(&self.blobs), name.to_owned(), blob.clone());
        self.readers.blocking(move || blobs.put(&name, &blob)).await
    }

    async fn blob(&self, name: &str) -> Result<Option<Bytes>> {
        let (blobs, name) = (Arc::clone(&self.blobs), name.to_owned());
        self.readers.blocking(move || blobs.get(&name)).await
    }

    async fn remove_blob(&self, name: &str) -> Result<bool> {
        let (blobs, name) = (Arc::clone(&self.blobs), name.to_owned());
        self.readers.blocking(move || blobs.remove(&name)).await
    }

    async fn depth(&self, now: Timestamp) -> Result<Depth> {
        let readers = Arc::clone(&self.readers);
        self.readers.blocking(move || readers.read(|connection| depth::depth(connection, now))).await
    }

    async fn loads(&self) -> Result<Vec<Load>> {
        let readers = Arc::clone(&self.readers);
        self.readers.blocking(move || readers.read(groups::loads)).await
    }

    async fn held(&self, principal: &str) -> Result<Held> {
        self.readers.read(|connection| tenant::held(connection, principal))
    }

    async fn counts(&self) -> Result<Counts> {
        let readers = Arc::clone(&self.readers);
        self.readers.blocking(move || readers.read(tenant::counts)).await
    }

    async fn ready(&self) -> Result<()> {
        self.health.look()
    }
}

/// Whether the job's record names this file. A damaged one may.
fn is_named(readers: &Readers, job: JobId, file: &str) -> Result<bool> {
    match readers.record(job) {
        Ok(record) => {
            let output = record.output.as_ref().and_then(|output| output.file.as_deref());
            Ok(record.input.file.as_deref() == Some(file) || output == Some(file))
        }
        Err(Error::NotFound { .. }) => Ok(false),
        Err(Error::Corrupt { .. }) => Ok(true),
        Err(error) => Err(error),
    }
}
