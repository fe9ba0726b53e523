//! A store of one's own: jobs in a file of [redb](https://docs.rs/redb), an embedded engine that several processes may have open.
//!
//! The engine says how to read keys, how to read a range of them, and how to change several at once if they are what they were. What
//! jobs are, who may start them and which index finds them is [`KeyedStore`]'s. `tests/tests/conformance.rs` runs the conformance
//! suite over it: do the same with yours. An engine that can do more than this implements [`Store`](au_host::Store) itself.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use au_host::store::keyed::{Commit, Keyed, KeyedStore, Order, Range};
use au_host::{Error, Result};
use bytes::Bytes;
use redb::{ConcurrencyMode, Database, ReadableDatabase, ReadableTable, TableDefinition};

/// All there is, in one table.
const TABLE: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("au-host");

/// The engine: a file.
#[derive(Debug)]
pub struct OwnEngine(Arc<Database>);

/// Opens the store in this file, which is made if it is not there.
///
/// # Errors
/// What redb says, or the store.
pub async fn open(file: &Path) -> Result<KeyedStore> {
    let (file, mode) = (file.to_owned(), ConcurrencyMode::MultiWriter);
    let open = move || -> Result<OwnEngine, redb::Error> {
        let database = Database::builder().set_concurrency_mode(mode).create(file)?;
        // Made here, so that readers find it.
        let writing = database.begin_write()?;
        writing.open_table(TABLE)?;
        writing.commit()?;
        Ok(OwnEngine(Arc::new(database)))
    };
    KeyedStore::open(blocking(open).await?).await
}

/// A disk makes its callers wait: on threads that are there for that, not on those that tasks share.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, redb::Error> + Send + 'static) -> Result<T> {
    // An error is a `Fault`, of which it is not said whether the change was made: after a failed sync nobody knows.
    let done = tokio::task::spawn_blocking(work).await.map_err(|error| Error::fault("redb", error))?;
    done.map_err(|error| Error::fault("redb", error))
}

#[async_trait]
impl Keyed for OwnEngine {
    async fn get(&self, keys: Vec<Bytes>) -> Result<Vec<Option<Bytes>>> {
        let database = Arc::clone(&self.0);
        let read = move || {
            let table = database.begin_read()?.open_table(TABLE)?;
            let get = |key: Bytes| Ok(table.get(&key[..])?.map(|value| Bytes::copy_from_slice(value.value())));
            keys.into_iter().map(get).collect()
        };
        blocking(read).await
    }

    async fn range(&self, range: Range) -> Result<Vec<(Bytes, Bytes)>> {
        let database = Arc::clone(&self.0);
        let read = move || {
            let table = database.begin_read()?.open_table(TABLE)?;
            let mut entries = table.range(&range.from[..]..&range.to[..])?;
            let next = || match range.order {
                Order::Forwards => entries.next(),
                Order::Backwards => entries.next_back(),
            };
            let own = |entry: Result<(redb::AccessGuard<'_, &[u8]>, redb::AccessGuard<'_, &[u8]>), _>| {
                let (key, value) = entry?;
                Ok((Bytes::copy_from_slice(key.value()), Bytes::copy_from_slice(value.value())))
            };
            std::iter::from_fn(next).take(range.limit).map(own).collect()
        };
        blocking(read).await
    }

    async fn commit(&self, commit: Commit) -> Result<bool> {
        let database = Arc::clone(&self.0);
        let write = move || {
            let writing = database.begin_write()?;
            let mut table = writing.open_table(TABLE)?;
            for (key, expected) in &commit.expected {
                if table.get(&key[..])?.as_ref().map(|value| value.value()) != expected.as_deref() {
                    // What is not committed is dropped.
                    return Ok(false);
                }
            }
            for (key, value) in &commit.changes {
                match value {
                    Some(value) => drop(table.insert(&key[..], &value[..])?),
                    None => drop(table.remove(&key[..])?),
                }
            }
            drop(table);
            // One writes at a time, so what was expected still is so; and when this returns it is on the disk.
            writing.commit()?;
            Ok(true)
        };
        blocking(write).await
    }
}
