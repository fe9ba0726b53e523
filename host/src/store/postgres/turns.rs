//! Whose turn it is: the statements that find due jobs and lock them, so that no two hosts take one.
//!
//! Pending jobs are found priority by priority, each by one look into the index, so that what is due later is never looked at.

use std::cmp::Reverse;

use tokio_postgres::Row;

use super::row::{self, column, head};
use super::session::{Step, params};
use super::workers::lost_workers;
use crate::error::Result;
use crate::id::JobId;
use crate::quota::Quotas;
use crate::store::Take;
use crate::store::columns::signed;
use crate::store::record::{Checked, Record};

/// In the order in which due jobs are started.
pub(super) type Turn = (Reverse<i32>, i64, JobId);

/// The priorities that pending jobs have, highest first, and a NULL at the end.
macro_rules! levels {
    ($whose:literal) => {
        concat!(
            "WITH RECURSIVE level AS (
                (SELECT priority FROM job WHERE status = 0",
            $whose,
            " ORDER BY priority DESC LIMIT 1)
                UNION ALL
                SELECT (SELECT priority FROM job WHERE status = 0 AND priority < level.priority",
            $whose,
            " ORDER BY priority DESC LIMIT 1)
                FROM level WHERE level.priority IS NOT NULL
            ) "
        )
    };
}

/// The first due jobs, locked. The levels come in their order and the limit ends the reading, so no more are locked than asked for.
macro_rules! due {
    ($whose:literal, $limit:literal) => {
        concat!(
            levels!($whose),
            "SELECT turn.* FROM level CROSS JOIN LATERAL (
                SELECT ",
            head!(),
            ", principal FROM job WHERE status = 0 AND priority = level.priority AND due <= $1",
            $whose,
            " ORDER BY due, id LIMIT ",
            $limit,
            " FOR UPDATE SKIP LOCKED
            ) turn LIMIT ",
            $limit
        )
    };
}

/// When the first pending job falls due.
macro_rules! next_due {
    ($whose:literal) => {
        concat!(
            levels!($whose),
            "SELECT min(earliest.due) AS due FROM level CROSS JOIN LATERAL (
                SELECT due FROM job WHERE status = 0 AND priority = level.priority",
            $whose,
            " ORDER BY due, id LIMIT 1
            ) earliest"
        )
    };
}

const DUE: &str = due!("", "$2");
const DUE_OF_NOBODY: &str = due!(" AND principal IS NULL", "$2");
const DUE_OF_EACH: &str = concat!(
    "SELECT due.* FROM unnest($2::bytea[], $3::int8[]) AS of_each(name, room) CROSS JOIN LATERAL (",
    due!(" AND principal = of_each.name", "of_each.room"),
    ") due"
);
const NEXT: &str = next_due!("");
const NEXT_OF_NOBODY: &str = next_due!(" AND principal IS NULL");
const NEXT_OF_EACH: &str = concat!(
    "SELECT min(next.due) FROM unnest($1::bytea[]) AS of_each(name) CROSS JOIN LATERAL (",
    next_due!(" AND principal = of_each.name"),
    ") next"
);

const LOST: &str = concat!(
    lost_workers!(),
    "SELECT ",
    head!(),
    ", principal FROM job WHERE status = 1 AND worker = ANY (ARRAY(SELECT worker FROM lost))
        ORDER BY priority DESC, due, id LIMIT $3 FOR UPDATE OF job SKIP LOCKED"
);
const ONLY: &str = concat!(
    lost_workers!(),
    "SELECT ",
    head!(),
    ", principal FROM job WHERE id = $3
        AND (status = 0 AND due <= $2 OR status = 1 AND worker = ANY (ARRAY(SELECT worker FROM lost))) FOR UPDATE OF job"
);

/// Whoever looks how many jobs of a tenant run, and then starts some, has this lock until it has committed them.
const LOCK: &str = "SELECT pg_advisory_xact_lock($1, hashtext(current_schema()))";
/// "auqu".
const QUOTAS: i32 = 0x6175_7175;
const TENANTS: &str = "SELECT name, sum(running)::int8 FROM tenant GROUP BY name HAVING sum(pending) > 0";

/// Whose jobs may be started, and how many.
#[derive(Clone, Debug)]
pub(super) enum Rooms {
    All,
    /// Those of nobody in particular, and so many of each of these.
    Each(Vec<(Vec<u8>, u64)>),
}

impl Rooms {
    /// What reads them.
    pub(super) fn steps() -> [Step; 2] {
        [Step::bound(LOCK, params![QUOTAS]), Step::bound(TENANTS, params![])]
    }

    /// As they are where the last of those steps answered so.
    pub(super) fn of(rows: &[Row], quotas: &Quotas) -> Result<Self> {
        let mut rooms = Vec::new();
        let mut bounded = false;
        for row in rows {
            let name: Vec<u8> = column(row, 0)?;
            let room = quotas.room(Some(&String::from_utf8_lossy(&name)), row::count(row, 1)?);
            bounded |= room.is_some();
            rooms.push((name, room.unwrap_or(u64::MAX)));
        }
        Ok(if bounded { Self::Each(rooms) } else { Self::All })
    }

    /// One more of this principal runs, or one less.
    pub(super) fn change(&mut self, principal: Option<&[u8]>, by: i64) {
        let Self::Each(rooms) = self else { return };
        let room = rooms.iter_mut().find(|(name, _)| Some(name.as_slice()) == principal);
        if let Some((_, room)) = room.filter(|(_, room)| *room != u64::MAX) {
            *room = room.saturating_add_signed(-by);
        }
    }

    /// What finds the due jobs among the pending ones.
    pub(super) fn due(&self, take: &Take) -> Vec<Step> {
        let (now, limit) = (take.now.as_micros(), signed(take.limit as u64));
        match self {
            Self::All => vec![Step::bound(DUE, params![now, limit])],
            Self::Each(_) => {
                let (names, rooms): (Vec<_>, Vec<_>) = self.open().unzip();
                let rooms: Vec<_> = rooms.into_iter().map(|room| signed(room).min(limit)).collect();
                vec![
                    Step::bound(DUE_OF_NOBODY, params![now, limit]),
                    Step::bound(DUE_OF_EACH, params![now, names, rooms]),
                ]
            }
        }
    }

    /// What finds when the next falls due.
    pub(super) fn next_due(&self) -> Vec<Step> {
        match self {
            Self::All => vec![Step::bound(NEXT, params![])],
            Self::Each(_) => {
                let names: Vec<_> = self.open().map(|(name, _)| name).collect();
                vec![Step::bound(NEXT_OF_NOBODY, params![]), Step::bound(NEXT_OF_EACH, params![names])]
            }
        }
    }

    fn open(&self) -> impl Iterator<Item = (Vec<u8>, u64)> {
        let rooms = match self {
            Self::All => [].as_slice(),
            Self::Each(rooms) => rooms,
        };
        rooms.iter().filter(|(_, room)| *room > 0).cloned()
    }
}

/// What finds the jobs of the dead: one more than may be taken, which tells that there are more.
pub(super) fn lost(take: &Take) -> Step {
    let worker = row::worker_uuid(take.worker);
    let most = signed(take.limit as u64).saturating_add(1);
    Step::bound(LOST, params![worker, take.now.as_micros(), most])
}

/// What finds this one job, if it is due. It waits for whoever has it locked: there is no other to pass on to.
pub(super) fn only(take: &Take, id: JobId) -> Step {
    Step::bound(ONLY, params![row::worker_uuid(take.worker), take.now.as_micros(), row::job_uuid(id)])
}

/// A job whose turn may have come.
#[derive(Debug)]
pub(super) struct Candidate {
    pub(super) turn: Turn,
    pub(super) record: Checked<Record>,
    pub(super) principal: Option<Vec<u8>>,
    pub(super) ran: bool,
}

impl Candidate {
    pub(super) fn of(found: &Row) -> Result<Self> {
        let due: Option<i64> = column(found, 4)?;
        let turn = (Reverse(column(found, 3)?), due.unwrap_or(i64::MIN), row::job_id(found, 0)?);
        let ran = column::<i16>(found, 1)? == 1;
        Ok(Self { turn, record: row::read(found)?, principal: column(found, row::HEAD_COLUMNS)?, ran })
    }
}
