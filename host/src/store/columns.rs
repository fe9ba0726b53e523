//! What a store keeps in columns or indexes of its own beside the two records of a job, so that it finds the job by it.

use crate::id::WorkerId;
use crate::job::{KeyHolds, Phase, Spec, State};
use crate::lanes::{DEFAULT_QUEUE, Group};
use crate::time::Timestamp;

use super::{Filter, record};

/// What is written beside a state, for the indexes.
#[derive(Debug)]
pub(in crate::store) struct Columns {
    pub(in crate::store) status: i64,
    pub(in crate::store) version: i64,
    pub(in crate::store) due: Option<i64>,
    pub(in crate::store) worker: Option<WorkerId>,
    pub(in crate::store) finished: Option<i64>,
}

impl Columns {
    pub(in crate::store) fn of(state: &State) -> Self {
        let (due, worker) = match state.phase {
            Phase::Pending { run_at } => (Some(run_at.as_micros()), None),
            Phase::Running { worker, since } => (Some(since.as_micros()), Some(worker)),
            _ => (None, None),
        };
        let version = i64::try_from(state.version).unwrap_or(i64::MAX);
        let finished = state.finished().map(Timestamp::as_micros);
        Self { status: record::status_code(state.status()), version, due, worker, finished }
    }
}

/// A count as a database has it.
pub(in crate::store) fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// How [`KeyHolds`] is written in a row. Never renumbered.
pub(in crate::store) fn holds_code(holds: KeyHolds) -> i64 {
    match holds {
        KeyHolds::WhileKept => 0,
        KeyHolds::UntilFinished => 1,
    }
}

/// The time to live of a job in microseconds, as far as a database can count.
pub(in crate::store) fn ttl(spec: &Spec) -> Option<i64> {
    spec.options.ttl.map(|ttl| i64::try_from(ttl.as_micros()).unwrap_or(i64::MAX))
}

/// The group that takes find a job by.
pub(in crate::store) fn lanes(spec: &Spec) -> Vec<u8> {
    Group::of(spec).to_bytes()
}

/// What lists find a job by.
pub(in crate::store) fn tags(spec: &Spec) -> Vec<Vec<u8>> {
    let principal = spec.options.principal.iter().map(|principal| Tag::Principal(principal));
    let queue = spec.options.queue.iter().map(|queue| Tag::Queue(queue));
    let labels = spec.options.labels.iter().map(|(name, value)| Tag::Label(name, value));
    std::iter::once(Tag::Function(&spec.function)).chain(queue).chain(principal).chain(labels).map(Tag::bytes).collect()
}

/// A property that lists can ask for.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) enum Tag<'a> {
    Function(&'a str),
    /// Not the default one, in which most jobs may be.
    Queue(&'a str),
    Principal(&'a str),
    Label(&'a str, &'a str),
}

impl<'a> Tag<'a> {
    /// The property in a filter that lets the fewest pass, as far as one can guess.
    pub(in crate::store) fn narrowest(filter: &'a Filter) -> Option<Self> {
        let label = filter.labels.first().map(|(name, value)| Self::Label(name, value));
        let principal = filter.principal.as_deref().map(Self::Principal);
        let queue = filter.queue.as_deref().filter(|queue| *queue != DEFAULT_QUEUE).map(Self::Queue);
        label.or(principal).or(queue).or(filter.function.as_deref().map(Self::Function))
    }

    /// How it is written in the index. No two are written alike.
    pub(in crate::store) fn bytes(self) -> Vec<u8> {
        match self {
            Self::Function(function) => [b"f", function.as_bytes()].concat(),
            Self::Queue(queue) => [b"q", queue.as_bytes()].concat(),
            Self::Principal(principal) => [b"p", principal.as_bytes()].concat(),
            Self::Label(name, value) => {
                let length = (name.len() as u64).to_le_bytes();
                [b"l".as_slice(), &length, name.as_bytes(), value.as_bytes()].concat()
            }
        }
    }
}
