//! Moves what was committed from the write-ahead log into the database file, so that the log stays short.

use std::cell::Cell;

use rusqlite::Connection;

/// How many pages the log holds before they are moved: 16 MiB.
const PAGES: i32 = 4096;

thread_local! {
    /// Pages in the log after the last commit of this thread. SQLite's hook is a plain function, so it is told here.
    static LOGGED: Cell<i32> = const { Cell::new(0) };
}

/// When to move.
#[derive(Debug)]
pub(super) struct Checkpoint;

impl Checkpoint {
    /// Watches the log that this connection, on this thread, commits to.
    pub(super) fn new(connection: &Connection) -> Self {
        connection.wal_hook(Some(|_, pages| {
            LOGGED.set(pages);
            Ok(())
        }));
        Self
    }

    /// Moves the pages if there are enough. Not all of them, while somebody reads what is older: the next time will do.
    pub(super) fn after_commit(&self, connection: &Connection) -> rusqlite::Result<()> {
        if LOGGED.get() < PAGES {
            return Ok(());
        }
        LOGGED.set(0);
        connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))
    }
}
