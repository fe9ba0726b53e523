//! What can be asked of the one who writes, what it answers, and what it does for each kind.

use super::advance::Advance;
use super::insert::Insertion;
use super::log::Append;
use super::row::job_uuid;
use super::session::{Step, params};
use crate::id::JobId;
use crate::store::{Inserted, Note};

/// A change to the database.
#[derive(Debug)]
pub(super) enum Operation {
    Insert(Box<Insertion>),
    Advance(Box<Advance>),
    Append(Append),
    Remove(Vec<JobId>),
    PutNote(Note),
    RemoveNote(String),
    /// A damaged record, so that taking and listing do not meet it again.
    SetAside(JobId),
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Done,
    Inserted(Inserted),
    /// So many were there.
    Counted(u64),
}

/// What an operation must not share with another of the same round, for one statement would do both.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) enum Name {
    Job(JobId),
    Key(Vec<u8>),
    Note(String),
}

/// The status of a record that was found damaged: no index that work is taken from has it.
const DAMAGED: i16 = 5;

const REMOVE: &str = "WITH gone AS (DELETE FROM job WHERE id = ANY($1::uuid[]) RETURNING id, key, tags),
    keys AS (DELETE FROM key USING gone WHERE key.name = gone.key AND key.id = gone.id),
    tags AS (DELETE FROM tag USING (SELECT unnest(tags) AS tag, id FROM gone) old WHERE tag.tag = old.tag AND tag.id = old.id)
    SELECT count(*) FROM gone";
/// By statements of their own: only these see what was written to a log while the row of its job was waited for.
const REMOVE_LOGS: &str = "DELETE FROM log WHERE id = ANY($1::uuid[])";
const REMOVE_CHUNKS: &str = "DELETE FROM chunk WHERE id = ANY($1::uuid[])";

impl Operation {
    pub(super) fn names(&self) -> Vec<Name> {
        match self {
            Self::Insert(job) => job.key.clone().map(Name::Key).into_iter().chain([Name::Job(job.id)]).collect(),
            Self::Advance(next) => vec![Name::Job(next.id)],
            Self::Append(append) => vec![Name::Job(append.id)],
            Self::Remove(ids) => ids.iter().copied().map(Name::Job).collect(),
            Self::PutNote(note) => vec![Name::Note(note.name.clone())],
            Self::RemoveNote(name) => vec![Name::Note(name.clone())],
            Self::SetAside(id) => vec![Name::Job(*id)],
        }
    }

    /// The jobs that it may change.
    pub(super) fn jobs(&self) -> Vec<JobId> {
        self.names().into_iter().filter_map(|name| if let Name::Job(id) = name { Some(id) } else { None }).collect()
    }

    /// About how many bytes are sent.
    pub(super) fn weight(&self) -> usize {
        match self {
            Self::Insert(job) => job.weight(),
            Self::Advance(next) => next.weight(),
            Self::Append(append) => append.weight(),
            Self::PutNote(note) => note.bytes.len(),
            Self::Remove(ids) => ids.len() * 16,
            Self::RemoveNote(_) | Self::SetAside(_) => 64,
        }
    }

    pub(super) fn is_large(&self) -> bool {
        match self {
            Self::Insert(job) => job.is_large(),
            Self::Advance(next) => next.is_large(),
            _ => false,
        }
    }

    /// What writes the rest of its payloads, once it is known to be accepted.
    pub(super) fn chunks(&self) -> Vec<Step> {
        match self {
            Self::Insert(job) => job.chunks(),
            Self::Advance(next) => next.chunks(),
            _ => Vec::new(),
        }
    }

    /// Whether it may be done again when nobody knows whether it was done. An insert that finds its own job is done, and so is
    /// an advance that finds its own state, for both are told by their bytes; a note may be put twice as well as once, and a
    /// record set aside. A log would have lines twice, and what was removed twice would not be counted.
    pub(super) fn may_be_repeated(&self) -> bool {
        matches!(self, Self::Insert(_) | Self::Advance(_) | Self::PutNote(_) | Self::SetAside(_))
    }

    /// What does one of a kind that is not done many at a time. The first step answers how many there were.
    pub(super) fn alone(&self) -> Vec<Step> {
        match self {
            Self::Remove(ids) => {
                let ids: Vec<_> = ids.iter().copied().map(job_uuid).collect();
                let with = |sql| Step::bound(sql, params![ids.clone()]);
                vec![with(REMOVE), with(REMOVE_LOGS), with(REMOVE_CHUNKS)]
            }
            Self::PutNote(note) => vec![Step::bound(
                "INSERT INTO note (name, bytes) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET bytes = excluded.bytes",
                params![note.name.as_bytes().to_vec(), note.bytes.clone()],
            )],
            Self::RemoveNote(name) => vec![Step::bound(
                "WITH gone AS (DELETE FROM note WHERE name = $1 RETURNING name) SELECT count(*) FROM gone",
                params![name.as_bytes().to_vec()],
            )],
            Self::SetAside(id) => vec![Step::bound(
                "UPDATE job SET status = $2, expires = NULL WHERE id = $1",
                params![job_uuid(*id), DAMAGED],
            )],
            Self::Insert(_) | Self::Advance(_) | Self::Append(_) => Vec::new(),
        }
    }
}
