//! Rows of the job table: what is written beside the two records, and reading a row back, held against them.

use bytes::Bytes;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::payloads::Placed;
use crate::id::{JobId, WorkerId};
use crate::job::State;
use crate::store::codec::Damage;
use crate::store::columns::{self, Columns};
use crate::store::record::{self, Checked, Record};
use crate::time::Timestamp;

/// `SELECT` of the columns that [`read`] reads, in its order, and what is given. The bytes of payloads are not among them.
macro_rules! select {
    ($rest:literal) => {
        concat!("SELECT id, status, version, priority, due, worker, expires, spec, state, ", $rest)
    };
}
pub(super) use select;

/// How many those are.
pub(super) const HEAD_COLUMNS: usize = 9;
/// The status of a record that was found damaged: no index that work is taken from has it.
pub(super) const DAMAGED: i64 = 5;

/// A row whose payloads may still be in files.
#[derive(Debug)]
pub(super) struct Whole {
    pub(super) record: Record,
    pub(super) input: Option<Bytes>,
    pub(super) output: Option<Bytes>,
}

/// Reads a row that begins with what `select!` names.
pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Checked<Record>> {
    let id = job_id(row, 0)?;
    let (spec, state) = (row.get_ref(7)?, row.get_ref(8)?);
    let (ValueRef::Blob(spec), ValueRef::Blob(state)) = (spec, state) else {
        return Ok(Err((id, Damage::new("its records are not there"))));
    };
    let record = Record::read(id, spec, state).and_then(|record| {
        let expires: Option<i64> = record.state().expires(record.spec()).map(Timestamp::as_micros);
        let columns = Columns::of(record.state());
        let same = row.get_ref(1)? == ValueRef::Integer(columns.status)
            && row.get_ref(2)? == ValueRef::Integer(columns.version)
            && row.get_ref(3)? == ValueRef::Integer(record.spec().options.priority.into())
            && row.get_ref(4)? == columns.due.map_or(ValueRef::Null, ValueRef::Integer)
            && row.get_ref(5)? == columns.worker.as_ref().map_or(ValueRef::Null, |id| ValueRef::Blob(id.as_bytes()))
            && row.get_ref(6)? == expires.map_or(ValueRef::Null, ValueRef::Integer);
        if same { Ok(record) } else { Err(Damage::new("its columns contradict its records")) }
    });
    Ok(record.map_err(|damage| (id, damage)))
}

impl From<rusqlite::Error> for Damage {
    fn from(error: rusqlite::Error) -> Self {
        Self::new(error.to_string())
    }
}

/// Reads a job with the payloads that are in its row; `None`: there is none.
pub(super) fn whole(connection: &Connection, id: JobId) -> rusqlite::Result<Option<Checked<Whole>>> {
    let mut statement = connection.prepare_cached(select!("input, output FROM job WHERE id = ?1"))?;
    statement.query_row([id.as_bytes()], read_whole).optional()
}

fn read_whole(row: &Row<'_>) -> rusqlite::Result<Checked<Whole>> {
    let record = match read(row)? {
        Ok(record) => record,
        Err(damage) => return Ok(Err(damage)),
    };
    let bytes = |column| row.get::<_, Option<Vec<u8>>>(column).map(|bytes| bytes.map(Bytes::from));
    Ok(Ok(Whole { record, input: bytes(HEAD_COLUMNS)?, output: bytes(HEAD_COLUMNS + 1)? }))
}

pub(super) fn job_id(row: &Row<'_>, column: usize) -> rusqlite::Result<JobId> {
    row.get::<_, [u8; 16]>(column).map(JobId::from_bytes)
}

/// A state in the form it is kept in.
#[derive(Debug)]
pub(super) struct Kept {
    columns: Columns,
    record: Vec<u8>,
    output: Option<Placed>,
}

impl Kept {
    pub(super) fn new(state: &State, output: Option<Placed>) -> Self {
        let record = record::write_state(state, output.as_ref().map(Placed::stored));
        Self { columns: Columns::of(state), record, output }
    }

    /// The file of the output stays, or goes with this value.
    pub(super) fn keep(&mut self, keep: bool) {
        self.output.iter_mut().for_each(|output| output.keep(keep));
    }

    /// Takes the place of the state before it, if that one is there and unfinished; says whether it was.
    pub(super) fn advance(&self, connection: &Connection, id: JobId) -> rusqlite::Result<bool> {
        // The end of time to live is reckoned here because only the row knows the span; it stops at the end of time.
        let mut statement = connection.prepare_cached(
            "UPDATE job SET status = ?2, version = ?3, due = ?4, worker = ?5, state = ?6, output = ?7, bytes = bytes + ?9, expires = CASE
                WHEN ?8 IS NULL OR ttl IS NULL THEN NULL
                WHEN ?8 > 0 AND ttl > 9223372036854775807 - ?8 THEN 9223372036854775807
                ELSE ?8 + ttl END
            WHERE id = ?1 AND version = ?3 - 1 AND status < 2",
        )?;
        let columns = &self.columns;
        let changed = statement.execute(params![
            id.as_bytes(),
            columns.status,
            columns.version,
            columns.due,
            columns.worker.as_ref().map(WorkerId::as_bytes),
            self.record,
            self.output.as_ref().and_then(Placed::inline),
            columns.finished,
            self.output.as_ref().map_or(0, |output| columns::signed(output.stored().length)),
        ])?;
        Ok(changed == 1)
    }
}

/// Sets a damaged record aside, so that taking and listing do not meet it again.
pub(super) fn set_aside(connection: &Connection, id: JobId, damage: &Damage) -> rusqlite::Result<()> {
    tracing::error!(job = %id, why = %damage, "a record is damaged and set aside");
    let mut statement = connection.prepare_cached("UPDATE job SET status = ?2, expires = NULL WHERE id = ?1")?;
    statement.execute(params![id.as_bytes(), DAMAGED]).map(drop)
}
