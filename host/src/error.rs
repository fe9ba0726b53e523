//! What the host could not do, sorted by what the caller can do about it. The one table of codes, statuses and exit codes.
//!
//! What a guest did wrong is a [`Failure`]: data, kept with the job.

use std::time::Duration;

use crate::failure::{Failure, FailureKind};
use crate::id::JobId;
use crate::job::Status;

/// What went wrong below this level.
pub(crate) type Source = Box<dyn std::error::Error + Send + Sync>;
/// What every fallible function of this crate returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a host elsewhere is as good as away for this one, whoever may reach it: it does not let it in.
#[derive(Debug, thiserror::Error)]
#[error(
    "it does not let this host in ({0}); AU_BACKEND_TOKEN, or token in [backends.NAME] of au-host.toml, must be a token of it with the scope work"
)]
#[cfg_attr(not(feature = "remote"), allow(dead_code, reason = "only backends elsewhere let somebody in or not"))]
pub(crate) struct ShutOut(pub(crate) String);

/// Why the host did not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no such thing, and there may never have been one.
    #[error("no {what} {name}{}", near(.nearest.as_deref()))]
    NotFound {
        /// What was looked for: "job", "module", "function".
        what: &'static str,
        /// Under which name.
        name: String,
        /// A name that exists and looks like it.
        nearest: Option<String>,
    },
    /// The job was here; its time to live ran out.
    #[error("job {0} has expired")]
    Expired(JobId),
    /// What was given cannot be used.
    #[error("{what} is not valid: {why}")]
    Invalid {
        /// What was given.
        what: &'static str,
        /// Why it cannot be used.
        why: String,
    },
    /// Understood, and not allowed here.
    #[error("refused: {why}")]
    Refused {
        /// The rule that says no.
        why: String,
    },
    /// The module cannot be taken in.
    #[error("module refused ({code}): {why}")]
    Module {
        /// The rule it broke, stable: `module_invalid`, `precompiled_refused`, `limit:functions`, …
        code: String,
        /// What about it.
        why: String,
    },
    /// Too much at once; later will do.
    #[error("busy, try again in {}", humantime::format_duration(*.retry_after))]
    Busy {
        /// A good time to wait first.
        retry_after: Duration,
    },
    /// Somebody else changed the job first.
    #[error("job {0} changed since it was read")]
    Conflict(JobId),
    /// The job has finished, so it cannot be cancelled, and cannot finish again.
    #[error("job {0} has already finished")]
    Finished(JobId),
    /// The wait ended before the job did. The job goes on.
    #[error("job {id} is not finished after {}; it goes on", humantime::format_duration(*.waited))]
    WaitTimedOut {
        /// The job.
        id: JobId,
        /// How long was waited.
        waited: Duration,
    },
    /// The job failed: there is no result, and this is why.
    #[error("{0}")]
    Failed(Failure),
    /// The job was cancelled: there is no result.
    #[error("job {id} was cancelled: {reason}")]
    Cancelled {
        /// The job.
        id: JobId,
        /// What the canceller said.
        reason: String,
    },
    /// The idempotency key names another call's job already. Nothing was kept.
    #[error("idempotency key {name} names job {job}, which is another call")]
    KeyTaken {
        /// The key.
        name: String,
        /// The job it names.
        job: JobId,
    },
    /// The job has not finished: it has no output yet, and cannot be removed.
    #[error("job {id} is {status}, and has not finished")]
    Unfinished {
        /// The job.
        id: JobId,
        /// Where it stands.
        status: Status,
    },
    /// A request that came over the network cannot be served as it is.
    #[error("{why}")]
    Request {
        /// What sort of mistake.
        misuse: Misuse,
        /// What exactly.
        why: String,
    },
    /// More was asked than may be asked within a time.
    #[error("{what}; try again in {}", humantime::format_duration(*.retry_after))]
    RateLimited {
        /// What was too much of what.
        what: String,
        /// A good time to wait first.
        retry_after: Duration,
    },
    /// A tenant has used up what it may have.
    #[error("tenant {tenant} has used up its quota: {name} = {limit}")]
    Quota {
        /// Whose it is.
        tenant: String,
        /// Which one, as it is named in [`Quota`](crate::Quota) and in `[quota]`.
        name: &'static str,
        /// How much it is.
        limit: u64,
        /// When there may be some of it again.
        retry_after: Duration,
    },
    /// The host is going down and takes nothing new.
    #[error("the host is shutting down")]
    ShuttingDown,
    /// No room is left where jobs are kept. Nothing was kept of what was asked.
    #[error("storage is full: {why}")]
    StorageFull {
        /// What could not be written.
        why: String,
    },
    /// The part is not in this build.
    #[error("{part} is not built in (cargo feature `{feature}`)")]
    Missing {
        /// What was asked for.
        part: String,
        /// The cargo feature that has it.
        feature: &'static str,
    },
    /// A kept record cannot be read. Others can.
    #[error("{what} is damaged: {why}")]
    Corrupt {
        /// Which record.
        what: String,
        /// What is wrong with it.
        why: String,
    },
    /// A host elsewhere did not answer. What was asked may have been done or not, unless it only asked.
    #[error("{url} cannot be reached")]
    Unreachable {
        /// Where it should be.
        url: String,
        /// What became of the connection.
        #[source]
        source: Source,
    },
    /// A host elsewhere answered with an error that this version does not know.
    #[error("{title}: {detail}")]
    Remote {
        /// Its stable code; empty when it gave none.
        code: String,
        /// Its HTTP status.
        status: u16,
        /// What it is called.
        title: String,
        /// What exactly.
        detail: String,
    },
    /// Something the host stands on failed: a disk, a process, a library.
    #[error("{part} failed")]
    Fault {
        /// Which part.
        part: &'static str,
        /// What it said.
        #[source]
        source: Source,
    },
}

fn near(nearest: Option<&str>) -> String {
    nearest.map(|name| format!("; did you mean {name}?")).unwrap_or_default()
}

/// How a status that is in no table is sorted.
fn exit(status: u16) -> u8 {
    match status {
        400 | 405 => 2,
        404 | 410 => 3,
        401 | 403 | 413 | 415 => 4,
        _ => 5,
    }
}

impl Error {
    /// `Invalid`, of what and why.
    pub fn invalid(what: &'static str, why: impl Into<String>) -> Self {
        Self::Invalid { what, why: why.into() }
    }

    /// `NotFound`, of what and which, with no suggestion.
    pub fn not_found(what: &'static str, name: impl ToString) -> Self {
        Self::NotFound { what, name: name.to_string(), nearest: None }
    }

    /// `Refused`, and why.
    pub fn refused(why: impl Into<String>) -> Self {
        Self::Refused { why: why.into() }
    }

    /// `Request`, of what sort and what exactly.
    pub fn request(misuse: Misuse, why: impl Into<String>) -> Self {
        Self::Request { misuse, why: why.into() }
    }

    /// `Fault` of a part.
    pub fn fault(part: &'static str, source: impl Into<Source>) -> Self {
        Self::Fault { part, source: source.into() }
    }

    /// The row of the table this error is sorted under.
    #[must_use]
    pub fn class(&self) -> Class {
        match self {
            Self::NotFound { .. } => Class::new("not_found", 404, 3),
            Self::Expired(_) => Class::new("expired", 410, 3),
            Self::Invalid { .. } => Class::new("invalid", 400, 2),
            Self::Refused { .. } => Class::new("refused", 403, 4),
            Self::Module { code, .. } if matches!(&**code, "precompiled_refused" | "text_refused") => {
                Class::new("module_refused", 415, 4)
            }
            Self::Module { .. } => Class::new("module_refused", 422, 4),
            Self::Busy { .. } => Class::new("busy", 503, 5),
            Self::Conflict(_) => Class::new("conflict", 409, 5),
            Self::Finished(_) => Class::new("finished", 409, 4),
            Self::WaitTimedOut { .. } => Class::new("wait_timed_out", 408, 124),
            Self::Failed(failure) if failure.kind == FailureKind::TimedOut => Class::new("timed_out", 422, 124),
            Self::Failed(_) => Class::new("failed", 422, 1),
            Self::Cancelled { .. } => Class::new("cancelled", 409, 130),
            Self::KeyTaken { .. } => Class::new("key_taken", 409, 4),
            Self::Unfinished { .. } => Class::new("unfinished", 409, 5),
            Self::Request { misuse, .. } => misuse.class(),
            Self::RateLimited { .. } => Class::new("rate_limited", 429, 5),
            Self::Quota { .. } => Class::new("quota", 429, 4),
            Self::ShuttingDown => Class::new("shutting_down", 503, 5),
            Self::StorageFull { .. } => Class::new("storage_full", 507, 5),
            Self::Missing { .. } => Class::new("not_built_in", 501, 2),
            Self::Corrupt { .. } => Class::new("corrupt", 500, 5),
            Self::Unreachable { .. } => Class::new("unreachable", 502, 5),
            Self::Remote { status, .. } => Class::new("remote", 502, exit(*status)),
            Self::Fault { .. } => Class::new("fault", 500, 5),
        }
    }

    /// This error and all it rests on, outermost first, in one line.
    #[must_use]
    pub fn chain(&self) -> String {
        chain(self)
    }
}

/// An error and all it rests on, outermost first, in one line.
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text.push_str(": ");
        text.push_str(&source.to_string());
        next = source.source();
    }
    text
}

/// How a request that came over the network is wrong, before the host is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Misuse {
    /// It is not as HTTP has it.
    BadRequest,
    /// What names a job, a module or a function cannot be such a name.
    BadId,
    /// A parameter of the query is unknown, doubled, or not what it should be.
    BadQuery,
    /// A header is not what it should be.
    BadHeader,
    /// The body says it is JSON, and is not.
    BadJson,
    /// The body has another digest than was said.
    BadDigest,
    /// Nobody knows who sent it: it has no token, or none that is known here and has not expired.
    Unauthenticated,
    /// Its token has not the scope for this.
    Forbidden,
    /// A page of another site sent it.
    BadOrigin,
    /// There is nothing at this path.
    NoRoute,
    /// What is at this path cannot be asked so.
    BadMethod,
    /// It came too slowly.
    TooSlow,
    /// Its body is larger than is taken.
    TooLarge,
    /// Its URL is longer than is taken.
    LongUrl,
    /// Its head has more bytes or headers than are taken.
    LargeHead,
    /// Its body is of a kind that is not taken here.
    BadMediaType,
    /// It is meant for another host.
    BadHost,
    /// Too many follow jobs already.
    TooManyFollowers,
    /// The host did not answer it in time. What was asked may have been done.
    SlowHost,
    /// It met a bug of au-host.
    Panic,
}

impl Misuse {
    /// Those that a client gives as they are. The others tell what they are by their status: it gives them as [`Error::Remote`].
    #[cfg(feature = "client")]
    pub(crate) const ALL: [Self; 18] = [
        Self::BadRequest,
        Self::BadId,
        Self::BadQuery,
        Self::BadHeader,
        Self::BadJson,
        Self::BadDigest,
        Self::BadOrigin,
        Self::NoRoute,
        Self::BadMethod,
        Self::TooSlow,
        Self::TooLarge,
        Self::LongUrl,
        Self::LargeHead,
        Self::BadMediaType,
        Self::BadHost,
        Self::TooManyFollowers,
        Self::SlowHost,
        Self::Panic,
    ];

    /// Its row of the table.
    #[must_use]
    pub fn class(self) -> Class {
        match self {
            Self::BadRequest => Class::new("bad_request", 400, 2),
            Self::BadId => Class::new("bad_id", 400, 2),
            Self::BadQuery => Class::new("bad_query", 400, 2),
            Self::BadHeader => Class::new("bad_header", 400, 2),
            Self::BadJson => Class::new("bad_json", 400, 2),
            Self::BadDigest => Class::new("bad_digest", 400, 2),
            Self::Unauthenticated => Class::new("unauthenticated", 401, 4),
            Self::Forbidden => Class::new("forbidden", 403, 4),
            Self::BadOrigin => Class::new("bad_origin", 403, 4),
            Self::NoRoute => Class::new("no_route", 404, 3),
            Self::BadMethod => Class::new("bad_method", 405, 2),
            Self::TooSlow => Class::new("too_slow", 408, 5),
            Self::TooLarge => Class::new("too_large", 413, 4),
            Self::LongUrl => Class::new("long_url", 414, 2),
            Self::LargeHead => Class::new("large_head", 431, 2),
            Self::BadMediaType => Class::new("bad_media_type", 415, 2),
            Self::BadHost => Class::new("bad_host", 421, 4),
            Self::TooManyFollowers => Class::new("too_many_followers", 429, 5),
            Self::SlowHost => Class::new("host_too_slow", 503, 5),
            Self::Panic => Class::new("internal", 500, 5),
        }
    }
}

/// How scripts see an error. These are never renamed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Class {
    /// The stable code, as in a problem document (RFC 9457).
    pub code: &'static str,
    /// The HTTP status (RFC 9110).
    pub status: u16,
    /// The exit code of the command line: 1 the job failed, 2 usage, 3 not found, 4 refused, 5 the host, 124 timed out,
    /// 130 cancelled.
    pub exit: u8,
}

impl Class {
    const fn new(code: &'static str, status: u16, exit: u8) -> Self {
        Self { code, status, exit }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_its_causes_in_order() {
        let error = Error::fault("store", std::io::Error::other("disk on fire"));
        assert_eq!(error.chain(), "store failed: disk on fire");
    }

    #[test]
    fn unknown_expired_and_failed_are_different_answers() {
        let id = JobId::from_bytes([7; 16]);
        let errors = [
            Error::not_found("job", id),
            Error::Expired(id),
            Error::Failed(Failure::new(FailureKind::Failed, "x")),
            Error::WaitTimedOut { id, waited: Duration::from_secs(1) },
        ];
        let codes: std::collections::BTreeSet<_> = errors.iter().map(|error| error.class().code).collect();
        assert_eq!(codes.len(), errors.len());
    }
}
