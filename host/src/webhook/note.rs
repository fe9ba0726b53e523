//! What is kept of a delivery. What becomes of it is decided in `turns.rs`.
//!
//! Two notes, one after the other: `webhook/due/ID` until it is over, `webhook/done/ID` from then on, until the job goes.

use serde::{Deserialize, Serialize};

use crate::id::{JobId, WorkerId};
use crate::time::Timestamp;

pub(super) const DUE: &str = "webhook/due/";
const DONE: &str = "webhook/done/";

/// The name of the note of a delivery that is not over.
pub(super) fn due(id: JobId) -> String {
    format!("{DUE}{id}")
}

/// The name of the note of one that is.
pub(super) fn done(id: JobId) -> String {
    format!("{DONE}{id}")
}

/// The job that a note is of whose delivery is not over.
pub(super) fn job(name: &str) -> Option<JobId> {
    name.strip_prefix(DUE)?.parse().ok()
}

/// A delivery that is not over: its job may not have finished yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Outstanding {
    pub(super) made: Timestamp,
    #[serde(default)]
    pub(super) attempts: u32,
    /// Why the last try failed.
    #[serde(default)]
    pub(super) error: Option<String>,
    /// When the first one began.
    #[serde(default)]
    pub(super) first: Option<Timestamp>,
    /// Not to be tried before this. `None`: at once, when the job has finished.
    #[serde(default)]
    pub(super) next: Option<Timestamp>,
    /// Who tried it last, or does now.
    #[serde(default)]
    pub(super) holder: Option<WorkerId>,
}

/// A delivery that is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Over {
    pub(super) attempts: u32,
    pub(super) error: Option<String>,
    pub(super) at: Timestamp,
    pub(super) delivered: bool,
}

impl Outstanding {
    pub(super) fn new(now: Timestamp) -> Self {
        Self { made: now, attempts: 0, error: None, first: None, next: None, holder: None }
    }

    /// What a note says. One that cannot be read is as one that nobody has tried yet: told twice is better than never.
    pub(super) fn read(bytes: &[u8]) -> Self {
        serde_json::from_slice(bytes).unwrap_or_else(|_| Self::new(Timestamp::from_micros(0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_000_000_000_000);

    #[test]
    fn what_was_written_is_read_and_what_cannot_be_is_new() {
        let note = Outstanding { next: Some(NOW), holder: Some(WorkerId::new(NOW)), ..Outstanding::new(NOW) };
        assert_eq!(Outstanding::read(&serde_json::to_vec(&note).unwrap()), note);
        assert_eq!(Outstanding::read(br#"{"made":"2026-01-01T00:00:00Z","later":1}"#).attempts, 0);
        for garbage in [&b""[..], b"{", b"[]", b"\xff"] {
            assert_eq!(Outstanding::read(garbage), Outstanding::new(Timestamp::from_micros(0)));
        }
        let id = JobId::from_bytes([7; 16]);
        assert_eq!((job(&due(id)), job(&done(id))), (Some(id), None));
    }
}
