//! The logs of jobs: an append is a row, or a few, so that a line costs no row of its own.

use rusqlite::{Connection, OptionalExtension, params};

use super::writer::Applied;
use crate::attempt::LogEntry;
use crate::error::{Error, Result};
use crate::id::JobId;
use crate::store::record;

/// Lines of one row. Whoever reads a few lines reads the whole of a row.
const ROW: usize = 256;

/// Lines in the form they are kept in, and how many they are.
pub(super) struct Piece {
    count: i64,
    lines: Vec<u8>,
}

pub(super) fn pieces(entries: &[LogEntry]) -> Vec<Piece> {
    let piece = |entries: &[LogEntry]| Piece {
        count: i64::try_from(entries.len()).unwrap_or(i64::MAX),
        lines: record::write_log(entries),
    };
    entries.chunks(ROW).map(piece).collect()
}

/// Adds lines to the end of a log.
pub(super) fn append(connection: &Connection, id: JobId, pieces: &[Piece], bytes: i64) -> Applied<()> {
    if !is_kept(connection, id)? {
        return Ok(Err(Error::not_found("job", id)));
    }
    if pieces.is_empty() {
        return Ok(Ok(()));
    }
    let mut first = next(connection, id)?;
    let mut statement =
        connection.prepare_cached("INSERT INTO log (id, first, count, entries) VALUES (?1, ?2, ?3, ?4)")?;
    for Piece { count, lines } in pieces {
        statement.execute(params![id.as_bytes(), first, count, lines])?;
        first += count;
    }
    // Only what is somebody's is held against a quota.
    let mut statement =
        connection.prepare_cached("UPDATE job SET bytes = bytes + ?2 WHERE id = ?1 AND principal IS NOT NULL")?;
    statement.execute(params![id.as_bytes(), bytes])?;
    Ok(Ok(()))
}

/// Whether there is no line of this number yet, nor any after it; the outer error is SQLite's.
pub(super) fn ends(connection: &Connection, id: JobId, from: u64) -> rusqlite::Result<Result<bool>> {
    if !is_kept(connection, id)? {
        return Ok(Err(Error::not_found("job", id)));
    }
    let next = next(connection, id)?;
    Ok(Ok(u64::try_from(next).is_ok_and(|next| next <= from)))
}

/// Reads lines; the outer error is SQLite's.
pub(super) fn read(
    connection: &Connection,
    id: JobId,
    from: u64,
    limit: usize,
) -> rusqlite::Result<Result<Vec<LogEntry>>> {
    if !is_kept(connection, id)? {
        return Ok(Err(Error::not_found("job", id)));
    }
    let Ok(start) = i64::try_from(from) else { return Ok(Ok(Vec::new())) };
    let mut statement = connection.prepare_cached(
        "SELECT first, count, entries FROM log WHERE id = ?1 AND first + count > ?2
            AND first >= coalesce((SELECT max(first) FROM log WHERE id = ?1 AND first <= ?2), 0) ORDER BY first",
    )?;
    let mut rows = statement.query(params![id.as_bytes(), start])?;
    let mut lines = Vec::new();
    while let Some(row) = rows.next()? {
        if lines.len() >= limit {
            break;
        }
        let (first, count, entries): (i64, i64, Vec<u8>) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let entries = match record::read_log(&entries, count.unsigned_abs()) {
            Ok(entries) => entries,
            Err(damage) => return Ok(Err(record::corrupt((id, damage)))),
        };
        let skip = usize::try_from(start.saturating_sub(first)).unwrap_or(0);
        let left = limit - lines.len();
        lines.extend(entries.into_iter().skip(skip).take(left));
    }
    Ok(Ok(lines))
}

/// The number that the next line will have.
fn next(connection: &Connection, id: JobId) -> rusqlite::Result<i64> {
    let mut statement =
        connection.prepare_cached("SELECT first + count FROM log WHERE id = ?1 ORDER BY first DESC LIMIT 1")?;
    Ok(statement.query_row([id.as_bytes()], |row| row.get(0)).optional()?.unwrap_or(0))
}

fn is_kept(connection: &Connection, id: JobId) -> rusqlite::Result<bool> {
    connection.prepare_cached("SELECT 1 FROM job WHERE id = ?1")?.exists([id.as_bytes()])
}
