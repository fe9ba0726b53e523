//! Hears of changes by others: the log file changes with every commit, and SQLite knows whether one was not ours.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures::StreamExt;
use futures::stream::{self, BoxStream};
use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use rusqlite::Connection;
use tokio::sync::broadcast;
use tokio_stream::wrappers::BroadcastStream;

use super::schema::Database;
use super::writer::{Applied, Writer};
use crate::store::Change;

/// What is written within this time is one hint.
const GATHER: Duration = Duration::from_millis(2);
/// Hints that wait for a slow listener; one would do.
const WAITING: usize = 4;

/// Watches from when somebody first listens.
#[derive(Debug)]
pub(super) struct Watch {
    database: Database,
    hints: broadcast::Sender<Change>,
    watcher: Mutex<Option<RecommendedWatcher>>,
}

impl Watch {
    pub(super) fn new(database: Database) -> Self {
        Self { database, hints: broadcast::Sender::new(WAITING), watcher: Mutex::default() }
    }

    /// Hints from now on.
    pub(super) fn changes(&self, writer: &Writer) -> BoxStream<'static, Change> {
        let hints = self.hints.subscribe();
        let mut watcher = self.watcher.lock().unwrap_or_else(PoisonError::into_inner);
        if watcher.is_none() {
            *watcher = self.start(writer);
        }
        // A listener that fell behind missed hints, which is a hint.
        BroadcastStream::new(hints).map(|hint| hint.unwrap_or(Change::Unknown)).chain(stream::pending()).boxed()
    }

    fn start(&self, writer: &Writer) -> Option<RecommendedWatcher> {
        let queue = writer.weak()?;
        let hints = self.hints.clone();
        let mut seen = None;
        let look = std::sync::Arc::new(Mutex::new(move |connection: &Connection| -> Applied<()> {
            let version: i64 = connection.pragma_query_value(None, "data_version", |row| row.get(0))?;
            // The first look as well: there may have been a change between the wish to listen and now.
            if seen.replace(version) != Some(version) {
                // Nobody listens any more: no harm.
                drop(hints.send(Change::Unknown));
            }
            Ok(Ok(()))
        }));
        let ask = move || {
            let look = std::sync::Arc::clone(&look);
            Writer::nudge(&queue, move |connection: &Connection| {
                let mut look = look.lock().unwrap_or_else(PoisonError::into_inner);
                look(connection)
            });
        };
        let first = ask.clone();
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            if event.is_ok_and(|event| !event.kind.is_access()) {
                // This is the watcher's own thread; meanwhile the system merges what else is written.
                std::thread::sleep(GATHER);
                ask();
            }
        });
        let watched = watcher.and_then(|mut watcher| {
            watcher.watch(&self.database.log_file(), RecursiveMode::NonRecursive)?;
            first();
            Ok(watcher)
        });
        watched.inspect_err(|error| tracing::warn!(%error, "changes by other processes will be noticed late")).ok()
    }
}
