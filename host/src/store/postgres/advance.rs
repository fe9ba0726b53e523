//! Puts the next states of jobs in place of those they were made from, many with one statement.

use tokio_postgres::Row;

use super::fault;
use super::insert::{narrow, output};
use super::payloads::{Part, Placed};
use super::row::{column, job_uuid, worker_uuid};
use super::session::{Param, Step, params};
use crate::error::{Error, Result};
use crate::id::JobId;
use crate::job::State;
use crate::store::columns::{Columns, signed};
use crate::store::record;

/// A state on its way into the store.
#[derive(Debug)]
pub(super) struct Advance {
    pub(super) id: JobId,
    pub(super) version: u64,
    pub(super) state: Vec<u8>,
    columns: Columns,
    output: Option<Placed>,
}

impl Advance {
    pub(super) fn new(id: JobId, next: &State) -> Self {
        let output = output(&next.phase);
        let state = record::write_state(next, output.as_ref().map(|output| &output.stored));
        Self { id, version: next.version, state, columns: Columns::of(next), output }
    }

    pub(super) fn is_large(&self) -> bool {
        self.output.as_ref().is_some_and(Placed::is_large)
    }

    /// About how many bytes are sent.
    pub(super) fn weight(&self) -> usize {
        self.state.len() + self.output.as_ref().map_or(0, Placed::length)
    }

    pub(super) fn chunks(&self) -> Vec<Step> {
        self.output.iter().flat_map(|output| output.chunks(self.id, Part::Output)).collect()
    }
}

/// The end of time to live is reckoned here because only the row knows the span; it stops at the end of time. Of many who
/// advance a job at once each waits for the one before, and then finds its version gone.
macro_rules! advance {
    () => {
        "UPDATE job SET status = n.status, version = n.version, due = n.due, worker = n.worker, state = n.state,
            output = n.output, bytes = job.bytes + n.more, expires = CASE
                WHEN n.finished IS NULL OR ttl IS NULL THEN NULL
                WHEN n.finished > 0 AND ttl > 9223372036854775807 - n.finished THEN 9223372036854775807
                ELSE n.finished + ttl END
        FROM unnest($1::uuid[], $2::int2[], $3::int8[], $4::int8[], $5::uuid[], $6::bytea[], $7::bytea[], $8::int8[],
            $9::int8[]) AS n(id, status, version, due, worker, state, output, finished, more)
        WHERE job.id = n.id AND job.version = n.version - 1 AND job.status < 2 RETURNING job.id"
    };
}
const ADVANCE: &str = advance!();
/// The same, for those that are started: with what they are to run on.
const START: &str = concat!(advance!(), ", job.input");

/// Why states did not fit.
const EXPLAIN: &str = "SELECT n.number, j.version, j.status, coalesce(j.state = n.state, false)
    FROM unnest($1::uuid[], $2::bytea[]) WITH ORDINALITY AS n(id, state, number) LEFT JOIN job j ON j.id = n.id";

/// What advances these, of which no two are of one job, and answers which fitted.
pub(super) fn step(states: &[&Advance]) -> Step {
    Step::bound(ADVANCE, values(states))
}

/// The same, and answers their inputs as well.
pub(super) fn start(states: &[&Advance]) -> Step {
    Step::bound(START, values(states))
}

fn values(states: &[&Advance]) -> Vec<Param> {
    // In the order of ids, so that two hosts do not wait for each other crosswise.
    let mut states = states.to_vec();
    states.sort_unstable_by_key(|state| state.id);
    macro_rules! all {
        (|$state:ident| $value:expr) => {
            states.iter().map(|$state| $value).collect::<Vec<_>>()
        };
    }
    params![
        all!(|state| job_uuid(state.id)),
        all!(|state| narrow(state.columns.status)),
        all!(|state| state.columns.version),
        all!(|state| state.columns.due),
        all!(|state| state.columns.worker.map(worker_uuid)),
        all!(|state| state.state.clone()),
        all!(|state| state.output.as_ref().and_then(Placed::inline)),
        all!(|state| state.columns.finished),
        all!(|state| state.output.as_ref().map_or(0, |output| signed(output.stored.length))),
    ]
}

/// What says why these did not fit, each by its number, from 1.
pub(super) fn explain(states: &[&Advance]) -> Step {
    let ids: Vec<_> = states.iter().map(|state| job_uuid(state.id)).collect();
    let states: Vec<_> = states.iter().map(|state| state.state.clone()).collect();
    Step::bound(EXPLAIN, params![ids, states])
}

/// What the answer to that means.
pub(super) fn refusal(next: &Advance, row: &Row, in_doubt: bool) -> Result<Result<()>> {
    let Some(version) = column::<Option<i64>>(row, 1)? else { return Ok(Err(Error::not_found("job", next.id))) };
    let (status, mine): (i16, bool) = (column(row, 2)?, column(row, 3)?);
    let at = u64::try_from(version).unwrap_or(0);
    if in_doubt && mine {
        // It was made before the connection was lost on which that would have been told.
        return Ok(Ok(()));
    }
    if in_doubt && at > next.version {
        return Ok(Err(fault::unknown("the job went on meanwhile")));
    }
    let finished = status >= 2 && at.checked_add(1) == Some(next.version);
    Ok(Err(if finished { Error::Finished(next.id) } else { Error::Conflict(next.id) }))
}
