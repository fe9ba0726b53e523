//! The row of a job: facts that its places in the indexes follow from, its two records, and payloads that are small.
//!
//! Facts have a seal of their own, so that a job whose records are damaged is taken out of the indexes like any other.

use std::collections::BTreeMap;

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::keys;
use super::payloads::Placed;
use super::tally::Tally;
use super::turn::turn;
use crate::id::{JobId, WorkerId};
use crate::job::{Job, KeyHolds, Spec, State};
use crate::store::codec::{Damage, Decoder, Encoder};
use crate::store::columns::{self, Columns, holds_code};
use crate::store::record::{Record, Stored, status_code, write_spec, write_state};
use crate::time::Timestamp;

const FACTS: u8 = 1;
/// The status of a job that was set aside because it is damaged.
pub(super) const ASIDE: i64 = 5;

/// A job as it is kept.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) facts: Facts,
    spec: Bytes,
    state: Bytes,
    pub(super) input: Bytes,
    pub(super) output: Bytes,
}

/// What indexes need to know of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Facts {
    pub(super) version: u64,
    pub(super) status: i64,
    priority: i32,
    /// When it falls due, or since when it runs.
    due: Option<Timestamp>,
    worker: Option<WorkerId>,
    group: Bytes,
    pub(super) principal: Option<String>,
    /// Bytes that are held against a quota, without its log.
    bytes: u64,
    tags: Vec<[u8; 16]>,
    /// Its idempotency key, shortened, and how long that holds.
    pub(super) key: Option<([u8; 32], i64)>,
    ttl: Option<i64>,
    expires: Option<Timestamp>,
    /// Payloads of it that are in pieces.
    pub(super) pieces: Vec<String>,
}

/// A row as it was read.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) id: JobId,
    pub(super) raw: Bytes,
    pub(super) row: Row,
}

impl Found {
    pub(super) fn read(id: JobId, raw: Bytes) -> Result<Self, Damage> {
        Row::read(raw.clone()).map(|row| Self { id, raw, row })
    }

    pub(super) fn record(&self) -> Result<Record, Damage> {
        self.row.record(self.id)
    }
}

impl Row {
    /// A new job.
    pub(super) fn of(job: &Job, input: &Placed, output: Option<&Placed>) -> Self {
        let facts = Facts::of(&job.spec, input);
        let row = Self {
            facts,
            spec: write_spec(&job.spec, &input.stored).into(),
            state: Bytes::new(),
            input: input.inline.clone(),
            output: Bytes::new(),
        };
        row.advanced(&job.state, output)
    }

    /// The same job in its next state.
    pub(super) fn advanced(&self, next: &State, output: Option<&Placed>) -> Self {
        let mut row = self.clone();
        row.facts.advance(next, output);
        row.state = write_state(next, output.map(|output| &output.stored)).into();
        row.output = output.map(|output| output.inline.clone()).unwrap_or_default();
        row
    }

    /// The same job where nothing takes or lists it.
    pub(super) fn aside(&self) -> Self {
        let mut row = self.clone();
        row.facts = Facts { status: ASIDE, due: None, worker: None, expires: None, ..row.facts };
        row
    }

    /// What the two records tell, if the facts say the same.
    pub(super) fn record(&self, id: JobId) -> Result<Record, Damage> {
        let record = Record::read(id, &self.spec, &self.state)?;
        let mut facts = Facts { priority: record.spec().options.priority, ..self.facts.clone() };
        facts.advance(record.state(), None);
        if facts == self.facts { Ok(record) } else { Err(Damage::new("its row contradicts its records")) }
    }

    pub(super) fn to_bytes(&self) -> Bytes {
        let facts = self.facts.to_bytes();
        let parts = [&facts[..], &self.spec, &self.state, &self.input, &self.output];
        let mut bytes = BytesMut::with_capacity(parts.iter().map(|part| part.len() + 4).sum());
        for part in parts {
            // Records and small payloads are far shorter.
            bytes.put_u32(u32::try_from(part.len()).unwrap_or(u32::MAX));
            bytes.put_slice(part);
        }
        bytes.freeze()
    }

    fn read(mut raw: Bytes) -> Result<Self, Damage> {
        let mut part = || {
            let length = raw.try_get_u32().ok().and_then(|length| usize::try_from(length).ok());
            let length = length.filter(|length| *length <= raw.len());
            length.map(|length| raw.split_to(length)).ok_or_else(|| Damage::new("its row is cut short"))
        };
        Ok(Self { facts: Facts::read(&part()?)?, spec: part()?, state: part()?, input: part()?, output: part()? })
    }

    /// The keys that this job is found by, and what is under them.
    pub(super) fn indexes(&self, id: JobId) -> BTreeMap<Bytes, Bytes> {
        let Facts { status, priority, due, worker, group, tags, expires, .. } = &self.facts;
        let (of, nothing) = (id.as_bytes().as_slice(), Bytes::new);
        let mut indexes = BTreeMap::new();
        if *status != ASIDE {
            indexes.insert(keys::key(keys::STATUS, &[&status_byte(*status), of]), nothing());
            indexes.extend(tags.iter().map(|tag| (keys::key(keys::TAG, &[tag, of]), nothing())));
        }
        if let Some(at) = expires {
            indexes.insert(keys::key(keys::EXPIRING, &[&keys::sortable(*at), of]), nothing());
        }
        match (due, worker) {
            (Some(due), Some(worker)) => {
                let turn = turn(*priority, *due, id);
                indexes.insert(keys::key(keys::RUNNING, &[worker.as_bytes(), &turn]), group.clone());
            }
            (Some(due), None) => {
                let turn = turn(*priority, *due, id);
                indexes.insert(keys::key(keys::WAITING, &[&turn]), group.clone());
                indexes.insert([&keys::group(group)[..], &turn].concat().into(), nothing());
            }
            (None, _) => {}
        }
        indexes
    }
}

/// A status code as keys have it.
pub(super) fn status_byte(status: i64) -> [u8; 1] {
    [status.to_be_bytes()[7]]
}

/// A property as keys have it.
pub(super) fn tag(tag: &[u8]) -> [u8; 16] {
    let whole = keys::short(tag);
    std::array::from_fn(|at| whole[at])
}

impl Facts {
    /// Those that never change; the others are of no state yet.
    fn of(spec: &Spec, input: &Placed) -> Self {
        let options = &spec.options;
        let holds = options.key.as_ref().map_or(KeyHolds::WhileKept, |key| key.holds);
        Self {
            version: 0,
            status: ASIDE,
            priority: options.priority,
            due: None,
            worker: None,
            group: columns::lanes(spec).into(),
            principal: options.principal.clone(),
            bytes: spec.bytes(),
            tags: columns::tags(spec).iter().map(|one| tag(one)).collect(),
            key: options.scoped_key().map(|key| (keys::short(&key), holds_code(holds))),
            ttl: columns::ttl(spec),
            expires: None,
            pieces: input.stored.file.clone().into_iter().collect(),
        }
    }

    fn advance(&mut self, next: &State, output: Option<&Placed>) {
        let columns = Columns::of(next);
        self.version = next.version;
        self.status = columns.status;
        self.due = columns.due.map(Timestamp::from_micros);
        self.worker = columns.worker;
        let end = columns.finished.zip(self.ttl).map(|(finished, ttl)| finished.saturating_add(ttl));
        self.expires = end.map(Timestamp::from_micros);
        if let Some(Stored { length, file, .. }) = output.map(|output| &output.stored) {
            self.bytes += length;
            self.pieces.extend(file.clone());
        }
    }

    pub(super) fn is_finished(&self) -> bool {
        self.status >= status_code(crate::job::Status::Completed)
    }

    /// Whether the idempotency key of this job still names it.
    pub(super) fn holds_key(&self, now: Timestamp) -> bool {
        let holds = self.key.map(|(_, holds)| holds);
        let let_go = holds == Some(holds_code(KeyHolds::UntilFinished)) && self.is_finished();
        !let_go && self.expires.is_none_or(|at| at > now)
    }

    /// Who runs it, if it runs.
    pub(super) fn runs_on(&self) -> Option<WorkerId> {
        self.worker
    }

    /// Its turn, if it waits or runs.
    pub(super) fn turn(&self, id: JobId) -> Option<super::turn::Turn> {
        super::turn::Turn::read(&turn(self.priority, self.due?, id), self.group.clone())
    }

    /// What it counts as.
    pub(super) fn tally(&self) -> Tally {
        Tally::of(self.status, self.bytes)
    }

    fn to_bytes(&self) -> Vec<u8> {
        let mut to = Encoder::new(FACTS);
        to.number(self.version);
        to.number(self.status.unsigned_abs());
        to.signed(self.priority.into());
        to.optional(self.due, |to, at| to.signed(at.as_micros()));
        to.optional(self.worker, |to, worker| to.raw(worker.as_bytes()));
        to.number(self.group.len() as u64);
        to.raw(&self.group);
        to.optional(self.principal.as_deref(), Encoder::text);
        to.number(self.bytes);
        to.number(self.tags.len() as u64);
        self.tags.iter().for_each(|tag| to.raw(tag));
        to.optional(self.key, |to, (key, holds)| {
            to.raw(&key);
            to.signed(holds);
        });
        to.optional(self.ttl, Encoder::signed);
        to.optional(self.expires, |to, at| to.signed(at.as_micros()));
        to.number(self.pieces.len() as u64);
        self.pieces.iter().for_each(|piece| to.text(piece));
        to.seal()
    }

    fn read(sealed: &[u8]) -> Result<Self, Damage> {
        let from = &mut Decoder::open(sealed, FACTS)?;
        let time = |from: &mut Decoder<'_>| from.signed().map(Timestamp::from_micros);
        let (version, status) = (from.number()?, from.narrow()?);
        let priority = i32::try_from(from.signed()?).map_err(|_| Damage::new("its priority is too large"))?;
        let due = from.optional(time)?;
        let worker = from.optional(|from| from.array().map(WorkerId::from_bytes))?;
        let length = from.narrow()?;
        let group = Bytes::copy_from_slice(from.raw(length)?);
        let principal = from.optional(|from| from.text().map(str::to_owned))?;
        let bytes = from.number()?;
        let tags = (0..from.number()?).map(|_| from.array()).collect::<Result<_, _>>()?;
        let key = from.optional(|from| Ok((from.array()?, from.signed()?)))?;
        let ttl = from.optional(Decoder::signed)?;
        let expires = from.optional(time)?;
        let pieces = (0..from.number()?).map(|_| from.text().map(str::to_owned)).collect::<Result<_, _>>()?;
        Ok(Self { version, status, priority, due, worker, group, principal, bytes, tags, key, ttl, expires, pieces })
    }
}
