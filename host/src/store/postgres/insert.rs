//! Adds jobs, many with one statement: their rows, idempotency keys and the tags they are found by.

use tokio_postgres::Row;
use uuid::Uuid;

use super::payloads::{Part, Placed};
use super::row::{column, job_uuid, worker_uuid};
use super::session::{Step, params};
use crate::error::{Error, Result};
use crate::id::JobId;
use crate::job::{Job, KeyHolds, Phase};
use crate::store::columns::{self, Columns, holds_code, signed, tags};
use crate::store::{Inserted, record};
use crate::time::Timestamp;

/// A job in the form it is kept in.
#[derive(Debug)]
pub(super) struct Insertion {
    pub(super) id: JobId,
    pub(super) key: Option<Vec<u8>>,
    created: i64,
    columns: Columns,
    priority: i32,
    ttl: Option<i64>,
    expires: Option<i64>,
    holds: KeyHolds,
    spec: Vec<u8>,
    state: Vec<u8>,
    input: Placed,
    output: Option<Placed>,
    tags: String,
    principal: Option<Vec<u8>>,
    bytes: i64,
    lanes: Vec<u8>,
}

impl Insertion {
    pub(super) fn new(job: &Job) -> Self {
        let (spec, state) = (&job.spec, &job.state);
        let input = Placed::new(&spec.input);
        let output = output(&state.phase);
        Self {
            id: spec.id,
            created: spec.created.as_micros(),
            columns: Columns::of(state),
            priority: spec.options.priority,
            ttl: columns::ttl(spec),
            expires: state.expires(spec).map(Timestamp::as_micros),
            key: spec.options.scoped_key(),
            holds: spec.options.key.as_ref().map_or(KeyHolds::WhileKept, |key| key.holds),
            spec: record::write_spec(spec, &input.stored),
            state: record::write_state(state, output.as_ref().map(|output| &output.stored)),
            tags: array(&tags(spec)),
            principal: spec.options.principal.as_ref().map(|name| name.as_bytes().to_owned()),
            lanes: columns::lanes(spec),
            bytes: signed(spec.bytes() + output.as_ref().map_or(0, |output| output.stored.length)),
            input,
            output,
        }
    }

    pub(super) fn is_large(&self) -> bool {
        self.input.is_large() || self.output.as_ref().is_some_and(Placed::is_large)
    }

    /// About how many bytes are sent.
    pub(super) fn weight(&self) -> usize {
        self.spec.len() + self.state.len() + self.input.length() + self.output.as_ref().map_or(0, Placed::length)
    }

    pub(super) fn chunks(&self) -> Vec<Step> {
        let mut steps = self.input.chunks(self.id, Part::Input);
        steps.extend(self.output.iter().flat_map(|output| output.chunks(self.id, Part::Output)));
        steps
    }
}

/// The output that a phase has.
pub(super) fn output(phase: &Phase) -> Option<Placed> {
    match phase {
        Phase::Completed { output, .. } => Some(Placed::new(output)),
        _ => None,
    }
}

/// An array of bytes as PostgreSQL writes it: an array of arrays of various lengths cannot be sent.
fn array(items: &[Vec<u8>]) -> String {
    let items: Vec<_> = items.iter().map(|item| format!("\"\\\\x{}\"", hex::encode(item))).collect();
    format!("{{{}}}", items.join(","))
}

/// A key is made and locked before it is looked whom it names: whoever holds the lock sees what the one before it has
/// committed, for each statement sees the commits before its own beginning.
const MAKE_KEYS: &str = "INSERT INTO key (name, id)
    SELECT name, id FROM unnest($1::bytea[], $2::uuid[]) AS n(name, id)
    WHERE NOT EXISTS (SELECT 1 FROM job WHERE job.id = n.id) ORDER BY name ON CONFLICT DO NOTHING";
const LOCK_KEYS: &str = "SELECT 1 FROM key WHERE name = ANY($1::bytea[]) ORDER BY name FOR UPDATE";

/// Whom a key names: its job, unless the key is free again.
macro_rules! holder {
    () => {
        "LEFT JOIN key k ON k.name = n.key
        LEFT JOIN job h ON h.id = k.id AND h.key = k.name AND h.id <> n.id
            AND NOT (h.holds = 1 AND h.status >= 2) AND (h.expires IS NULL OR h.expires > n.created)"
    };
}

/// `$or_not` is what to do with a row that is there already.
macro_rules! add {
    ($or_not:expr, $keys:expr, $($whose:tt)*) => {
        concat!(
            "WITH added AS (
        INSERT INTO job (id, status, version, priority, due, worker, ttl, expires, holds, bytes, principal, key, tags, spec,
            state, input, output, lanes)
        SELECT n.id, n.status, n.version, n.priority, n.due, n.worker, n.ttl, n.expires, n.holds, n.bytes, n.principal, n.key,
            n.tags::bytea[], n.spec, n.state, n.input, n.output, n.lanes
        FROM unnest($1::uuid[], $2::int2[], $3::int8[], $4::int4[], $5::int8[], $6::uuid[], $7::int8[], $8::int8[], $9::int2[],
            $10::int8[], $11::bytea[], $12::bytea[], $13::text[], $14::bytea[], $15::bytea[], $16::bytea[], $17::bytea[],
            $18::int8[], $19::bytea[])
            AS n(id, status, version, priority, due, worker, ttl, expires, holds, bytes, principal, key, tags, spec, state,
                input, output, created, lanes) ",
            $($whose)*,
            $or_not,
            " RETURNING id, key, tags
    ), ",
            $keys,
            "tagged AS (
        INSERT INTO tag (tag, id) SELECT unnest(tags), id FROM added",
            $or_not,
            "
    )
    SELECT id FROM added"
        )
    };
}

/// Adds those whose keys are free and whose ids are. One whose key is not there, because it was removed meanwhile, waits.
macro_rules! add_keyed {
    ($or_not:expr) => {
        add!(
            $or_not,
            "named AS (
        UPDATE key SET id = added.id FROM added WHERE key.name = added.key AND key.id <> added.id
    ), ",
            holder!(),
            " WHERE h.id IS NULL AND (n.key IS NULL OR k.name IS NOT NULL)"
        )
    };
}

/// With keys, and without: then nothing is looked up for each. Both as if no id were taken, which hardly any is, and with care, for
/// that costs half as much again: the first fail as a whole where one is.
const ADD: [[&str; 2]; 2] = [
    [add!("", "", " WHERE true"), add!(" ON CONFLICT DO NOTHING", "", " WHERE true")],
    [add_keyed!(""), add_keyed!(" ON CONFLICT DO NOTHING")],
];

/// Why jobs were not added: whom the key names, whether the id is taken, and whether by this very job.
const EXPLAIN: &str = concat!(
    "SELECT n.number, h.id, j.id IS NOT NULL, coalesce(j.spec = n.spec, false)
    FROM unnest($1::uuid[], $2::bytea[], $3::int8[], $4::bytea[]) WITH ORDINALITY AS n(id, key, created, spec, number) ",
    holder!(),
    " LEFT JOIN job j ON j.id = n.id"
);

/// What adds these, of which no two have an id or a key in common. The last step answers which were added; without `careful` all
/// fail when an id is taken.
pub(super) fn steps(jobs: &[&Insertion], careful: bool) -> Vec<Step> {
    let mut steps = Vec::new();
    // In the order of keys and ids, so that two hosts that insert the same do not wait for each other crosswise.
    let mut jobs = jobs.to_vec();
    jobs.sort_unstable_by(|one, other| (&one.key, one.id).cmp(&(&other.key, other.id)));
    let keyed: Vec<_> = jobs.iter().filter_map(|job| Some((job.key.clone()?, job_uuid(job.id)))).collect();
    let add_these = ADD[usize::from(!keyed.is_empty())][usize::from(careful)];
    if !keyed.is_empty() {
        let (names, ids): (Vec<_>, Vec<_>) = keyed.into_iter().unzip();
        steps.push(Step::bound(MAKE_KEYS, params![names.clone(), ids]));
        steps.push(Step::bound(LOCK_KEYS, params![names]));
    }
    macro_rules! all {
        (|$job:ident| $value:expr) => {
            jobs.iter().map(|$job| $value).collect::<Vec<_>>()
        };
    }
    let add = params![
        all!(|job| job_uuid(job.id)),
        all!(|job| narrow(job.columns.status)),
        all!(|job| job.columns.version),
        all!(|job| job.priority),
        all!(|job| job.columns.due),
        all!(|job| job.columns.worker.map(worker_uuid)),
        all!(|job| job.ttl),
        all!(|job| job.expires),
        all!(|job| narrow(holds_code(job.holds))),
        all!(|job| job.bytes),
        all!(|job| job.principal.clone()),
        all!(|job| job.key.clone()),
        all!(|job| job.tags.clone()),
        all!(|job| job.spec.clone()),
        all!(|job| job.state.clone()),
        all!(|job| job.input.inline()),
        all!(|job| job.output.as_ref().and_then(Placed::inline)),
        all!(|job| job.created),
        all!(|job| job.lanes.clone()),
    ];
    steps.push(Step::bound(add_these, add));
    steps
}

/// What says why these were not added, each by its number, from 1.
pub(super) fn explain(jobs: &[&Insertion]) -> Step {
    let ids: Vec<Uuid> = jobs.iter().map(|job| job_uuid(job.id)).collect();
    let keys: Vec<_> = jobs.iter().map(|job| job.key.clone()).collect();
    let created: Vec<_> = jobs.iter().map(|job| job.created).collect();
    let specs: Vec<_> = jobs.iter().map(|job| job.spec.clone()).collect();
    Step::bound(EXPLAIN, params![ids, keys, created, specs])
}

/// What the answer to that means; `None`: nothing is in the way any more.
pub(super) fn refusal(job: &Insertion, row: &Row, in_doubt: bool) -> Result<Option<Result<Inserted>>> {
    let (holder, taken, mine): (Option<Uuid>, bool, bool) = (column(row, 1)?, column(row, 2)?, column(row, 3)?);
    Ok(match (holder, taken) {
        (Some(holder), _) => Some(Ok(Inserted::Existing(JobId::from_bytes(holder.into_bytes())))),
        // It was added before the connection was lost on which that would have been told.
        (None, true) if in_doubt && mine => Some(Ok(Inserted::New)),
        (None, true) => Some(Err(Error::Conflict(job.id))),
        (None, false) => None,
    })
}

/// A code as its column has it.
pub(super) fn narrow(code: i64) -> i16 {
    i16::try_from(code).unwrap_or(i16::MAX)
}
