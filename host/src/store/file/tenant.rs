//! What each principal has, and how many more of its jobs may be started.

use rusqlite::{Connection, OptionalExtension};

use crate::job::{Counts, Status};
use crate::quota::{Held, Quotas};
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

/// Whose jobs wait, and how many of them may be started.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    /// `None`: those of nobody in particular.
    pub(super) principal: Option<Vec<u8>>,
    pub(super) room: u64,
}

/// All whose jobs may be started, when there are some whose jobs may not; `None`: there are none such.
pub(super) fn waiting(connection: &Connection, quotas: &Quotas) -> rusqlite::Result<Option<Vec<Waiting>>> {
    let mut statement = connection.prepare_cached("SELECT name, running FROM tenant WHERE pending > 0")?;
    let mut all = vec![Waiting { principal: None, room: u64::MAX }];
    let mut bounded = false;
    let rows = statement.query_map([], |row| Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, i64>(1)?)))?;
    for row in rows {
        let (name, running) = row?;
        let room = quotas.room(Some(&String::from_utf8_lossy(&name)), u64::try_from(running).unwrap_or(0));
        bounded |= room.is_some();
        match room {
            Some(0) => {}
            room => all.push(Waiting { principal: Some(name), room: room.unwrap_or(u64::MAX) }),
        }
    }
    Ok(bounded.then_some(all))
}
