//! One run of a job, or of a call: what a backend is given and what it gives back. Plain data.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::failure::Failure;
use crate::id::{Digest, JobId};
use crate::payload::Payload;
use crate::sandbox::Sandbox;
use crate::time::Timestamp;

/// An output, or the reason why there is none.
pub type Outcome = std::result::Result<Payload, Failure>;

/// What to run.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// The job; a call has an id too, which nothing keeps.
    pub job: JobId,
    /// 1 for the first attempt of a job.
    pub number: u32,
    /// The code.
    pub module: Digest,
    /// Which of its functions.
    pub function: String,
    /// What the function is given.
    pub input: Payload,
    /// What it may use and touch.
    pub sandbox: Sandbox,
    /// The labels of its job, or call.
    pub labels: BTreeMap<String, String>,
    /// What its module was called by whoever asked; told where attempts are sent to backends by it
    /// ([`Builder::routed`](crate::Builder::routed)).
    pub module_name: Option<String>,
    /// How many hosts have handed it on to the next; 0 on the host that has its job.
    pub hops: u8,
}

/// What came of an attempt.
#[derive(Clone, Debug)]
pub struct Report {
    /// The output, or why there is none.
    pub outcome: Outcome,
    /// What the attempt used.
    pub usage: Usage,
}

impl Report {
    /// Of an attempt that has no output, and used nothing that is known of.
    #[must_use]
    pub fn failed(failure: Failure) -> Self {
        Self { outcome: Err(failure), usage: Usage::default() }
    }
}

/// What an attempt used, as far as its backend can tell.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Units of fuel, when it was metered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fuel: Option<u64>,
    /// The most bytes of linear memory at one time, summed over its memories.
    #[serde(default)]
    pub peak_memory: u64,
    /// Log lines that were dropped because the log was full.
    #[serde(default)]
    pub log_dropped: u64,
}

/// How far a job says it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// From 0.0 to 1.0.
    pub done: f32,
    /// What the guest says it is doing; at most [`NOTE_LIMIT`] bytes.
    pub note: String,
}

/// Longest progress note that is kept, in bytes.
pub const NOTE_LIMIT: usize = 256;

impl Progress {
    /// Progress with `done` held between 0 and 1 and the note cut and cleaned: a guest may send anything.
    #[must_use]
    pub fn new(done: f32, note: &str) -> Self {
        let done = if done.is_nan() { 0.0 } else { done.clamp(0.0, 1.0) };
        Self { done, note: crate::failure::clean(note, NOTE_LIMIT) }
    }
}

/// How much a log line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// For following every step.
    Trace,
    /// For finding a fault.
    Debug,
    /// What happened.
    Info,
    /// What may be wrong.
    Warn,
    /// What is wrong.
    Error,
}

impl Level {
    /// The name in lower case.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

/// One line of a job's log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogEntry {
    /// When the host took it.
    pub at: Timestamp,
    /// The attempt it is from.
    pub attempt: u32,
    /// How much it matters.
    pub level: Level,
    /// The line. Control characters are kept as the guest wrote them: escape them before a terminal sees them.
    pub message: String,
}

/// Receives what an attempt says while it runs. Must return at once: a guest waits for it.
pub trait Events: std::fmt::Debug + Send + Sync {
    /// A log line, already within the attempt's limits.
    fn log(&self, level: Level, message: String);
    /// The latest progress.
    fn progress(&self, progress: Progress);
}

/// Hears nothing: for calls that nobody follows.
#[derive(Clone, Copy, Debug)]
pub struct Silent;

impl Events for Silent {
    fn log(&self, _level: Level, _message: String) {}

    fn progress(&self, _progress: Progress) {}
}

/// How long ago a job began, ended and waited, as true times.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timings {
    /// From submit to the first start.
    pub queued: Option<Duration>,
    /// From the first start to the end, retries and the time between them included.
    pub duration: Option<Duration>,
}
