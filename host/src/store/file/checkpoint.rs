//! Moves what was committed from the write-ahead log into the database file, so that the log stays short.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rusqlite::Connection;

/// How many pages the log holds before they are moved: 16 MiB.
const PAGES: i32 = 4096;
/// How many it may hold when this process ends, some eight jobs. To move them takes as long as several commits; to leave them
/// costs the next process, if nobody else is there, some microseconds each: it reads them all when it opens the folder. With
/// this many the two together are least for a row of processes with a job each.
const LEFT: i32 = 32;

thread_local! {
    /// Pages in the log after the last commit of this thread. SQLite's hook is a plain function, so it is told here.
    static LOGGED: Cell<i32> = const { Cell::new(0) };
    /// Whether there was a commit since they were last moved.
    static COMMITTED: Cell<bool> = const { Cell::new(false) };
}

/// When to move.
#[derive(Debug)]
pub(super) struct Checkpoint {
    due: Arc<AtomicBool>,
}

impl Checkpoint {
    /// Watches the log that this connection, on this thread, commits to.
    /// `due` says from then on whether [`at_the_end`](Self::at_the_end) has something to do.
    pub(super) fn new(connection: &Connection, due: Arc<AtomicBool>) -> Self {
        connection.wal_hook(Some(|_, pages| {
            LOGGED.set(pages);
            COMMITTED.set(true);
            Ok(())
        }));
        Self { due }
    }

    /// To be called after a commit, before anybody is told of it.
    pub(super) fn committed(&self) {
        self.due.store(LOGGED.get() >= LEFT, Ordering::Release);
    }

    /// Moves the pages if there are enough. Not all of them, while somebody reads what is older: the next time will do.
    pub(super) fn after_commit(&self, connection: &Connection) -> rusqlite::Result<()> {
        if LOGGED.get() < PAGES || !COMMITTED.take() {
            return Ok(());
        }
        connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))
    }

    /// Moves them if there are more than should be left, and empties the log: which of them were moved is known only as long as
    /// somebody has the database open. Not while others read or write: they have it open, and the last of them will do.
    pub(super) fn at_the_end(&self, connection: &Connection) -> rusqlite::Result<()> {
        if LOGGED.get() < LEFT {
            return Ok(());
        }
        connection.busy_handler(None)?;
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
    }
}
