//! A job without the bytes of its payloads: what a list, a status or metadata needs.

use serde::{Deserialize, Serialize};

use super::{CancelRequest, Job, Options, PastAttempt, Phase, Status};
use crate::attempt::{Progress, Timings, Usage};
use crate::failure::Failure;
use crate::id::{Digest, JobId, WorkerId};
use crate::payload::Payload;
use crate::time::Timestamp;

/// The size and media type of a payload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Size {
    /// Its media type.
    pub content_type: String,
    /// How many bytes.
    pub bytes: u64,
}

impl Size {
    /// The size of a payload.
    #[must_use]
    pub fn of(payload: &Payload) -> Self {
        Self { content_type: payload.content_type().to_owned(), bytes: payload.len() }
    }
}

/// Everything about a job but the bytes of its payloads: what a list, a status or metadata needs, at a fixed cost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// The job's name.
    pub id: JobId,
    /// What it is doing.
    pub status: Status,
    /// How many transitions there were, the first state included.
    pub version: u64,
    /// The code.
    pub module: Digest,
    /// Which of its functions.
    pub function: String,
    /// How it is run and kept.
    pub options: Options,
    /// The input's size.
    pub input: Size,
    /// When it was submitted.
    pub created: Timestamp,
    /// When its first attempt started.
    pub started: Option<Timestamp>,
    /// When it finished.
    pub finished: Option<Timestamp>,
    /// When it may be removed.
    pub expires: Option<Timestamp>,
    /// While pending: not to be started before this.
    pub run_at: Option<Timestamp>,
    /// How many attempts were started.
    pub attempt: u32,
    /// While running: who runs it.
    pub worker: Option<WorkerId>,
    /// While running: when this attempt started.
    #[serde(default)]
    pub attempt_started: Option<Timestamp>,
    /// The attempts that have ended, of a job that had several; of very many the latest.
    #[serde(default)]
    pub past: Vec<PastAttempt>,
    /// The latest progress.
    pub progress: Option<Progress>,
    /// That somebody asked to cancel it.
    pub cancel: Option<CancelRequest>,
    /// What its last attempt used.
    pub usage: Usage,
    /// The output's size, when it completed.
    pub output: Option<Size>,
    /// Why it failed, or why the attempt before this one did.
    pub failure: Option<Failure>,
    /// Why it was cancelled.
    pub cancelled: Option<String>,
}

impl Summary {
    /// How long it waited and ran. Never shorter than the truth: the times are those of the events themselves.
    #[must_use]
    pub fn timings(&self) -> Timings {
        let started = self.started;
        Timings {
            queued: started.map(|started| started.since(self.created)),
            duration: started.and_then(|started| self.finished.map(|finished| finished.since(started))),
        }
    }
}
impl Job {
    /// Everything about it but the bytes of its payloads.
    #[must_use]
    pub fn summary(&self) -> Summary {
        let (spec, state) = (&self.spec, &self.state);
        Summary {
            id: spec.id,
            status: state.status(),
            version: state.version,
            module: spec.module,
            function: spec.function.clone(),
            options: spec.options.clone(),
            input: Size::of(&spec.input),
            created: spec.created,
            started: state.started,
            finished: state.finished(),
            expires: state.expires(spec),
            run_at: if let Phase::Pending { run_at } = state.phase { Some(run_at) } else { None },
            attempt: state.attempt,
            worker: if let Phase::Running { worker, .. } = state.phase { Some(worker) } else { None },
            attempt_started: if let Phase::Running { since, .. } = state.phase { Some(since) } else { None },
            past: state.past.clone(),
            progress: state.progress.clone(),
            cancel: state.cancel.clone(),
            usage: state.usage.clone(),
            output: if let Phase::Completed { output, .. } = &state.phase { Some(Size::of(output)) } else { None },
            failure: match &state.phase {
                Phase::Failed { failure, .. } => Some(failure.clone()),
                Phase::Pending { .. } | Phase::Running { .. } => state.last_failure.clone(),
                Phase::Completed { .. } | Phase::Cancelled { .. } => None,
            },
            cancelled: if let Phase::Cancelled { reason, .. } = &state.phase { Some(reason.clone()) } else { None },
        }
    }
}
