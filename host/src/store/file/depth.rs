//! How many jobs wait and run: reads of the two indexes that have nothing else.

use rusqlite::Connection;

use crate::store::Depth;
use crate::time::Timestamp;

pub(super) fn depth(connection: &Connection, now: Timestamp) -> rusqlite::Result<Depth> {
    let mut waiting = connection.prepare_cached(
        "SELECT count(*), count(*) FILTER (WHERE due <= ?1), min(due) FILTER (WHERE due <= ?1) FROM job WHERE status = 0",
    )?;
    let (pending, due, oldest): (i64, i64, Option<i64>) =
        waiting.query_row([now.as_micros()], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    let mut running = connection.prepare_cached("SELECT count(*) FROM job WHERE status = 1")?;
    let running: i64 = running.query_row([], |row| row.get(0))?;
    Ok(Depth {
        pending: pending.unsigned_abs(),
        due: due.unsigned_abs(),
        oldest_due: oldest.map(Timestamp::from_micros),
        running: running.unsigned_abs(),
    })
}
