//! The records of a job as they come from its hash, and states as they go there.

use bytes::Bytes;
use redis::Value;

use super::answer::{self, decimal, own, sortable};
use super::payloads::Placed;
use crate::error::{Error, Result};
use crate::id::{JobId, WorkerId};
use crate::job::State;
use crate::store::codec::Damage;
use crate::store::columns::Columns;
use crate::store::record::{Record, write_state};

/// What stands in the way of a record, and in which version of the job.
#[derive(Debug)]
pub(super) struct Damaged {
    pub(super) id: JobId,
    pub(super) version: Bytes,
    pub(super) damage: Damage,
}

impl Damaged {
    pub(super) fn error(self) -> Error {
        Error::Corrupt { what: format!("job {}", self.id), why: self.damage.to_string() }
    }
}

/// Reads `{id, spec, state, version, status}`; `None`: there is no such job.
pub(super) fn read(row: Value) -> Result<Option<Result<Record, Damaged>>> {
    let [id, spec, state, version, status] = answer::parts(row)?;
    let id = answer::id(&answer::bytes(id)?)?;
    fields(id, [spec, state, version, status])
}

/// Reads `{spec, state, version, status}` of this job.
pub(super) fn fields(id: JobId, [spec, state, version, status]: [Value; 4]) -> Result<Option<Result<Record, Damaged>>> {
    let Some(spec) = answer::optional(spec)? else { return Ok(None) };
    let (state, version, status) = (answer::bytes(state)?, answer::bytes(version)?, answer::bytes(status)?);
    let record = Record::read(id, &spec, &state).and_then(|record| {
        let columns = Columns::of(record.state());
        let same = decimal(columns.version) == version && decimal(columns.status) == status;
        if same { Ok(record) } else { Err(Damage::new("its fields contradict its records")) }
    });
    Ok(Some(record.map_err(|damage| Damaged { id, version, damage })))
}

/// A state in the form it is kept in.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) state: Bytes,
    pub(super) status: Bytes,
    pub(super) version: Bytes,
    /// When it falls due or runs since; nothing where neither.
    pub(super) due: Bytes,
    pub(super) worker: Bytes,
    /// When it finished, if it has.
    pub(super) finished: Bytes,
}

impl Kept {
    pub(super) fn new(state: &State, output: Option<&Placed>) -> Self {
        let columns = Columns::of(state);
        let time = |time: Option<i64>| time.map(|time| own(sortable(time))).unwrap_or_default();
        Self {
            state: write_state(state, output.map(|output| &output.stored)).into(),
            status: decimal(columns.status),
            version: decimal(state.version),
            due: time(columns.due),
            worker: columns.worker.as_ref().map(|worker| own(WorkerId::as_bytes(worker))).unwrap_or_default(),
            finished: time(columns.finished),
        }
    }
}
