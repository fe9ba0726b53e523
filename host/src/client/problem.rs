//! From a problem document (RFC 9457) back to the error that the host had. What it does not know it tells as it is.

use serde::Deserialize;
use std::time::Duration;

use super::exchange::Whole;
use crate::error::{Error, Misuse};
use crate::failure::{Failure, clean};
use crate::id::JobId;
use crate::job::Status;

/// Of what is no problem document, this much is told.
const SHOWN: usize = 200;
/// What an error can be about: the words that errors of hosts have.
const WHATS: [&str; 20] = [
    "job",
    "module",
    "function",
    "input",
    "module name",
    "idempotency key",
    "label",
    "labels",
    "attempts",
    "priority",
    "limit",
    "digest",
    "job id",
    "status",
    "time",
    "payload",
    "principal",
    "call",
    "event id",
    "content type",
];

/// A problem, as far as it matters.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Problem {
    code: String,
    title: String,
    detail: String,
    status: u16,
    job: Option<JobId>,
    failure: Option<Failure>,
    rule: Option<String>,
    nearest: Option<String>,
    what: Option<String>,
    name: Option<String>,
    why: Option<String>,
}

/// The error that an answer is.
pub(super) fn error(answer: &Whole) -> Error {
    match serde_json::from_slice::<Problem>(&answer.bytes) {
        Ok(problem) if !problem.code.is_empty() => problem.error(),
        _ => Error::Remote {
            code: String::new(),
            status: answer.status.as_u16(),
            title: format!("this is no answer of an au-host ({})", answer.status),
            detail: clean(String::from_utf8_lossy(&answer.bytes).trim(), SHOWN),
        },
    }
}

impl Problem {
    pub(super) fn error(self) -> Error {
        self.known().unwrap_or_else(|| Error::Remote {
            code: clean(&self.code, SHOWN),
            status: self.status,
            title: clean(&self.title, SHOWN),
            detail: clean(&self.detail, 4096),
        })
    }

    fn known(&self) -> Option<Error> {
        let why = || self.why.clone().unwrap_or_else(|| self.detail.clone());
        let what = || WHATS.into_iter().find(|known| Some(*known) == self.what.as_deref());
        let name = || self.name.clone().unwrap_or_default();
        Some(match &*self.code {
            "not_found" => Error::NotFound { what: what()?, name: name(), nearest: self.nearest.clone() },
            "expired" => Error::Expired(self.job?),
            "invalid" => Error::Invalid { what: what()?, why: why() },
            "refused" => Error::Refused { why: why() },
            "module_refused" => Error::Module { code: self.rule.clone()?, why: why() },
            "busy" => Error::Busy { retry_after: Duration::from_secs(1) },
            "conflict" => Error::Conflict(self.job?),
            "finished" => Error::Finished(self.job?),
            "failed" | "timed_out" => Error::Failed(self.failure.clone()?),
            "cancelled" => Error::Cancelled { id: self.job?, reason: why() },
            "key_taken" => Error::KeyTaken { name: name(), job: self.job? },
            "unfinished" => Error::Unfinished { id: self.job?, status: self.why.as_ref()?.parse::<Status>().ok()? },
            "shutting_down" => Error::ShuttingDown,
            "storage_full" => Error::StorageFull { why: why() },
            code => {
                let misuse = Misuse::ALL.into_iter().find(|misuse| misuse.class().code == code)?;
                Error::Request { misuse, why: self.detail.clone() }
            }
        })
    }
}
