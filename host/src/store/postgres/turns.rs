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
use crate::lanes::Group;
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
pub(super) use levels;

/// The first due jobs, locked. The levels come in their order and the limit ends the reading, so no more are locked than asked for.
macro_rules! due {
    ($whose:literal, $limit:literal) => {
        concat!(
            levels!($whose),
            "SELECT turn.* FROM level CROSS JOIN LATERAL (
                SELECT ",
            head!(),
            " FROM job WHERE status = 0 AND priority = level.priority AND due <= $1",
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
const NEXT: &str = next_due!("");
const NEXT_OF_EACH: &str = concat!(
    "SELECT min(next.due) FROM unnest($1::bytea[]) AS of_each(lanes) CROSS JOIN LATERAL (",
    next_due!(" AND lanes = of_each.lanes"),
    ") next"
);

const LOST: &str = concat!(
    lost_workers!(),
    "SELECT ",
    head!(),
    " FROM job WHERE status = 1 AND worker = ANY (ARRAY(SELECT worker FROM lost))
        ORDER BY priority DESC, due, id LIMIT $3 FOR UPDATE OF job SKIP LOCKED"
);
const ONLY: &str = concat!(
    lost_workers!(),
    "SELECT ",
    head!(),
    " FROM job WHERE id = $3
        AND (status = 0 AND due <= $2 OR status = 1 AND worker = ANY (ARRAY(SELECT worker FROM lost))) FOR UPDATE OF job"
);

/// What finds the due jobs among the pending ones.
pub(super) fn due(take: &Take) -> Step {
    Step::bound(DUE, params![take.now.as_micros(), signed(take.limit as u64)])
}

/// What finds when the next falls due, of all or of these groups.
pub(super) fn next_due(of: Option<Vec<Vec<u8>>>) -> Step {
    match of {
        None => Step::bound(NEXT, params![]),
        Some(groups) => Step::bound(NEXT_OF_EACH, params![groups]),
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
    /// Its group, if that may have no room for it.
    pub(super) group: Option<Group>,
    pub(super) ran: bool,
}

impl Candidate {
    pub(super) fn of(found: &Row) -> Result<Self> {
        let due: Option<i64> = column(found, 4)?;
        let turn = (Reverse(column(found, 3)?), due.unwrap_or(i64::MIN), row::job_id(found, 0)?);
        let ran = column::<i16>(found, 1)? == 1;
        Ok(Self { turn, record: row::read(found)?, group: None, ran })
    }
}
