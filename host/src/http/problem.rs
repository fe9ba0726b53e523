//! An error as a problem document (RFC 9457). Codes and statuses are those of the one table in `error.rs`.

use std::time::Duration;

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use super::advice::advice;
use super::request_id;
use crate::error::Error;

/// The media type of a problem.
pub(super) const MEDIA_TYPE: &str = "application/problem+json";
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
        if let Some(wait) = wait(&self.0) {
            // Rounded up: who comes back on time must not come too early.
            headers.insert(RETRY_AFTER, HeaderValue::from(wait.as_millis().div_ceil(1000).max(1) as u64));
        }
        response
    }
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
    for (name, value) in parts(error) {
        member(name, crate::failure::clean(&value, 4096).into());
    }
    match error {
        Error::Failed(failure) => {
            member("failure", json!(failure));
        }
        Error::Quota { name, limit, .. } => {
            member("quota", json!({ "name": name, "limit": limit }));
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
        Error::Unfinished { status, .. } => vec![("why", status.to_string())],
        Error::KeyTaken { name, .. } => vec![("name", name.clone())],
        _ => Vec::new(),
    }
}

/// What went wrong within the host is for its log: paths and the words of libraries are not for strangers.
fn detail(error: &Error) -> String {
    match error {
        Error::Fault { .. } | Error::Corrupt { .. } => error.to_string(),
        other => other.chain(),
    }
}

fn wait(error: &Error) -> Option<Duration> {
    match error {
        Error::Busy { retry_after } | Error::RateLimited { retry_after, .. } | Error::Quota { retry_after, .. } => {
            Some(*retry_after)
        }
        other => matches!(other.class().status, 429 | 503).then_some(SECOND),
    }
}
