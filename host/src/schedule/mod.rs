//! Schedules: calls that are submitted again and again, at times that cron says.
//!
//! A schedule is a note of its store ([`keep`]), so that every host on it knows it, and its input a blob. All hosts that take everything
//! look for what is due ([`run`]) and submit it under one idempotency key for each time: of any number of hosts, one makes the job.

mod cron;
mod keep;
mod run;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::id::{JobId, ModuleName, shorten};
use crate::request::Request;
use crate::time::Timestamp;

pub use cron::Cron;
pub use keep::Schedules;
pub(crate) use run::begin;

/// A call that is submitted again and again.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Schedule {
    /// When.
    #[serde(flatten)]
    pub cron: Cron,
    /// What is submitted. Its idempotency key and its time are the schedule's to give; the module is looked up by its name each time.
    pub request: Request,
    /// What becomes of times that passed while nobody was there.
    #[serde(default)]
    pub missed: Missed,
    /// What becomes of a time at which the job before has not finished.
    #[serde(default)]
    pub overlap: Overlap,
}

/// What becomes of times that passed while no host was there to see them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Missed {
    /// Of all of them the last is made up for.
    #[default]
    Last,
    /// None is.
    Skip,
}

/// What becomes of a time at which the job of the time before has not finished.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Overlap {
    /// A job of it is submitted all the same.
    #[default]
    Allow,
    /// It is passed over.
    Skip,
}

/// A schedule as it stands.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ScheduleInfo {
    /// Whose it is; `None`: of no tenant.
    #[serde(default)]
    pub tenant: Option<String>,
    /// What it is called; each tenant has names of its own.
    pub name: ScheduleName,
    /// What is submitted, and when. The input is not part of it where it was read from a list.
    #[serde(flatten)]
    pub schedule: Schedule,
    /// Since when it is as it is; no time before that counts.
    pub since: Timestamp,
    /// Whether nothing is submitted for now.
    pub paused: bool,
    /// What became of the last time that it was due.
    pub last: Option<Firing>,
    /// When it is due next; `None` while it is paused.
    pub next: Option<Timestamp>,
    /// Why the time that is due has no job yet; it is tried again.
    pub trouble: Option<String>,
}

/// What became of a time at which a schedule was due.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Firing {
    /// The time.
    pub at: Timestamp,
    /// The job that was submitted.
    pub job: Option<JobId>,
    /// Why there is none.
    pub skipped: Option<String>,
}

macro_rules! words {
    ($name:ident, $what:literal, $($word:literal => $variant:ident),+) => {
        impl FromStr for $name {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self> {
                match text {
                    $($word => Ok(Self::$variant),)+
                    _ => {
                        let words = [$($word),+].join(" nor ");
                        Err(Error::invalid($what, format!("{:?} is neither {words}", shorten(text))))
                    }
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self {
                    $(Self::$variant => $word),+
                })
            }
        }
    };
}

words!(Missed, "missed", "last" => Last, "skip" => Skip);
words!(Overlap, "overlap", "allow" => Allow, "skip" => Skip);

/// What a schedule is called: as the name of a module, 1 to 64 of `a-z 0-9 . _ -`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ScheduleName(String);

impl ScheduleName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ScheduleName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text.parse::<ModuleName>() {
            Ok(name) => Ok(Self(name.into())),
            Err(Error::Invalid { why, .. }) => Err(Error::invalid("name of a schedule", why)),
            Err(error) => Err(error),
        }
    }
}

impl TryFrom<String> for ScheduleName {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<ScheduleName> for String {
    fn from(name: ScheduleName) -> Self {
        name.0
    }
}

impl fmt::Display for ScheduleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for ScheduleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
