//! The one thread that writes: commits whatever has queued up since its last commit, then answers all of it.
//!
//! No timer and no waiting for a batch to fill: while one commit waits for the disk, the next batch gathers by itself.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::{mpsc, oneshot};

use super::checkpoint::Checkpoint;
use super::fault::{self, Meaning};
use super::insert;
use super::schema::Database;
use crate::error::{Error, Result};

/// Most operations that one commit holds, and that wait for one.
const BATCH: usize = 1024;

/// Something to do to the database.
pub(super) trait Work: Send + 'static {
    /// What it tells whoever asked.
    type Answer: Send + 'static;

    /// Does it. May be called again, after everything it had done to the database was undone.
    fn apply(&mut self, connection: &Connection) -> Applied<Self::Answer>;

    /// Nothing of it was kept. Not called when that is unknown.
    fn undone(&mut self) {}
}

impl<T: Send + 'static, F: FnMut(&Connection) -> Applied<T> + Send + 'static> Work for F {
    type Answer = T;

    fn apply(&mut self, connection: &Connection) -> Applied<T> {
        self(connection)
    }
}

/// What an operation says: the outer error is SQLite's and undoes it, the inner one is an answer like any other and must
/// come before the operation has changed anything.
pub(super) type Applied<T> = rusqlite::Result<Result<T>>;

/// See [`Writer::weak`].
pub(super) type Queue = mpsc::WeakSender<Box<dyn Operation>>;

/// Hands operations to the thread that writes. Dropping it commits what is queued and ends the thread.
#[derive(Debug)]
pub(super) struct Writer {
    queue: Option<mpsc::Sender<Box<dyn Operation>>>,
    thread: Option<JoinHandle<()>>,
    health: Health,
    /// Whether it has something to do when it ends.
    due: Arc<AtomicBool>,
}

impl Writer {
    pub(super) fn start(connection: Connection, health: Health) -> Result<Self> {
        let (queue, operations) = mpsc::channel(BATCH);
        let due = Arc::default();
        let checkpoint = Checkpoint::new(&connection, Arc::clone(&due));
        let thread = Thread { connection, checkpoint, health: health.clone(), prepared: false };
        let thread = std::thread::Builder::new().name("au-store-writer".into()).spawn(move || thread.run(operations));
        let thread = thread.map_err(|source| Error::fault("store", source))?;
        Ok(Self { queue: Some(queue), thread: Some(thread), health, due })
    }

    /// Does `work` and waits until it is as durable as the store promises.
    pub(super) async fn write<W: Work>(&self, work: W) -> Result<W::Answer> {
        self.health.check()?;
        let (reply, answer) = oneshot::channel();
        let operation = Box::new(Waiting { work, applied: None, reply });
        let queue = self.queue.as_ref().ok_or(Error::ShuttingDown)?;
        queue.send(operation).await.map_err(|_| Error::ShuttingDown)?;
        answer.await.unwrap_or(Err(Error::ShuttingDown))
    }

    /// Reads by the connection that writes, between two commits: where none that only reads is there yet, this saves making one.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T> {
        let (reply, answer) = oneshot::channel();
        let queue = self.queue.as_ref().ok_or(Error::ShuttingDown)?;
        let operation = Box::new(Reading { read: Some(read), found: None, reply });
        queue.send(operation).await.map_err(|_| Error::ShuttingDown)?;
        answer.await.unwrap_or(Err(Error::ShuttingDown))
    }

    /// Whether nothing is lost but time of others if it never ends, once all that was asked for is answered.
    pub(super) fn may_be_left(&self) -> bool {
        !self.due.load(Ordering::Acquire)
    }

    /// A way to the writer that does not keep it.
    pub(super) fn weak(&self) -> Option<Queue> {
        self.queue.as_ref().map(mpsc::Sender::downgrade)
    }

    /// Asks for something without waiting for the answer; when the queue is full, or gone, not even that.
    pub(super) fn nudge<W: Work>(queue: &Queue, work: W) {
        let (reply, _) = oneshot::channel();
        if let Some(queue) = queue.upgrade() {
            drop(queue.try_send(Box::new(Waiting { work, applied: None, reply })));
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            // A panic in it was reported by the panic hook, and nobody is left to tell.
            drop(thread.join());
        }
    }
}

/// Whether the disk still does what it is told.
#[derive(Clone, Debug)]
pub(super) struct Health {
    first: Arc<Mutex<Option<String>>>,
    database: Database,
}

impl Health {
    pub(super) fn new(database: Database) -> Self {
        Self { first: Arc::default(), database }
    }

    /// An error once a write has failed.
    pub(super) fn check(&self) -> Result<()> {
        let first = self.first.lock().unwrap_or_else(PoisonError::into_inner);
        first.as_ref().map_or(Ok(()), |first| Err(fault::broken(first)))
    }

    /// The same, having looked whether the database is still where it was.
    pub(super) fn look(&self) -> Result<()> {
        if !self.database.is_there() {
            self.fail("jobs.db was removed or replaced");
        }
        self.check()
    }

    /// From now on no write is taken: trying again may seem to work while the data is lost.
    pub(super) fn poison(&self, why: &str) {
        if self.fail(why) {
            self.database.mark_failed();
        }
    }

    /// Whether it is the first time.
    fn fail(&self, why: &str) -> bool {
        let mut first = self.first.lock().unwrap_or_else(PoisonError::into_inner);
        if first.is_some() {
            return false;
        }
        tracing::error!(why, "the disk failed; the store takes no more writes");
        *first = Some(why.to_owned());
        true
    }
}

/// Work of any kind, and somebody who waits for it.
pub(super) trait Operation: Send {
    fn apply(&mut self, connection: &Connection) -> rusqlite::Result<()>;
    fn committed(self: Box<Self>);
    fn undone(&mut self);
    fn failed(self: Box<Self>, error: Error);

    /// Whether it changes nothing, and is done outside of a transaction.
    fn only_reads(&self) -> bool {
        false
    }
}

struct Waiting<W: Work> {
    work: W,
    applied: Option<Result<W::Answer>>,
    reply: oneshot::Sender<Result<W::Answer>>,
}

// Whoever asked may have gone by the time there is an answer: what was done stays done, so `send` may fail.
impl<W: Work> Operation for Waiting<W> {
    fn apply(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        self.applied = Some(self.work.apply(connection)?);
        Ok(())
    }

    fn committed(self: Box<Self>) {
        let Self { work, applied, reply } = *self;
        drop(reply.send(applied.unwrap_or(Err(Error::ShuttingDown))));
        drop(work);
    }

    fn undone(&mut self) {
        self.work.undone();
    }

    fn failed(self: Box<Self>, error: Error) {
        drop(self.reply.send(Err(error)));
    }
}

struct Reading<T, F> {
    read: Option<F>,
    found: Option<T>,
    reply: oneshot::Sender<Result<T>>,
}

impl<T: Send, F: FnOnce(&Connection) -> rusqlite::Result<T> + Send> Operation for Reading<T, F> {
    fn apply(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        self.found = self.read.take().map(|read| read(connection)).transpose()?;
        Ok(())
    }

    fn committed(self: Box<Self>) {
        drop(self.reply.send(self.found.ok_or(Error::ShuttingDown)));
    }

    fn undone(&mut self) {}

    fn failed(self: Box<Self>, error: Error) {
        drop(self.reply.send(Err(error)));
    }

    fn only_reads(&self) -> bool {
        true
    }
}

struct Thread {
    connection: Connection,
    checkpoint: Checkpoint,
    health: Health,
    prepared: bool,
}

impl Thread {
    fn run(mut self, mut operations: mpsc::Receiver<Box<dyn Operation>>) {
        let _gone = Gone(self.health.clone());
        if let Err(error) = self.prepare() {
            tracing::debug!(%error, "the first who write will be told");
        }
        let mut batch = Vec::new();
        while operations.blocking_recv_many(&mut batch, BATCH) > 0 {
            self.read(&mut batch);
            if batch.is_empty() {
                continue;
            }
            self.settle(&mut batch);
            if let Err(error) = self.checkpoint.after_commit(&self.connection) {
                self.checkpoint_failed(&error);
            }
        }
        if let Err(error) = self.checkpoint.at_the_end(&self.connection) {
            self.checkpoint_failed(&error);
        }
    }

    /// What a commit needs and takes longer than to open the file: done while whoever opened it sees to other things.
    fn prepare(&mut self) -> rusqlite::Result<()> {
        if !self.prepared {
            self.health.database.make_durable(&self.connection)?;
            insert::prepare(&self.connection)?;
            self.prepared = true;
        }
        Ok(())
    }

    /// Does what only reads, and leaves the rest.
    fn read(&self, batch: &mut Vec<Box<dyn Operation>>) {
        for mut reading in batch.extract_if(.., |operation| operation.only_reads()) {
            match reading.apply(&self.connection) {
                Ok(()) => reading.committed(),
                Err(error) => reading.failed(fault::error(&error)),
            }
        }
    }

    fn settle(&mut self, batch: &mut Vec<Box<dyn Operation>>) {
        match self.commit(batch) {
            Ok(()) => batch.drain(..).for_each(|operation| operation.committed()),
            Err(error) if batch.len() > 1 && may_be_one_of_many(&error) => self.settle_each(batch),
            Err(error) => self.refuse(batch, &error),
        }
    }

    /// One operation spoils the batch: the others are none the worse for it.
    fn settle_each(&mut self, batch: &mut Vec<Box<dyn Operation>>) {
        for operation in batch.drain(..) {
            let mut alone = vec![operation];
            match self.commit(&mut alone) {
                Ok(()) => alone.into_iter().for_each(|operation| operation.committed()),
                Err(error) => self.refuse(&mut alone, &error),
            }
        }
    }

    fn commit(&mut self, batch: &mut [Box<dyn Operation>]) -> rusqlite::Result<()> {
        if self.health.look().is_err() {
            return Err(rusqlite::Error::InvalidQuery);
        }
        self.prepare()?;
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for operation in batch {
            operation.apply(&transaction)?;
        }
        transaction.commit()?;
        self.checkpoint.committed();
        Ok(())
    }

    fn refuse(&self, batch: &mut Vec<Box<dyn Operation>>, error: &rusqlite::Error) {
        let broken = fault::meaning(error) == Meaning::Broken;
        if broken {
            self.health.poison(&error.to_string());
        }
        for mut operation in batch.drain(..) {
            if !broken {
                operation.undone();
            }
            operation.failed(self.health.check().err().unwrap_or_else(|| fault::error(error)));
        }
    }

    /// Nothing committed is lost by this: it stays in the log.
    fn checkpoint_failed(&self, error: &rusqlite::Error) {
        match fault::meaning(error) {
            Meaning::Broken => self.health.poison(&error.to_string()),
            _ => tracing::debug!(%error, "checkpoint put off"),
        }
    }
}

/// Says so if the thread ends by a panic: a store that cannot write must not look ready.
struct Gone(Health);

impl Drop for Gone {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.poison("the thread that writes panicked; a bug of au-host");
        }
    }
}

fn may_be_one_of_many(error: &rusqlite::Error) -> bool {
    matches!(fault::meaning(error), Meaning::Full | Meaning::Damaged | Meaning::Other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Durability;

    #[tokio::test]
    async fn a_store_whose_writer_panicked_is_not_ready() {
        let folder = tempfile::tempdir().unwrap();
        let (database, connection) = Database::open(folder.path(), Durability::Os).unwrap();
        let health = Health::new(database);
        let writer = Writer::start(connection, health.clone()).unwrap();
        writer.write(|_: &Connection| -> Applied<()> { panic!("for a test") }).await.unwrap_err();
        drop(writer);
        assert!(health.check().is_err());
    }
}
