//! An error as a problem document (RFC 9457). Codes and statuses are those of the one table in `error.rs`.

use std::time::Duration;

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::advice::advice;
use super::request_id;
use crate::error::Error;

/// The media type of a problem.
pub(super) const MEDIA_TYPE: &str = "application/problem+json";
/// For a browser that is led to an answer itself: an output may be HTML, of the same origin as the dashboard, and runs nothing.
pub(super) const INERT: &str = "default-src 'none'; frame-ancestors 'none'; sandbox";
/// What clients are told to wait that a busy host did not say more to.
const SECOND: Duration = Duration::from_secs(1);

/// What every handler fails with.
#[derive(Debug)]
pub(super) struct Problem(pub(super) Error);

/// What every handler gives.
pub(super) type Result<T = Response> = std::result::Result<T, Problem>;

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let class = self.0.class();
        if class.status >= 500 && class.status != 503 {
            tracing::error!(code = class.code, error = self.0.chain(), "a request could not be served");
        }
        let mut response = Response::new(Body::from(document(&self.0).to_string()));
        // The table has nothing but statuses.
        *response.status_mut() = StatusCode::from_u16(class.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        if class.status == 401 {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"au-host\""));
        }
        if let Some(seconds) = wait(&self.0) {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// An error as the bytes of an answer, after which the connection ends: for whoever is refused before there is a request.
pub(super) fn last_words(error: &Error) -> Bare {
    let (id, class) = (request_id::new(), error.class());
    let body = request_id::within(&id, || document(error).to_string());
    let reason = StatusCode::from_u16(class.status).ok().and_then(|status| status.canonical_reason()).unwrap_or("");
    let retry = wait(error).map(|seconds| format!("retry-after: {seconds}\r\n")).unwrap_or_default();
    let text = format!(
        "HTTP/1.1 {} {reason}\r\ncontent-type: {MEDIA_TYPE}\r\ncontent-length: {}\r\n{retry}x-request-id: {}\r\n\
         x-content-type-options: nosniff\r\ncontent-security-policy: {INERT}\r\ncache-control: no-store\r\n\
         connection: close\r\n\r\n{body}",
        class.status,
        body.len(),
        id.to_str().unwrap_or("-"),
    );
    Bare { id, status: class.status, bytes: text.into() }
}

/// An answer to no request.
#[derive(Debug)]
pub(super) struct Bare {
    pub(super) id: HeaderValue,
    pub(super) status: u16,
    pub(super) bytes: Bytes,
}

/// What is said of an error: what, why, what to do, and what programs want to know of it.
pub(super) fn document(error: &Error) -> Value {
    let class = error.class();
    let mut members = Map::new();
    let mut member = |name: &str, value: Value| members.insert(name.to_owned(), value);
    member("type", format!("urn:au-host:{}", class.code).into());
    member("title", class.code.replace('_', " ").into());
    member("status", class.status.into());
    member("code", class.code.into());
    member("detail", crate::failure::clean(&detail(error), 4096).into());
    member("try", advice(error).into());
    if let Some(id) = request_id::current() {
        member("request_id", id.into());
    }
    if let Some(seconds) = wait(error) {
        member("retry_after", seconds.into());
    }
    for (name, value) in parts(error) {
        member(name, crate::failure::clean(&value, 4096).into());
    }
    match error {
        Error::Failed(failure) => {
            member("failure", json!(failure));
        }
        Error::Quota { tenant, name, limit, .. } => {
            member("quota", json!({ "tenant": tenant, "name": name, "limit": limit }));
        }
        Error::Module { code, .. } => {
            member("rule", crate::failure::clean(code, 256).into());
        }
        Error::NotFound { nearest: Some(nearest), .. } => {
            member("nearest", nearest.clone().into());
        }
        Error::KeyTaken { job: id, .. }
        | Error::Unfinished { id, .. }
        | Error::Cancelled { id, .. }
        | Error::WaitTimedOut { id, .. }
        | Error::Finished(id)
        | Error::Conflict(id)
        | Error::Expired(id) => {
            member("job", json!(id));
        }
        _ => {}
    }
    Value::Object(members)
}

/// What an error is made of, for a client to make the same one of it.
fn parts(error: &Error) -> Vec<(&'static str, String)> {
    match error {
        Error::NotFound { what, name, .. } => vec![("what", (*what).to_owned()), ("name", name.clone())],
        Error::Invalid { what, why } => vec![("what", (*what).to_owned()), ("why", why.clone())],
        Error::Refused { why } | Error::Module { why, .. } | Error::StorageFull { why } => vec![("why", why.clone())],
        Error::Cancelled { reason, .. } => vec![("why", reason.clone())],
        Error::RateLimited { what, .. } => vec![("why", what.clone())],
        Error::Unfinished { status, .. } => vec![("why", status.to_string())],
        Error::KeyTaken { name, .. } => vec![("name", name.clone())],
        _ => Vec::new(),
    }
}

/// What went wrong within the host is for its log: paths and the words of libraries are not for strangers.
fn detail(error: &Error) -> String {
    match error {
        Error::Fault { .. } => error.to_string(),
        Error::Corrupt { what, .. } => format!("{what} is damaged"),
        other => other.chain(),
    }
}

/// How many seconds a client is to wait, if it is to. Rounded up: who comes back on time must not come too early.
fn wait(error: &Error) -> Option<u64> {
    let wait = match error {
        Error::Busy { retry_after } | Error::RateLimited { retry_after, .. } | Error::Quota { retry_after, .. } => {
            *retry_after
        }
        other if matches!(other.class().status, 429 | 503) => SECOND,
        _ => return None,
    };
    Some(wait.as_millis().div_ceil(1000).max(1) as u64)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use http_body_util::BodyExt as _;

    use super::*;
    use crate::error::Misuse;
    use crate::failure::{Failure, FailureKind};
    use crate::id::JobId;
    use crate::job::Status;

    /// What no stranger is to read.
    const SECRET: &str = "/home/secret/jobs.db";
    const WAIT: Duration = Duration::from_millis(6100);

    /// One of each.
    fn errors() -> Vec<Error> {
        let (id, retry_after, why) = (JobId::from_bytes([7; 16]), WAIT, || "because".to_owned());
        let failed = |kind| Error::Failed(Failure::new(kind, "as it was told"));
        vec![
            Error::NotFound { what: "function", name: "ecko".into(), nearest: Some("echo".into()) },
            Error::Expired(id),
            Error::invalid("input", why()),
            Error::refused(why()),
            Error::Module { code: "text_refused".into(), why: why() },
            Error::Module { code: "limit:functions".into(), why: why() },
            Error::Busy { retry_after },
            Error::Conflict(id),
            Error::Finished(id),
            Error::WaitTimedOut { id, waited: WAIT },
            failed(FailureKind::TimedOut),
            failed(FailureKind::Trap),
            Error::Cancelled { id, reason: why() },
            Error::KeyTaken { name: "k".into(), job: id },
            Error::Unfinished { id, status: Status::Running },
            Error::RateLimited { what: why(), retry_after },
            Error::Quota { tenant: "acme".into(), name: "queued", limit: 3, retry_after },
            Error::ShuttingDown,
            Error::StorageFull { why: why() },
            Error::Missing { part: "webhooks".into(), feature: "webhook" },
            Error::Corrupt { what: "the record of a job".into(), why: SECRET.into() },
            Error::Unreachable { url: "http://there".into(), source: "nobody".into() },
            Error::Remote { code: "new".into(), status: 418, title: "new".into(), detail: why() },
            Error::fault("store", SECRET),
        ]
    }

    /// One of each sort.
    fn misuses() -> Vec<Misuse> {
        use Misuse::*;
        vec![
            BadRequest,
            BadId,
            BadQuery,
            BadHeader,
            BadJson,
            BadDigest,
            Unauthenticated,
            Forbidden,
            BadOrigin,
            NoRoute,
            BadMethod,
            TooSlow,
            TooLarge,
            LongUrl,
            LargeHead,
            BadMediaType,
            BadHost,
            TooManyFollowers,
            SlowHost,
            Panic,
        ]
    }

    /// Whoever adds an error is told here, by the compiler, to add one above and to count it.
    fn number(error: &Error) -> usize {
        match error {
            Error::NotFound { .. } => 0,
            Error::Expired(_) => 1,
            Error::Invalid { .. } => 2,
            Error::Refused { .. } => 3,
            Error::Module { .. } => 4,
            Error::Busy { .. } => 5,
            Error::Conflict(_) => 6,
            Error::Finished(_) => 7,
            Error::WaitTimedOut { .. } => 8,
            Error::Failed(_) => 9,
            Error::Cancelled { .. } => 10,
            Error::KeyTaken { .. } => 11,
            Error::Unfinished { .. } => 12,
            Error::RateLimited { .. } => 13,
            Error::Quota { .. } => 14,
            Error::ShuttingDown => 15,
            Error::StorageFull { .. } => 16,
            Error::Missing { .. } => 17,
            Error::Corrupt { .. } => 18,
            Error::Unreachable { .. } => 19,
            Error::Remote { .. } => 20,
            Error::Fault { .. } => 21,
            Error::Request { misuse, .. } => 22 + *misuse as usize,
        }
    }

    /// The table, once more: what scripts rely on is not changed by changing one place.
    fn rows() -> BTreeSet<(u16, &'static str)> {
        [
            (400, "bad_digest"),
            (400, "bad_header"),
            (400, "bad_id"),
            (400, "bad_json"),
            (400, "bad_query"),
            (400, "bad_request"),
            (400, "invalid"),
            (401, "unauthenticated"),
            (403, "bad_origin"),
            (403, "forbidden"),
            (403, "refused"),
            (404, "no_route"),
            (404, "not_found"),
            (405, "bad_method"),
            (408, "too_slow"),
            (408, "wait_timed_out"),
            (409, "cancelled"),
            (409, "conflict"),
            (409, "finished"),
            (409, "key_taken"),
            (409, "unfinished"),
            (410, "expired"),
            (413, "too_large"),
            (414, "long_url"),
            (415, "bad_media_type"),
            (415, "module_refused"),
            (421, "bad_host"),
            (422, "failed"),
            (422, "module_refused"),
            (422, "timed_out"),
            (429, "quota"),
            (429, "rate_limited"),
            (429, "too_many_followers"),
            (431, "large_head"),
            (500, "corrupt"),
            (500, "fault"),
            (500, "internal"),
            (501, "not_built_in"),
            (502, "remote"),
            (502, "unreachable"),
            (503, "busy"),
            (503, "host_too_slow"),
            (503, "shutting_down"),
            (507, "storage_full"),
        ]
        .into()
    }

    #[tokio::test]
    async fn every_error_is_a_problem_with_its_row_of_the_table() {
        let misused = misuses().into_iter().map(|misuse| Error::request(misuse, "because"));
        let all: Vec<_> = errors().into_iter().chain(misused).collect();
        let numbers: BTreeSet<_> = all.iter().map(number).collect();
        assert!(numbers.into_iter().eq(0..=22 + Misuse::Panic as usize), "one of them is not tried");
        let mut seen = BTreeSet::new();
        for error in all {
            let (class, busy) = (error.class(), matches!(error.class().status, 429 | 503));
            let told = matches!(error, Error::Busy { .. } | Error::RateLimited { .. } | Error::Quota { .. });
            let (head, body) = Problem(error).into_response().into_parts();
            let text = String::from_utf8(body.collect().await.unwrap().to_bytes().into()).unwrap();
            let header = |name| head.headers.get(name).map(|value| value.to_str().unwrap());
            assert_eq!((head.status.as_u16(), header(CONTENT_TYPE)), (class.status, Some(MEDIA_TYPE)), "{text}");
            let problem: Value = serde_json::from_str(&text).unwrap();
            assert_eq!((&problem["code"], &problem["status"]), (&class.code.into(), &class.status.into()));
            for member in ["type", "title", "detail", "try"] {
                assert!(problem[member].as_str().is_some_and(|words| !words.is_empty()), "no {member}: {text}");
            }
            let wait = busy.then_some(if told { "7" } else { "1" });
            assert_eq!(
                (header(RETRY_AFTER), header(WWW_AUTHENTICATE).is_some()),
                (wait, class.status == 401),
                "{text}"
            );
            assert_eq!(problem["retry_after"].as_u64(), wait.map(|wait| wait.parse().unwrap()), "{text}");
            assert!(!text.contains(SECRET), "what is within stays within: {text}");
            seen.insert((class.status, class.code));
        }
        assert_eq!(seen, rows());
    }
}
