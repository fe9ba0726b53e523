//! Connections that only read. They see what is committed, and so what is durable, and never wait for the writer.

use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection, OptionalExtension};
use tokio::sync::Semaphore;

use super::fault;
use super::row::{self, select};
use super::schema::Database;
use crate::error::{Error, Result};
use crate::id::JobId;
use crate::store::record::{self, Checked, Record};

/// Most connections that are kept open, and most reads that may take long at one time.
const MOST: usize = 4;

/// A few connections, made when they are needed.
#[derive(Debug)]
pub(super) struct Readers {
    database: Database,
    idle: Mutex<Vec<Connection>>,
    turns: Arc<Semaphore>,
}

impl Readers {
    pub(super) fn new(database: Database) -> Self {
        Self { database, idle: Mutex::default(), turns: Arc::new(Semaphore::new(MOST)) }
    }

    /// Whether there is a connection that nobody uses.
    pub(super) fn are_warm(&self) -> bool {
        !self.idle().is_empty()
    }

    /// Reads on this thread: for what takes some microseconds.
    pub(super) fn read<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T> {
        let idle = self.idle().pop();
        let connection = idle.map_or_else(|| self.database.reader(), Ok)?;
        let answer = work(&connection).map_err(|error| fault::error(&error));
        let mut idle = self.idle();
        if idle.len() < MOST {
            idle.push(connection);
        }
        answer
    }

    /// Does what may block on a thread that may.
    pub(super) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(|_| Error::ShuttingDown)?;
        let done = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            work()
        });
        done.await.map_err(|error| Error::fault("store", error))?
    }

    /// The record of a job; its payloads are not touched.
    pub(super) fn record(&self, id: JobId) -> Result<Record> {
        let row: Option<Checked<Record>> = self.read(|connection| {
            let mut statement = connection.prepare_cached(select!("1 FROM job WHERE id = ?1"))?;
            statement.query_row([id.as_bytes()], row::read).optional()
        })?;
        row.ok_or_else(|| Error::not_found("job", id))?.map_err(record::corrupt)
    }

    // Nothing panics while it is held.
    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
