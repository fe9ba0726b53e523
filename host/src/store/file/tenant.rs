//! What each principal has, and how many jobs there are of each status.

use rusqlite::{Connection, OptionalExtension};

use crate::job::{Counts, Status};
use crate::quota::Held;
use crate::store::record;

pub(super) fn held(connection: &Connection, principal: &str) -> rusqlite::Result<Held> {
    let mut statement = connection
        .prepare_cached("SELECT pending, running, completed, failed, cancelled, stored FROM tenant WHERE name = ?1")?;
    let held = statement.query_row([principal.as_bytes()], |row| {
        let count = |column| row.get::<_, i64>(column).map(i64::unsigned_abs);
        let (pending, running, completed) = (count(0)?, count(1)?, count(2)?);
        let jobs = Counts { pending, running, completed, failed: count(3)?, cancelled: count(4)? };
        Ok(Held { jobs, stored: count(5)? })
    });
    Ok(held.optional()?.unwrap_or_default())
}

/// How many jobs there are of each status: reads of the indexes that have nothing else.
pub(super) fn counts(connection: &Connection) -> rusqlite::Result<Counts> {
    let mut counts = Counts::default();
    for status in Status::ALL {
        // The index is chosen by the text.
        let sql = format!("SELECT count(*) FROM job WHERE status = {}", record::status_code(status));
        let count: i64 = connection.prepare_cached(&sql)?.query_row([], |row| row.get(0))?;
        *counts.of(status) = count.unsigned_abs();
    }
    Ok(counts)
}
