//! Who is alive: everyone whose lease is not over. Whoever has no lease is dead or never was.
//!
//! On a connection of its own, so that it never waits behind a batch or a large payload.

use std::time::Duration;

use tokio::time::Instant;

use super::door::PATIENCE;
use super::lines::Lines;
use super::row::worker_uuid;
use super::watch::Notice;
use crate::error::Result;
use crate::id::WorkerId;
use crate::store::Heartbeat;
use crate::time::Timestamp;

/// How long a lease that is over is kept: only for whoever looks into the table, for it says what its absence says.
const KEPT: Duration = Duration::from_secs(3600);
/// Rows of a tenant that are worth making one.
const FOLD: i64 = 64;

const RENEW: &str = "INSERT INTO worker (id, until) VALUES ($1, $2)
    ON CONFLICT (id) DO UPDATE SET until = greatest(worker.until, excluded.until)";

/// Those that run something, found by one look into the index for each, and of them those whose lease is over.
macro_rules! lost_workers {
    () => {
        "WITH RECURSIVE busy AS (
            (SELECT worker FROM job WHERE status = 1 ORDER BY worker LIMIT 1)
            UNION ALL
            SELECT (SELECT worker FROM job WHERE status = 1 AND worker > busy.worker ORDER BY worker LIMIT 1)
            FROM busy WHERE busy.worker IS NOT NULL
        ), lost AS (
            SELECT busy.worker FROM busy WHERE busy.worker <> $1
                AND NOT EXISTS (SELECT 1 FROM worker WHERE worker.id = busy.worker AND worker.until > $2)
        ) "
    };
}
pub(super) use lost_workers;

const ANY_LOST: &str = concat!(lost_workers!(), "SELECT 1 FROM lost LIMIT 1");

/// One host at a time folds; another's fold is as good.
const FOLD_TENANTS: &str =
    "WITH mine AS MATERIALIZED (SELECT pg_try_advisory_xact_lock($1, hashtext(current_schema())) AS got),
    many AS MATERIALIZED (SELECT name FROM tenant, mine WHERE mine.got GROUP BY name HAVING count(*) > $2),
    gone AS (DELETE FROM tenant USING many WHERE tenant.name = many.name RETURNING tenant.*)
    INSERT INTO tenant SELECT name, sum(pending), sum(running), sum(completed), sum(failed), sum(cancelled), sum(stored)
        FROM gone GROUP BY name
        HAVING (sum(pending), sum(running), sum(completed), sum(failed), sum(cancelled), sum(stored))
            IS DISTINCT FROM (0, 0, 0, 0, 0, 0)";
/// "aufo".
const FOLD_LOCK: i32 = 0x6175_666f;

/// Renews a lease, and says whether there is anything of the dead to take up.
pub(super) async fn heartbeat(lines: &Lines, worker: WorkerId, until: Timestamp, now: Timestamp) -> Result<Heartbeat> {
    let (id, end) = (worker_uuid(worker), Instant::now() + PATIENCE);
    lines.repeat(RENEW, &[&id, &until.as_micros()], end).await?;
    let lost = lines.repeat(ANY_LOST, &[&id, &now.as_micros()], end).await?;
    lines.repeat("DELETE FROM worker WHERE until < $1", &[&now.minus(KEPT).as_micros()], end).await?;
    lines.repeat(FOLD_TENANTS, &[&FOLD_LOCK, &FOLD], end).await?;
    Ok(Heartbeat { lost_jobs: !lost.is_empty() })
}

/// Ends a lease, and tells the others, for what it leaves is theirs at once.
pub(super) async fn leave(lines: &Lines, notice: &Notice, worker: WorkerId) -> Result<()> {
    let end = Instant::now() + PATIENCE;
    lines.repeat("DELETE FROM worker WHERE id = $1", &[&worker_uuid(worker)], end).await?;
    let (channel, text) = notice.of_any();
    lines.repeat("SELECT pg_notify($1, $2)", &[&channel, &text], end).await.map(drop)
}
