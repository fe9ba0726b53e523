//! The database file: how it is opened, and the tables in it.
//!
//! The columns beside the two records are what the indexes need; `row.rs` holds each against the record it repeats.

use std::fs::{DirBuilder, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, TransactionBehavior, params};

use super::fault;
use super::row::job_id;
use crate::error::{Error, Result};
use crate::store::{Durability, record};

const FILE: &str = "jobs.db";
/// Says that a write to the disk once failed, so that what the write-ahead log holds may not be on it.
const FAILED: &str = "jobs.failed";
/// 2 added the notes, and what each tenant has; 3 the lanes; 4 has triggers where there are tenants only.
const VERSION: i64 = 4;
/// Says that the file is ours: "auho".
const APPLICATION: i64 = 0x6175_686f;
/// Bytes that the log keeps on the disk once what was in it is in the database: it is longer only while somebody reads for long.
const LOG_LIMIT: i64 = 32 << 20;
/// How long to wait for another process that is committing before giving up as `Busy`.
const PATIENCE: Duration = Duration::from_secs(20);

const TABLES: &str = "
    CREATE TABLE job (
        id BLOB NOT NULL PRIMARY KEY,
        status INTEGER NOT NULL,    -- 0 pending, 1 running, 2 completed, 3 failed, 4 cancelled, 5 damaged
        version INTEGER NOT NULL,
        priority INTEGER NOT NULL,
        due INTEGER,                -- pending: not before; running: since; in microseconds since 1970
        worker BLOB,
        ttl INTEGER,
        expires INTEGER,
        key BLOB,
        spec BLOB NOT NULL,
        state BLOB NOT NULL,
        input BLOB,                 -- NULL when it is in a file
        output BLOB,
        principal BLOB,
        bytes INTEGER NOT NULL DEFAULT 0,   -- that are held against a quota
        lanes BLOB                          -- of those that have not finished: `Group::to_bytes`
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX job_pending ON job (priority DESC, due, id) WHERE status = 0;
    CREATE INDEX job_running ON job (worker, id, lanes) WHERE status = 1;
    CREATE INDEX job_pending_of ON job (lanes, priority DESC, due, id) WHERE status = 0;
    CREATE INDEX job_status ON job (status, id) WHERE status <> 1;
    CREATE INDEX job_expires ON job (expires, id) WHERE expires IS NOT NULL;
    CREATE TABLE tag (tag BLOB NOT NULL, id BLOB NOT NULL, PRIMARY KEY (tag, id)) STRICT, WITHOUT ROWID;
    CREATE TABLE key (name BLOB NOT NULL PRIMARY KEY, holds INTEGER NOT NULL, id BLOB NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE log (
        id BLOB NOT NULL, first INTEGER NOT NULL, count INTEGER NOT NULL, entries BLOB NOT NULL,
        PRIMARY KEY (id, first)
    ) STRICT, WITHOUT ROWID;
    CREATE VIEW jobs AS SELECT
        lower(hex(id)) AS id,
        CASE status WHEN 0 THEN 'pending' WHEN 1 THEN 'running' WHEN 2 THEN 'completed' WHEN 3 THEN 'failed'
            WHEN 4 THEN 'cancelled' ELSE 'damaged' END AS status,
        version, priority, lower(hex(worker)) AS worker,
        datetime(due / 1000000, 'unixepoch') AS due, datetime(expires / 1000000, 'unixepoch') AS expires,
        CAST(key AS TEXT) AS key, length(input) AS input_bytes, length(output) AS output_bytes
        FROM job;
";

/// What a database of version 1 lacks.
const NOTES: &str = "CREATE TABLE note (name BLOB NOT NULL PRIMARY KEY, bytes BLOB NOT NULL) STRICT, WITHOUT ROWID;";

/// What the jobs of a database of version 1 do not tell in a column. The bytes of payloads in files are not found again.
const PRINCIPALS: &str = "
    ALTER TABLE job ADD COLUMN principal BLOB;
    ALTER TABLE job ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0;
    UPDATE job SET principal = substr(tag.tag, 2), bytes = coalesce(length(input), 0) + coalesce(length(output), 0)
        FROM tag WHERE tag.tag >= x'70' AND tag.tag < x'71' AND job.id = tag.id;
";

/// What a database of version 2 lacks beside what is in its records: see [`fill_lanes`].
const LANES: &str = "
    ALTER TABLE job ADD COLUMN lanes BLOB;
    DROP INDEX IF EXISTS job_pending_of;
    DROP INDEX job_running;
    CREATE INDEX job_running ON job (worker, id, lanes) WHERE status = 1;
    CREATE INDEX job_pending_of ON job (lanes, priority DESC, due, id) WHERE status = 0;
";

/// What each principal has.
const TENANTS: &str = "
    CREATE TABLE tenant (
        name BLOB NOT NULL PRIMARY KEY, pending INTEGER NOT NULL DEFAULT 0, running INTEGER NOT NULL DEFAULT 0,
        completed INTEGER NOT NULL DEFAULT 0, failed INTEGER NOT NULL DEFAULT 0, cancelled INTEGER NOT NULL DEFAULT 0,
        stored INTEGER NOT NULL DEFAULT 0
    ) STRICT, WITHOUT ROWID;
";

/// Whether a job is somebody's, as the tags tell: there is no index of principals.
const HAS_TENANTS: &str = "SELECT 1 FROM tag WHERE tag >= x'70' AND tag < x'71'";

/// Counts what there is, and goes on along with every change of a job. By trigger, because a change of state does not know whose the job is.
const COUNTING: &str = "
    DELETE FROM tenant;
    INSERT INTO tenant SELECT principal, sum(status = 0), sum(status = 1), sum(status = 2), sum(status = 3),
        sum(status = 4), sum(bytes) FROM job
        WHERE id IN (SELECT id FROM tag WHERE tag >= x'70' AND tag < x'71') AND principal IS NOT NULL GROUP BY principal;
    CREATE TRIGGER tenant_insert AFTER INSERT ON job WHEN NEW.principal IS NOT NULL BEGIN
        INSERT INTO tenant (name) SELECT NEW.principal
            WHERE NOT EXISTS (SELECT 1 FROM tenant WHERE name = NEW.principal);
        UPDATE tenant SET pending = pending + (NEW.status = 0), running = running + (NEW.status = 1),
            completed = completed + (NEW.status = 2), failed = failed + (NEW.status = 3),
            cancelled = cancelled + (NEW.status = 4), stored = stored + NEW.bytes WHERE name = NEW.principal;
    END;
    CREATE TRIGGER tenant_update AFTER UPDATE OF status, bytes ON job
        WHEN NEW.principal IS NOT NULL AND (NEW.status <> OLD.status OR NEW.bytes <> OLD.bytes) BEGIN
        UPDATE tenant SET pending = pending + (NEW.status = 0) - (OLD.status = 0),
            running = running + (NEW.status = 1) - (OLD.status = 1),
            completed = completed + (NEW.status = 2) - (OLD.status = 2),
            failed = failed + (NEW.status = 3) - (OLD.status = 3),
            cancelled = cancelled + (NEW.status = 4) - (OLD.status = 4),
            stored = stored + NEW.bytes - OLD.bytes WHERE name = NEW.principal;
    END;
    CREATE TRIGGER tenant_delete AFTER DELETE ON job WHEN OLD.principal IS NOT NULL BEGIN
        UPDATE tenant SET pending = pending - (OLD.status = 0), running = running - (OLD.status = 1),
            completed = completed - (OLD.status = 2), failed = failed - (OLD.status = 3),
            cancelled = cancelled - (OLD.status = 4), stored = stored - OLD.bytes WHERE name = OLD.principal;
    END;
";
const NOT_COUNTING: &str = "
    DROP TRIGGER IF EXISTS tenant_insert;
    DROP TRIGGER IF EXISTS tenant_update;
    DROP TRIGGER IF EXISTS tenant_delete;
";

/// Sees to it that what principals have is counted, from the first job on that is somebody's: elsewhere every process would read and
/// compile the triggers for nothing.
pub(super) fn count_tenants(connection: &Connection) -> rusqlite::Result<()> {
    let mut found = connection.prepare_cached("SELECT 1 FROM sqlite_schema WHERE name = 'tenant_insert'")?;
    if found.exists([])? { Ok(()) } else { connection.execute_batch(COUNTING) }
}

/// The database of one data folder.
#[derive(Clone, Debug)]
pub(super) struct Database {
    folder: PathBuf,
    durability: Durability,
    /// Which file it was when it was opened.
    file: Option<FileId>,
}

impl Database {
    /// The database in this folder; both are made when they are not there. Only their owner may enter.
    pub(super) fn open(folder: &Path, durability: Durability) -> Result<(Self, Connection)> {
        make_folder(folder, durability).map_err(|source| fault::folder(folder, &source))?;
        let file = FileId::of(&folder.join(FILE)).map_err(|source| fault::folder(folder, &source))?;
        let database = Self { folder: folder.to_owned(), durability, file };
        let mut writer = database.connect(OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        let version = database.prepare(&mut writer).map_err(|error| database.explain(&error))?;
        if version > VERSION {
            return Err(database.newer(version));
        }
        Ok((database, writer))
    }

    /// One more connection, which cannot write.
    pub(super) fn reader(&self) -> Result<Connection> {
        self.connect(OpenFlags::SQLITE_OPEN_READ_ONLY)
    }

    /// Makes a connection ready to commit, and has it read the schema, which takes longer than to open the file: where somebody
    /// waits for that, others have something to do meanwhile.
    pub(super) fn make_durable(&self, writer: &Connection) -> rusqlite::Result<()> {
        // In WAL mode FULL is one fsync a commit, and NORMAL none but still one before a checkpoint overwrites
        // anything; OFF would risk the whole database, not just the last commits.
        let synchronous = if self.durability == Durability::Fsync { "FULL" } else { "NORMAL" };
        writer.pragma_update(None, "synchronous", synchronous)
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) fn durability(&self) -> Durability {
        self.durability
    }

    /// Whether the file that was opened is still the one of this name. What is written to one that was removed is gone with
    /// this process, although every write and sync of it succeeds.
    pub(super) fn is_there(&self) -> bool {
        FileId::of(&self.folder.join(FILE)).is_ok_and(|found| found == self.file)
    }

    /// The write-ahead log: every commit, by any process, changes this file.
    pub(super) fn log_file(&self) -> PathBuf {
        self.folder.join(format!("{FILE}-wal"))
    }

    /// Remembers that a write failed, so that the next to open the database makes sure of what it finds.
    pub(super) fn mark_failed(&self) {
        if let Err(error) = File::create(self.folder.join(FAILED)) {
            tracing::warn!(%error, "cannot leave a note of the failed disk");
        }
    }

    fn connect(&self, access: OpenFlags) -> Result<Connection> {
        let flags = access | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(self.folder.join(FILE), flags).and_then(|connection| {
            connection.busy_handler(Some(wait_our_turn))?;
            connection.pragma_update(None, "cell_size_check", true)?;
            connection.set_prepared_statement_cache_capacity(64);
            Ok(connection)
        });
        connection.map_err(|error| self.explain(&error))
    }

    /// Makes the tables that are not there, and says of which version they are.
    fn prepare(&self, writer: &mut Connection) -> rusqlite::Result<i64> {
        let mut version = user_version(writer)?;
        if version == 0 {
            writer.pragma_update(None, "journal_mode", "WAL")?;
            // Makes the log.
            user_version(writer)?;
        }
        self.keep_log_name().map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
        if version < VERSION {
            version = migrate(writer)?;
        }
        writer.pragma_update(None, "wal_autocheckpoint", 0)?;
        writer.pragma_update(None, "journal_size_limit", LOG_LIMIT)?;
        // Or whoever closes last would copy the log and remove it, which takes some ten times as long as a commit, and the next
        // would have to make it anew.
        writer.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        self.recover(writer).map(|()| version)
    }

    /// Makes the name of the log last before anything is written to it. SQLite is built not to (`.cargo/config.toml`), for it
    /// would with the first commit of each process; the log stays, so one that has something in it has a name that lasts.
    fn keep_log_name(&self) -> std::io::Result<()> {
        match std::fs::metadata(self.log_file())?.len() {
            0 => File::open(&self.folder)?.sync_all(),
            _ => Ok(()),
        }
    }

    fn newer(&self, version: i64) -> Error {
        let file = self.folder.join(FILE);
        let why =
            format!("{} has version {version}, this program reads {VERSION}; use a newer au-host", file.display());
        Error::fault("store", why)
    }

    /// After a failed write the pages of the log may be in memory only, marked clean. Copying it whole into the database
    /// writes and syncs every one of them anew.
    fn recover(&self, writer: &Connection) -> rusqlite::Result<()> {
        let note = self.folder.join(FAILED);
        if !note.exists() {
            return Ok(());
        }
        let busy: i64 = writer.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
        if busy == 0 {
            // If it stays, the next to open copies once more: harmless.
            drop(std::fs::remove_file(note));
        }
        Ok(())
    }

    /// Says which file it is about, and what to do.
    fn explain(&self, error: &rusqlite::Error) -> Error {
        fault::opening(&self.folder.join(FILE), error)
    }
}

fn user_version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

fn migrate(writer: &mut Connection) -> rusqlite::Result<i64> {
    let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Another process may have been first.
    let version = user_version(&transaction)?;
    if version >= VERSION {
        return Ok(version);
    }
    if version == 1 {
        transaction.execute_batch(PRINCIPALS)?;
    }
    match version {
        0 => transaction.execute_batch(TABLES)?,
        1 | 2 => {
            transaction.execute_batch(LANES)?;
            fill_lanes(&transaction)?;
        }
        _ => {}
    }
    if version < 2 {
        transaction.execute_batch(NOTES)?;
        transaction.execute_batch(TENANTS)?;
    }
    if transaction.prepare(HAS_TENANTS)?.exists([])? {
        count_tenants(&transaction)?;
    } else {
        transaction.execute_batch(NOT_COUNTING)?;
    }
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.pragma_update(None, "application_id", APPLICATION)?;
    transaction.commit().map(|()| VERSION)
}

/// What only the records of unfinished jobs tell. A damaged one is in no lane: it is set aside by whoever takes it.
fn fill_lanes(transaction: &Connection) -> rusqlite::Result<()> {
    let mut jobs =
        transaction.prepare("SELECT id, spec FROM job WHERE status < 2 AND id > ?1 ORDER BY id LIMIT 256")?;
    let mut update = transaction.prepare("UPDATE job SET lanes = ?2 WHERE id = ?1")?;
    let mut after = Vec::new();
    loop {
        let found = jobs.query_map([&after], |row| Ok((job_id(row, 0)?, row.get::<_, Vec<u8>>(1)?)))?;
        let found = found.collect::<rusqlite::Result<Vec<_>>>()?;
        let Some((last, _)) = found.last() else { return Ok(()) };
        after = last.as_bytes().to_vec();
        for (id, spec) in found {
            if let Ok(lanes) = record::lanes(id, &spec) {
                update.execute(params![id.as_bytes(), lanes])?;
            }
        }
    }
}

fn make_folder(folder: &Path, durability: Durability) -> std::io::Result<()> {
    let mut builder = DirBuilder::new();
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
        builder.mode(0o700);
        options.mode(0o600);
    }
    builder.recursive(true).create(folder)?;
    // SQLite gives its other files the permissions of this one.
    match options.write(true).create_new(true).open(folder.join(FILE)) {
        Ok(_) if durability == Durability::Fsync => sync_names(folder),
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// The device of a file and its number there; nobody can tell elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FileId(u64, u64);

impl FileId {
    #[cfg(unix)]
    fn of(path: &Path) -> std::io::Result<Option<Self>> {
        use std::os::unix::fs::MetadataExt as _;
        std::fs::metadata(path).map(|found| Some(Self(found.dev(), found.ino())))
    }

    #[cfg(not(unix))]
    fn of(path: &Path) -> std::io::Result<Option<Self>> {
        std::fs::metadata(path).map(|_| None)
    }
}

/// Makes the new names last: the file's in the folder, and the folder's in its parent.
pub(super) fn sync_names(folder: &Path) -> std::io::Result<()> {
    File::open(folder)?.sync_all()?;
    match folder.canonicalize()?.parent() {
        Some(parent) => File::open(parent)?.sync_all(),
        None => Ok(()),
    }
}

/// Called while another process commits. SQLite's own handler waits up to 100 ms at a time; a commit takes less than one.
fn wait_our_turn(tries: i32) -> bool {
    thread_local! {
        static SINCE: std::cell::Cell<Option<Instant>> = const { std::cell::Cell::new(None) };
    }
    let now = Instant::now();
    if tries == 0 {
        SINCE.set(Some(now));
    }
    let waited = SINCE.get().map_or(Duration::ZERO, |since| now - since);
    if waited > PATIENCE {
        return false;
    }
    std::thread::sleep(Duration::from_micros(50 * u64::from(tries.unsigned_abs().min(40))));
    true
}
