//! Rows of the job table: reading one back, held against the two records it repeats, and writing the next state.

use bytes::Bytes;
use tokio_postgres::Row;
use tokio_postgres::types::FromSql;
use uuid::Uuid;

use crate::error::{Error, Result};
use crate::id::{JobId, WorkerId};
use crate::store::codec::Damage;
use crate::store::columns::Columns;
use crate::store::record::{Checked, Record};
use crate::time::Timestamp;

/// The columns that [`read`] reads, in its order. The bytes of payloads are not among them.
macro_rules! head {
    () => {
        "id, status, version, priority, due, worker, expires, spec, state"
    };
}
pub(super) use head;

/// How many those are.
pub(super) const HEAD_COLUMNS: usize = 9;

/// A job whose large payloads are still to be read.
#[derive(Debug)]
pub(super) struct Whole {
    pub(super) record: Record,
    pub(super) input: Option<Bytes>,
    pub(super) output: Option<Bytes>,
}

/// A column of a row.
pub(super) fn column<'a, T: FromSql<'a>>(row: &'a Row, column: usize) -> Result<T> {
    row.try_get(column).map_err(|error| Error::fault("store", error))
}

/// Reads a row that begins with what `head!` names.
pub(super) fn read(row: &Row) -> Result<Checked<Record>> {
    let id = job_id(row, 0)?;
    let (spec, state): (&[u8], &[u8]) = (column(row, 7)?, column(row, 8)?);
    let record = match Record::read(id, spec, state) {
        Ok(record) => record,
        Err(damage) => return Ok(Err((id, damage))),
    };
    let expires = record.state().expires(record.spec()).map(Timestamp::as_micros);
    let columns = Columns::of(record.state());
    let same = i64::from(column::<i16>(row, 1)?) == columns.status
        && column::<i64>(row, 2)? == columns.version
        && column::<i32>(row, 3)? == record.spec().options.priority
        && column::<Option<i64>>(row, 4)? == columns.due
        && column::<Option<Uuid>>(row, 5)? == columns.worker.map(worker_uuid)
        && column::<Option<i64>>(row, 6)? == expires;
    Ok(if same { Ok(record) } else { Err((id, Damage::new("its columns contradict its records"))) })
}

/// Reads a row that has the two payloads after its head.
pub(super) fn read_whole(row: &Row) -> Result<Checked<Whole>> {
    let record = match read(row)? {
        Ok(record) => record,
        Err(damage) => return Ok(Err(damage)),
    };
    let (input, output) = (bytes(row, HEAD_COLUMNS)?, bytes(row, HEAD_COLUMNS + 1)?);
    Ok(Ok(Whole { record, input, output }))
}

pub(super) fn bytes(row: &Row, number: usize) -> Result<Option<Bytes>> {
    Ok(column::<Option<&[u8]>>(row, number)?.map(Bytes::copy_from_slice))
}

pub(super) fn job_id(row: &Row, number: usize) -> Result<JobId> {
    column::<Uuid>(row, number).map(|id| JobId::from_bytes(id.into_bytes()))
}

pub(super) fn job_uuid(id: JobId) -> Uuid {
    Uuid::from_bytes(*id.as_bytes())
}

pub(super) fn worker_uuid(id: WorkerId) -> Uuid {
    Uuid::from_bytes(*id.as_bytes())
}

/// A count that cannot be below zero.
pub(super) fn count(row: &Row, number: usize) -> Result<u64> {
    Ok(u64::try_from(column::<i64>(row, number)?).unwrap_or(0))
}
