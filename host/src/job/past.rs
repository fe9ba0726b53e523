//! An attempt of a job that is over. No IO, no clock.

use serde::{Deserialize, Serialize};

use crate::failure::FailureKind;
use crate::id::WorkerId;
use crate::time::Timestamp;

/// An attempt that has ended: what is kept of it, so that it can be told how a job came to where it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PastAttempt {
    /// Which it was, from 1.
    pub number: u32,
    /// Who ran it.
    pub worker: WorkerId,
    /// When it started.
    pub started: Timestamp,
    /// When it ended; of a lost one, when that was noticed.
    pub ended: Timestamp,
    /// What sort of failure came of it; `None`: an output.
    pub failure: Option<FailureKind>,
}
