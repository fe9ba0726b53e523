//! Adds a job: its row, its idempotency key and the tags it is found by.

use rusqlite::{Connection, OptionalExtension, params};

use super::payloads::Placed;
use super::row::job_id;
use super::schema;
use super::writer::{Applied, Work};
use crate::error::Error;
use crate::id::{JobId, WorkerId};
use crate::job::{Job, KeyHolds};
use crate::store::columns::{self, Columns, holds_code, signed, tags};
use crate::store::{Inserted, record};
use crate::time::Timestamp;

const ROW: &str =
    "INSERT INTO job (id, status, version, priority, due, worker, ttl, expires, key, spec, state, input, output,
    principal, bytes, lanes) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16) ON CONFLICT DO NOTHING";
const TAG: &str = "INSERT INTO tag (tag, id) VALUES (?1, ?2)";

/// Has the statements ready that most writers need first.
pub(super) fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    [ROW, TAG].iter().try_for_each(|sql| connection.prepare_cached(sql).map(drop))
}

/// A job in the form it is kept in.
#[derive(Debug)]
pub(super) struct Insertion {
    id: JobId,
    created: Timestamp,
    columns: Columns,
    priority: i32,
    ttl: Option<i64>,
    expires: Option<i64>,
    key: Option<(Vec<u8>, KeyHolds)>,
    spec: Vec<u8>,
    state: Vec<u8>,
    input: Placed,
    output: Option<Placed>,
    tags: Vec<Vec<u8>>,
    principal: Option<Vec<u8>>,
    bytes: i64,
    lanes: Vec<u8>,
}

impl Insertion {
    pub(super) fn new(job: &Job, input: Placed, output: Option<Placed>) -> Self {
        let (spec, state) = (&job.spec, &job.state);
        Self {
            id: spec.id,
            created: spec.created,
            columns: Columns::of(state),
            priority: spec.options.priority,
            ttl: columns::ttl(spec),
            expires: state.expires(spec).map(Timestamp::as_micros),
            key: spec.options.scoped_key().zip(spec.options.key.as_ref().map(|key| key.holds)),
            spec: record::write_spec(spec, input.stored()),
            state: record::write_state(state, output.as_ref().map(Placed::stored)),
            tags: tags(spec),
            principal: spec.options.principal.as_ref().map(|name| name.as_bytes().to_owned()),
            lanes: columns::lanes(spec),
            bytes: signed(spec.bytes() + output.as_ref().map_or(0, |output| output.stored().length)),
            input,
            output,
        }
    }

    /// The files of the payloads stay, or go with this value.
    fn keep(&mut self, keep: bool) {
        self.input.keep(keep);
        self.output.iter_mut().for_each(|output| output.keep(keep));
    }

    fn add(&self, connection: &Connection) -> Applied<Inserted> {
        let holder = self.holder(connection)?.filter(|holder| *holder != self.id);
        if let Some(holder) = holder {
            return Ok(Ok(Inserted::Existing(holder)));
        }
        if self.principal.is_some() {
            schema::count_tenants(connection)?;
        }
        if !self.add_row(connection)? {
            return Ok(Err(Error::Conflict(self.id)));
        }
        if let Some((name, holds)) = &self.key {
            let mut statement =
                connection.prepare_cached("INSERT OR REPLACE INTO key (name, holds, id) VALUES (?1, ?2, ?3)")?;
            statement.execute(params![name, holds_code(*holds), self.id.as_bytes()])?;
        }
        let mut statement = connection.prepare_cached(TAG)?;
        for tag in &self.tags {
            statement.execute(params![tag, self.id.as_bytes()])?;
        }
        Ok(Ok(Inserted::New))
    }

    /// The job that the key names, if it still does.
    fn holder(&self, connection: &Connection) -> rusqlite::Result<Option<JobId>> {
        let Some((name, _)) = &self.key else { return Ok(None) };
        let mut statement = connection.prepare_cached(
            "SELECT job.id, job.status, job.expires, key.holds FROM key JOIN job ON job.id = key.id WHERE key.name = ?1",
        )?;
        let row = statement.query_row([name], |row| {
            Ok((job_id(row, 0)?, row.get::<_, i64>(1)?, row.get::<_, Option<i64>>(2)?, row.get::<_, i64>(3)?))
        });
        let Some((holder, status, expires, holds)) = row.optional()? else { return Ok(None) };
        let let_go = holds == holds_code(KeyHolds::UntilFinished) && status >= 2;
        let expired = expires.is_some_and(|at| at <= self.created.as_micros());
        Ok((!let_go && !expired).then_some(holder))
    }

    fn add_row(&self, connection: &Connection) -> rusqlite::Result<bool> {
        let mut statement = connection.prepare_cached(ROW)?;
        let columns = &self.columns;
        let added = statement.execute(params![
            self.id.as_bytes(),
            columns.status,
            columns.version,
            self.priority,
            columns.due,
            columns.worker.as_ref().map(WorkerId::as_bytes),
            self.ttl,
            self.expires,
            self.key.as_ref().map(|(name, _)| name),
            self.spec,
            self.state,
            self.input.inline(),
            self.output.as_ref().and_then(Placed::inline),
            self.principal,
            self.bytes,
            self.lanes,
        ])?;
        Ok(added == 1)
    }
}

impl Work for Insertion {
    type Answer = Inserted;

    fn apply(&mut self, connection: &Connection) -> Applied<Inserted> {
        let answer = self.add(connection)?;
        self.keep(matches!(answer, Ok(Inserted::New)));
        Ok(answer)
    }

    fn undone(&mut self) {
        self.keep(false);
    }
}
