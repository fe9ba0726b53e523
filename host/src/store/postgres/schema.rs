//! The tables, and how they come to be there: by migrations, one transaction for all that are missing, one host at a time.

use std::time::Duration;

use tokio::time::{Instant, timeout};
use uuid::Uuid;

use super::address::Address;
use super::door::{Door, PATIENCE};
use super::fault::{self, Trouble};
use super::lines::SOON;
use super::session::{Session, Step, params};
use crate::error::{Error, Result};
use crate::id::JobId;
use crate::store::record;

/// How long a server that takes connections may say nothing to the first.
const SILENT: Duration = Duration::from_secs(10);
/// What lock the hosts take that would make the tables: "auho", and a hash of the schema beside it.
const LOCK: i32 = 0x6175_686f;
/// How the tables come from one version to the next, in order: the first makes them.
const MIGRATIONS: [&str; 2] = [TABLES, LANES];

/// A row of `job` holds what the indexes need beside the two records; `row.rs` holds each column against the record it repeats.
///
/// Payloads are stored out of line (EXTERNAL: not even tried to compress, for most are small or compressed) once a row is longer
/// than 2 kB, and those above 32 KiB in `chunk`, so that a change of state copies neither.
///
/// A row is written some three times and then kept or removed, and what it was before is garbage. Much of that is in the indexes
/// that work is taken from, which must not grow with what has finished, so they are partial, and garbage is cleared when 2 % of
/// the table are, not 20 %. A progress note changes no index, so with a tenth of each page free it stays in its page and costs none
/// of them an entry.
const TABLES: &str = "
    CREATE TABLE job (
        id uuid NOT NULL PRIMARY KEY,
        status int2 NOT NULL,       -- 0 pending, 1 running, 2 completed, 3 failed, 4 cancelled, 5 damaged
        version int8 NOT NULL,
        priority int4 NOT NULL,
        due int8,                   -- pending: not before; running: since; in microseconds since 1970
        worker uuid,
        ttl int8,
        expires int8,
        holds int2 NOT NULL,        -- its key: 0 while it is kept, 1 until it has finished
        bytes int8 NOT NULL,        -- that are held against a quota
        principal bytea,            -- names are bytes, for text cannot hold a zero
        key bytea,
        tags bytea[] NOT NULL,
        spec bytea NOT NULL,
        state bytea NOT NULL,
        input bytea,                -- NULL when it is in chunks
        output bytea
    ) WITH (fillfactor = 90, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000,
        autovacuum_vacuum_insert_scale_factor = 0.1, autovacuum_analyze_scale_factor = 0.05,
        autovacuum_vacuum_cost_delay = 0, toast.autovacuum_vacuum_scale_factor = 0.02);
    ALTER TABLE job ALTER COLUMN input SET STORAGE EXTERNAL, ALTER COLUMN output SET STORAGE EXTERNAL;
    CREATE INDEX job_pending ON job (priority DESC, due, id) WHERE status = 0;
    CREATE INDEX job_pending_of ON job (principal, priority DESC, due, id) WHERE status = 0;
    CREATE INDEX job_running ON job (worker, id) WHERE status = 1;
    CREATE INDEX job_status ON job (status, id) WHERE status <> 1;
    CREATE INDEX job_expires ON job (expires, id) WHERE expires IS NOT NULL;
    CREATE TABLE tag (tag bytea NOT NULL, id uuid NOT NULL, PRIMARY KEY (tag, id));
    CREATE TABLE key (name bytea NOT NULL PRIMARY KEY, id uuid NOT NULL);
    CREATE TABLE log (id uuid NOT NULL, first int8 NOT NULL, count int8 NOT NULL, entries bytea NOT NULL,
        PRIMARY KEY (id, first));
    CREATE TABLE chunk (id uuid NOT NULL, part int2 NOT NULL, number int4 NOT NULL, bytes bytea NOT NULL,
        PRIMARY KEY (id, part, number));
    ALTER TABLE chunk ALTER COLUMN bytes SET STORAGE EXTERNAL;
    CREATE TABLE worker (id uuid NOT NULL PRIMARY KEY, until int8 NOT NULL) WITH (fillfactor = 50);
    CREATE TABLE note (name bytea NOT NULL PRIMARY KEY, bytes bytea NOT NULL);
    CREATE TABLE blob (name bytea NOT NULL, number int4 NOT NULL, bytes bytea NOT NULL, PRIMARY KEY (name, number));
    ALTER TABLE blob ALTER COLUMN bytes SET STORAGE EXTERNAL;

    -- What each principal has is the sum of its rows here. Every statement that changes its jobs adds one, so that no two hosts
    -- ever wait for each other over a principal; heartbeats fold many into one.
    CREATE TABLE tenant (name bytea NOT NULL, pending int8 NOT NULL, running int8 NOT NULL, completed int8 NOT NULL,
        failed int8 NOT NULL, cancelled int8 NOT NULL, stored int8 NOT NULL)
        WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);
    CREATE INDEX tenant_name ON tenant (name);
    CREATE FUNCTION tenant_insert() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$ BEGIN
        INSERT INTO tenant SELECT principal, count(*) FILTER (WHERE status = 0), count(*) FILTER (WHERE status = 1),
            count(*) FILTER (WHERE status = 2), count(*) FILTER (WHERE status = 3), count(*) FILTER (WHERE status = 4),
            sum(bytes) FROM new_job WHERE principal IS NOT NULL GROUP BY principal;
        RETURN NULL;
    END $$;
    CREATE FUNCTION tenant_delete() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$ BEGIN
        INSERT INTO tenant SELECT principal, -count(*) FILTER (WHERE status = 0), -count(*) FILTER (WHERE status = 1),
            -count(*) FILTER (WHERE status = 2), -count(*) FILTER (WHERE status = 3),
            -count(*) FILTER (WHERE status = 4), -sum(bytes)
            FROM old_job WHERE principal IS NOT NULL GROUP BY principal;
        RETURN NULL;
    END $$;
    CREATE FUNCTION tenant_update() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$ BEGIN
        INSERT INTO tenant SELECT * FROM (
            SELECT principal, coalesce(sum(sign) FILTER (WHERE status = 0), 0) AS pending, coalesce(sum(sign) FILTER (WHERE status = 1), 0) AS running,
                coalesce(sum(sign) FILTER (WHERE status = 2), 0) AS completed, coalesce(sum(sign) FILTER (WHERE status = 3), 0) AS failed,
                coalesce(sum(sign) FILTER (WHERE status = 4), 0) AS cancelled, sum(sign * bytes)::int8 AS stored
            FROM (SELECT principal, status, bytes, 1 AS sign FROM new_job WHERE principal IS NOT NULL
                UNION ALL SELECT principal, status, bytes, -1 FROM old_job WHERE principal IS NOT NULL) both_jobs
            GROUP BY principal) change
        WHERE (pending, running, completed, failed, cancelled, stored) IS DISTINCT FROM (0, 0, 0, 0, 0, 0);
        RETURN NULL;
    END $$;
    CREATE TRIGGER tenant_insert AFTER INSERT ON job REFERENCING NEW TABLE AS new_job
        FOR EACH STATEMENT EXECUTE FUNCTION tenant_insert();
    CREATE TRIGGER tenant_delete AFTER DELETE ON job REFERENCING OLD TABLE AS old_job
        FOR EACH STATEMENT EXECUTE FUNCTION tenant_delete();
    CREATE TRIGGER tenant_update AFTER UPDATE ON job REFERENCING OLD TABLE AS old_job NEW TABLE AS new_job
        FOR EACH STATEMENT EXECUTE FUNCTION tenant_update();

    CREATE VIEW jobs AS SELECT id,
        CASE status WHEN 0 THEN 'pending' WHEN 1 THEN 'running' WHEN 2 THEN 'completed' WHEN 3 THEN 'failed'
            WHEN 4 THEN 'cancelled' ELSE 'damaged' END AS status,
        version, priority, worker, to_timestamp(due / 1e6) AS due, to_timestamp(expires / 1e6) AS expires,
        encode(principal, 'escape') AS principal, encode(key, 'escape') AS key, bytes
        FROM job;
";

/// In which lanes the jobs are that have not finished: `Group::to_bytes`. [`fill_lanes`] has those that were there before.
const LANES: &str = "
    ALTER TABLE job ADD COLUMN lanes bytea;
    DROP INDEX job_pending_of;
    CREATE INDEX job_pending_of ON job (lanes, priority DESC, due, id) WHERE status = 0;
";

/// Makes what is not there, and refuses what is of a later version.
pub(super) async fn prepare(door: &Door) -> Result<Session> {
    let until = Instant::now() + PATIENCE;
    let session = first(door, until).await?;
    loop {
        match prepared(&session, &door.address).await {
            Ok(()) => return Ok(session),
            Err(Trouble::Refused(error)) => return Err(error),
            // Others make the tables right now.
            Err(Trouble::Again(_)) if Instant::now() + SOON < until => tokio::time::sleep(SOON).await,
            Err(Trouble::Again(why) | Trouble::Lost(why)) => {
                return Err(fault::unreachable(&door.address.to_string(), &why));
            }
        }
    }
}

/// The first connection: only a server that just starts is waited for, since anything else is more likely a mistake in the URL. That goes
/// for what takes connections and never says a word, too: it may be no PostgreSQL.
async fn first(door: &Door, until: Instant) -> Result<Session> {
    // A URL may name several servers, of which some are away.
    let silent = SILENT * u32::try_from(door.address.config().get_hosts().len().max(1)).unwrap_or(1);
    loop {
        let Ok(opened) = timeout(silent, door.try_open(None)).await else {
            let why = format!("it takes connections, and did not answer within {}", humantime::format_duration(silent));
            return Err(fault::unreachable(&door.address.to_string(), &why));
        };
        match opened {
            Err(error) if error.chain().contains("[57P03]") && Instant::now() + SOON < until => {
                tokio::time::sleep(SOON).await;
            }
            answer => return answer,
        }
    }
}

async fn prepared(session: &Session, address: &Address) -> std::result::Result<(), Trouble> {
    // Whoever may not make a schema may use one that is complete.
    if version(session, address.schema()).await? == Some(LATEST) {
        return warn_of_fsync(session).await;
    }
    let result = migrate(session, address).await;
    if result.is_err() {
        session.text("ROLLBACK").await?;
    }
    result?;
    warn_of_fsync(session).await
}

const LATEST: i32 = 2;

async fn migrate(session: &Session, address: &Address) -> std::result::Result<(), Trouble> {
    let schema = address.schema();
    let lock = Step::bound("SELECT pg_advisory_xact_lock($1, hashtext($2))", params![LOCK, schema.to_owned()]);
    session.run(&[Step::text("BEGIN"), lock]).await?;
    let found = version(session, schema).await?.unwrap_or(0);
    if found > LATEST {
        let why = format!(
            "schema {schema} of {address} has version {found}, this program reads {LATEST}; use a newer au-host"
        );
        return Err(Trouble::Refused(Error::fault("store", why)));
    }
    if found == 0 {
        session
            .text(&format!("CREATE SCHEMA IF NOT EXISTS {schema}; CREATE TABLE version (version int4 NOT NULL)"))
            .await?;
    }
    for migration in MIGRATIONS.iter().skip(usize::try_from(found).unwrap_or(0)) {
        session.text(migration).await?;
    }
    if found == 1 {
        fill_lanes(session).await?;
    }
    session.text(&format!("DELETE FROM version; INSERT INTO version VALUES ({LATEST}); COMMIT")).await
}

/// What only the records of unfinished jobs tell. A damaged one is in no lane: it is set aside by whoever takes it.
async fn fill_lanes(session: &Session) -> std::result::Result<(), Trouble> {
    let find = "SELECT id, spec FROM job WHERE status < 2 AND id > $1 ORDER BY id LIMIT 256";
    let fill =
        "UPDATE job SET lanes = n.lanes FROM unnest($1::uuid[], $2::bytea[]) AS n(id, lanes) WHERE job.id = n.id";
    let mut after = Uuid::nil();
    loop {
        let rows = session.query(find.into(), &[&after]).await?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = last.get(0);
        let (mut ids, mut groups) = (Vec::new(), Vec::new());
        for row in &rows {
            let (id, spec): (Uuid, &[u8]) = (row.get(0), row.get(1));
            if let Ok(lanes) = record::lanes(JobId::from_bytes(id.into_bytes()), spec) {
                ids.push(id);
                groups.push(lanes);
            }
        }
        session.query(fill.into(), &[&ids, &groups]).await?;
    }
}

/// Of which version the tables are; `None`: there are none.
async fn version(session: &Session, schema: &str) -> std::result::Result<Option<i32>, Trouble> {
    // Not by `to_regclass`: that one may remember that there was none before it waited for the lock.
    let there = "SELECT 1 FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
        WHERE relname = 'version' AND nspname = $1";
    if session.query(there.into(), &[&schema]).await?.is_empty() {
        return Ok(None);
    }
    let rows = session.query("SELECT max(version) FROM version".into(), &[]).await?;
    Ok(rows.first().and_then(|row| row.get(0)))
}

/// The server's own setting is its owner's business, but they should know.
async fn warn_of_fsync(session: &Session) -> std::result::Result<(), Trouble> {
    let rows = session.query("SELECT current_setting('fsync') = 'on'".into(), &[]).await?;
    if !rows.first().is_some_and(|row| row.get(0)) {
        tracing::warn!("this PostgreSQL has fsync = off: what it acknowledges may not survive a power cut");
    }
    Ok(())
}
