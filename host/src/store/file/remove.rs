//! Forgets jobs, and everything kept about them.

use rusqlite::{Connection, OptionalExtension, params};

use super::row::{self, select};
use super::writer::Applied;
use crate::id::JobId;
use crate::store::columns::tags;

/// What was forgotten.
#[derive(Debug, Default)]
pub(super) struct Removed {
    pub(super) count: u64,
    /// The files that nothing names any more.
    pub(super) files: Vec<String>,
}

pub(super) fn remove(connection: &Connection, ids: &[JobId]) -> Applied<Removed> {
    let mut removed = Removed::default();
    for id in ids {
        remove_one(connection, *id, &mut removed)?;
    }
    Ok(Ok(removed))
}

fn remove_one(connection: &Connection, id: JobId, removed: &mut Removed) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(select!("key FROM job WHERE id = ?1"))?;
    let row = statement
        .query_row([id.as_bytes()], |row| Ok((row::read(row)?, row.get::<_, Option<Vec<u8>>>(row::HEAD_COLUMNS)?)));
    let Some((record, key)) = row.optional()? else { return Ok(()) };
    if let Some(key) = key {
        let mut statement = connection.prepare_cached("DELETE FROM key WHERE name = ?1 AND id = ?2")?;
        statement.execute(params![key, id.as_bytes()])?;
    }
    match record {
        Ok(record) => {
            let mut statement = connection.prepare_cached("DELETE FROM tag WHERE tag = ?1 AND id = ?2")?;
            for tag in tags(record.spec()) {
                statement.execute(params![tag, id.as_bytes()])?;
            }
            removed.files.extend(record.input.file);
            removed.files.extend(record.output.and_then(|output| output.file));
        }
        // It cannot say which tags it has: look at all.
        Err(_) => drop(connection.execute("DELETE FROM tag WHERE id = ?1", [id.as_bytes()])?),
    }
    connection.prepare_cached("DELETE FROM log WHERE id = ?1")?.execute([id.as_bytes()])?;
    connection.prepare_cached("DELETE FROM job WHERE id = ?1")?.execute([id.as_bytes()])?;
    removed.count += 1;
    Ok(())
}
