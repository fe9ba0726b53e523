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
const WHATS: [&str; 31] = [
    "job",
    "module",
    "function",
    "input",
    "module name",
    "idempotency key",
    "label",
    "labels",
    "attempt",
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
    "queue",
    "concurrency key",
    "policy",
    "worker",
    "retry-on",
    "schedule",
    "name of a schedule",
    "jitter",
    "kind of failure",
    "backoff",
];
/// What a quota can be of.
const QUOTAS: [&str; 4] = ["running", "queued", "stored", "fuel_per_day"];

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
    quota: Quota,
    /// Seconds.
    retry_after: Option<u64>,
}

/// A quota that is used up. Older hosts do not say whose.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Quota {
    tenant: Option<String>,
    name: String,
    limit: u64,
}

/// The error that an answer is.
pub(super) fn error(answer: &Whole) -> Error {
    match serde_json::from_slice::<Problem>(&answer.bytes) {
        Ok(problem) if !problem.code.is_empty() => {
            Problem { retry_after: problem.retry_after.or(answer.retry_after), ..problem }.error()
        }
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
        let retry_after = Duration::from_secs(self.retry_after.unwrap_or(1));
        Some(match &*self.code {
            "not_found" => Error::NotFound { what: what()?, name: name(), nearest: self.nearest.clone() },
            "expired" => Error::Expired(self.job?),
            "invalid" => Error::Invalid { what: what()?, why: why() },
            "refused" => Error::Refused { why: why() },
            "module_refused" => Error::Module { code: self.rule.clone()?, why: why() },
            "busy" => Error::Busy { retry_after },
            "rate_limited" => Error::RateLimited { what: self.why.clone()?, retry_after },
            "quota" => {
                let name = QUOTAS.into_iter().find(|known| *known == self.quota.name)?;
                Error::Quota { tenant: self.quota.tenant.clone()?, name, limit: self.quota.limit, retry_after }
            }
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

#[cfg(test)]
mod tests {
    use hyper::StatusCode;

    use super::*;

    /// The error that this is, where the header says 3 seconds.
    fn told(status: StatusCode, text: &str) -> Error {
        let (kind, bytes) = ("application/problem+json".into(), text.to_owned().into());
        error(&Whole { status, kind, retry_after: Some(3), bytes })
    }

    #[test]
    fn how_long_to_wait_is_as_the_problem_says_else_as_the_header_does() {
        let busy = |text: &str| match told(StatusCode::SERVICE_UNAVAILABLE, text) {
            Error::Busy { retry_after } => retry_after.as_secs(),
            other => panic!("{other}"),
        };
        assert_eq!(busy(r#"{"code":"busy","retry_after":7}"#), 7);
        assert_eq!(busy(r#"{"code":"busy"}"#), 3);
        let of_a_stream: Problem = serde_json::from_str(r#"{"code":"busy","retry_after":7}"#).unwrap();
        assert!(matches!(of_a_stream.error(), Error::Busy { retry_after } if retry_after.as_secs() == 7));
    }

    #[test]
    fn a_quota_of_which_too_little_is_told_is_told_as_it_came() {
        let quota = |quota: &str| {
            told(StatusCode::TOO_MANY_REQUESTS, &format!(r#"{{"code":"quota","status":429,"quota":{quota}}}"#))
        };
        let known = quota(r#"{"tenant":"acme","name":"queued","limit":3}"#);
        assert!(matches!(&known, Error::Quota { tenant, name: "queued", limit: 3, .. } if tenant == "acme"), "{known}");
        for other in [r#"{"name":"queued","limit":3}"#, r#"{"tenant":"acme","name":"new","limit":3}"#] {
            assert!(matches!(quota(other), Error::Remote { status: 429, .. }), "{other}");
        }
    }
}
