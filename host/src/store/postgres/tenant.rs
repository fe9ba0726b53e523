//! How many jobs there are, of each principal and of each status.

use super::lines::Lines;
use super::row::{column, count};
use crate::error::Result;
use crate::job::{Counts, Status};
use crate::quota::Held;
use crate::store::Depth;
use crate::store::record::status_code;
use crate::time::Timestamp;

const HELD: &str =
    "SELECT coalesce(sum(pending), 0)::int8, coalesce(sum(running), 0)::int8, coalesce(sum(completed), 0)::int8,
        coalesce(sum(failed), 0)::int8, coalesce(sum(cancelled), 0)::int8, coalesce(sum(stored), 0)::int8
    FROM tenant WHERE name = $1";

/// What a principal has: the sum of few rows, for heartbeats fold them.
pub(super) async fn held(lines: &Lines, principal: &str) -> Result<Held> {
    let rows = lines.read(HELD, &[&principal.as_bytes()]).await?;
    let Some(row) = rows.first() else { return Ok(Held::default()) };
    let (pending, running, completed) = (count(row, 0)?, count(row, 1)?, count(row, 2)?);
    let jobs = Counts { pending, running, completed, failed: count(row, 3)?, cancelled: count(row, 4)? };
    Ok(Held { jobs, stored: count(row, 5)? })
}

/// How many jobs there are of each status.
pub(super) async fn counts(lines: &Lines) -> Result<Counts> {
    let rows = lines.read("SELECT status, count(*) FROM job GROUP BY status", &[]).await?;
    let mut counts = Counts::default();
    for row in &rows {
        let code: i16 = column(row, 0)?;
        // A damaged one has none.
        if let Some(status) = Status::ALL.into_iter().find(|status| status_code(*status) == i64::from(code)) {
            *counts.of(status) = count(row, 1)?;
        }
    }
    Ok(counts)
}

const DEPTH: &str = "SELECT count(*), count(*) FILTER (WHERE due <= $1), min(due) FILTER (WHERE due <= $1),
    (SELECT count(*) FROM job WHERE status = 1) FROM job WHERE status = 0";

/// How many jobs wait and run: reads of the two indexes that have nothing else.
pub(super) async fn depth(lines: &Lines, now: Timestamp) -> Result<Depth> {
    let rows = lines.read(DEPTH, &[&now.as_micros()]).await?;
    let Some(row) = rows.first() else { return Ok(Depth::default()) };
    Ok(Depth {
        pending: count(row, 0)?,
        due: count(row, 1)?,
        oldest_due: column::<Option<i64>>(row, 2)?.map(Timestamp::from_micros),
        running: count(row, 3)?,
    })
}
