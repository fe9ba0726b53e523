//! Whose turn it is, as keys have it: in the order in which due jobs are started.

use bytes::Bytes;

use super::keys;
use crate::id::{JobId, WorkerId};
use crate::time::Timestamp;

/// Bytes of a turn in a key.
pub(super) const LENGTH: usize = 4 + 8 + 16;

/// The turn of a job, as it stands in keys.
pub(super) fn turn(priority: i32, due: Timestamp, id: JobId) -> Vec<u8> {
    [&keys::inverted(priority)[..], &keys::sortable(due), id.as_bytes()].concat()
}

/// In the order in which due jobs are started.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Turn {
    bytes: [u8; LENGTH],
    pub(super) id: JobId,
    pub(super) due: Timestamp,
    /// As the index has it.
    pub(super) group: Bytes,
    /// Whose job it was, if that one is lost.
    pub(super) lost: Option<Lost>,
}

/// A worker that is not known to live.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Lost {
    pub(super) worker: WorkerId,
    /// What was under its key, if anything: as long as it is there, what the worker ran may be taken up.
    pub(super) seen: Option<Bytes>,
}

impl Turn {
    /// Reads the turn that a key ends with.
    pub(super) fn read(key: &[u8], group: Bytes) -> Option<Self> {
        let bytes = *key.last_chunk::<LENGTH>()?;
        let (_, rest) = bytes.split_first_chunk::<4>()?;
        let (due, id) = rest.split_first_chunk()?;
        let id = JobId::from_bytes(id.try_into().ok()?);
        Some(Self { bytes, id, due: keys::time(*due), group, lost: None })
    }

    /// The turn of a job that this worker ran.
    pub(super) fn of_lost(self, lost: Lost) -> Self {
        Self { lost: Some(lost), ..self }
    }

    /// As it stands in keys.
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The priority as it stands in keys.
    pub(super) fn priority(&self) -> &[u8] {
        &self.bytes[..4]
    }
}
