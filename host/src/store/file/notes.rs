//! Notes: what is kept under a name beside jobs.

use rusqlite::{Connection, params};

use super::writer::Applied;
use crate::store::Note;

pub(super) fn put(connection: &Connection, note: &Note) -> Applied<()> {
    let mut statement = connection.prepare_cached("INSERT OR REPLACE INTO note (name, bytes) VALUES (?1, ?2)")?;
    statement.execute(params![note.name.as_bytes(), note.bytes])?;
    Ok(Ok(()))
}

pub(super) fn remove(connection: &Connection, name: &str) -> Applied<bool> {
    let mut statement = connection.prepare_cached("DELETE FROM note WHERE name = ?1")?;
    Ok(Ok(statement.execute([name.as_bytes()])? > 0))
}

pub(super) fn read(connection: &Connection, prefix: &str, limit: usize) -> rusqlite::Result<Vec<Note>> {
    // No text has this byte, so this is after every name that begins with the prefix.
    let end = [prefix.as_bytes(), &[0xff]].concat();
    let mut statement = connection
        .prepare_cached("SELECT name, bytes FROM note WHERE name >= ?1 AND name < ?2 ORDER BY name LIMIT ?3")?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = statement.query_map(params![prefix.as_bytes(), end, limit], |row| {
        let name: Vec<u8> = row.get(0)?;
        Ok(Note { name: String::from_utf8_lossy(&name).into_owned(), bytes: row.get(1)? })
    })?;
    rows.collect()
}
