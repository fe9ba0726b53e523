//! A job: a spec that never changes and a state that changes only by the transitions of [`State`]. No IO, no clock.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::id::{Digest, JobId};
use crate::payload::Payload;
use crate::retry::Retry;
use crate::sandbox::Sandbox;
use crate::time::Timestamp;
use crate::trace::{TraceContext, TraceParent, TraceState};
use crate::webhook::WebhookUrl;

mod past;
mod state;
mod status;
mod summary;

pub use past::PastAttempt;
pub use state::{CancelRequest, Illegal, Owner, Phase, State};
pub use status::{Counts, Status};
pub use summary::{Size, Summary};

/// What was asked for. Written once.
#[derive(Clone, Debug, PartialEq)]
pub struct Spec {
    /// The job's name.
    pub id: JobId,
    /// When it was submitted.
    pub created: Timestamp,
    /// The code, resolved at submit: a retry runs the same.
    pub module: Digest,
    /// Which of its functions.
    pub function: String,
    /// What the function is given.
    pub input: Payload,
    /// Everything else about it.
    pub options: Options,
}

impl Spec {
    /// Bytes that are kept of it on behalf of its caller: its input and labels.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.input.len() + labels_bytes(&self.options.labels)
    }
}

/// Bytes of labels.
pub(crate) fn labels_bytes(labels: &BTreeMap<String, String>) -> u64 {
    labels.iter().map(|(name, value)| (name.len() + value.len()) as u64).sum()
}

/// How a job is to be run and kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Options {
    /// What each attempt may use and touch.
    pub sandbox: Sandbox,
    /// How often to try.
    pub retry: Retry,
    /// Not to be started before this.
    pub run_at: Timestamp,
    /// Higher ones are started first.
    pub priority: i32,
    /// How long it is kept after it finished; `None`: until it is removed.
    pub ttl: Option<Duration>,
    /// At most one job has it.
    pub key: Option<IdempotencyKey>,
    /// Who asked, as the host established it.
    pub principal: Option<String>,
    /// The caller's own notes.
    pub labels: BTreeMap<String, String>,
    /// What the caller called the module.
    pub module_name: Option<String>,
    /// Who is told that it has finished.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook: Option<WebhookUrl>,
    /// The trace it was submitted in, which its attempts are part of, whoever runs them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<TraceParent>,
    /// What goes on with that trace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_state: Option<TraceState>,
    /// The queue that it waits in; `None`: the one that is named `default`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<String>,
    /// Of the jobs of its queue that have the same, only so many run at one time as the queue says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency_key: Option<String>,
}

impl Options {
    /// Where in a trace it was submitted, if it was in one.
    #[must_use]
    pub fn trace_context(&self) -> Option<TraceContext> {
        self.trace.map(|parent| TraceContext { parent, state: self.trace_state.clone() })
    }

    /// The name of its key, apart from those of other principals: what a store keeps and compares.
    #[must_use]
    pub fn scoped_key(&self) -> Option<Vec<u8>> {
        let key = self.key.as_ref()?;
        // No text has this byte, so no name is another's.
        let whose = self.principal.iter().flat_map(|principal| [principal.as_bytes(), &[0xff]]).flatten();
        Some(whose.copied().chain(key.name.bytes()).collect())
    }
}

/// Makes a submit that is sent twice one job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdempotencyKey {
    /// Any text of 1 to 255 bytes.
    pub name: String,
    /// How long the key names the first job.
    pub holds: KeyHolds,
}

/// How long an idempotency key names its job.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyHolds {
    /// As long as the job is kept: a repeated submit answers with the finished job too.
    #[default]
    WhileKept,
    /// Until the job finishes: a submit after that is a new job.
    UntilFinished,
}

impl FromStr for KeyHolds {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "while-kept" => Ok(Self::WhileKept),
            "until-finished" => Ok(Self::UntilFinished),
            _ => Err(Error::invalid("key-holds", format!("{text:?} is neither while-kept nor until-finished"))),
        }
    }
}

impl fmt::Display for KeyHolds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::WhileKept => "while-kept",
            Self::UntilFinished => "until-finished",
        })
    }
}

/// A job: what was asked for, and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// What was asked for.
    pub spec: Spec,
    /// Where it stands.
    pub state: State,
}

impl Job {
    /// A job that nobody has started.
    #[must_use]
    pub fn new(spec: Spec) -> Self {
        let state = State::new(&spec);
        Self { spec, state }
    }

    /// Its output.
    ///
    /// # Errors
    /// Why there is none: `Failed`, `Cancelled`, or `Unfinished`.
    pub fn output(self) -> Result<Payload> {
        let (id, status) = (self.spec.id, self.state.status());
        match self.state.phase {
            Phase::Completed { output, .. } => Ok(output),
            Phase::Failed { failure, .. } => Err(Error::Failed(failure)),
            Phase::Cancelled { reason, .. } => Err(Error::Cancelled { id, reason }),
            Phase::Pending { .. } | Phase::Running { .. } => Err(Error::Unfinished { id, status }),
        }
    }
}
