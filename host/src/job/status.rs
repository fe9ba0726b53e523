//! A job's state in a word, as lists, scripts and people see it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a job is doing, in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Waiting to be started.
    Pending,
    /// An attempt runs.
    Running,
    /// Ended with an output.
    Completed,
    /// Ended without one.
    Failed,
    /// Stopped because somebody asked.
    Cancelled,
}

impl Status {
    /// All five.
    pub const ALL: [Self; 5] = [Self::Pending, Self::Running, Self::Completed, Self::Failed, Self::Cancelled];

    /// The name in lower case.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether nothing will change any more.
    #[must_use]
    pub fn is_finished(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl std::str::FromStr for Status {
    type Err = crate::error::Error;

    fn from_str(text: &str) -> crate::error::Result<Self> {
        let known = Self::ALL.into_iter().find(|status| status.as_str() == text);
        known.ok_or_else(|| {
            let all = Self::ALL.map(Self::as_str).join(", ");
            crate::error::Error::invalid("status", format!("{:?} is none of {all}", crate::id::shorten(text)))
        })
    }
}

/// How many jobs have which status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Those that wait for a worker, or for their time.
    pub pending: u64,
    /// Those that a worker has, dead or alive.
    pub running: u64,
    /// Those with an output.
    pub completed: u64,
    /// Those without one.
    pub failed: u64,
    /// Those that were stopped.
    pub cancelled: u64,
}

impl Counts {
    /// The count of one status.
    pub fn of(&mut self, status: Status) -> &mut u64 {
        match status {
            Status::Pending => &mut self.pending,
            Status::Running => &mut self.running,
            Status::Completed => &mut self.completed,
            Status::Failed => &mut self.failed,
            Status::Cancelled => &mut self.cancelled,
        }
    }
}
