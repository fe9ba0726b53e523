//! `GET /v1/jobs/{id}/logs`: what a job wrote to its log, from any line on.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::app::App;
use super::path::JobPath;
use super::principal::Caller;
use super::problem::Result;
use super::query::{Query, page};
use crate::attempt::LogEntry;
use crate::error::Error;

/// Lines of a page that does not say.
const PAGE: usize = 1000;
/// Most lines of a page.
const MOST: usize = 10_000;
const NDJSON: &str = "application/x-ndjson";

/// Lines of a log.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct Lines {
    #[schema(value_type = Vec<Object>)]
    lines: Vec<LogEntry>,
    /// What to give as `from` for those that follow.
    next: u64,
}

/// The log of a job: JSON, or a line a line to who accepts `application/x-ndjson`.
#[utoipa::path(get, path = "/v1/jobs/{id}/logs", tag = "jobs",
    params(
        ("id" = String, Path, description = "the job"),
        ("from" = Option<u64>, Query, description = "the first line, counted from 0"),
        ("limit" = Option<usize>, Query, description = "how many at most: 1 to 10000, else 1000"),
    ),
    responses((status = 200, description = "lines", body = Lines), super::openapi::Refusals))]
pub(super) async fn logs(
    State(app): State<App>,
    caller: Caller,
    JobPath(id): JobPath,
    mut query: Query,
    headers: HeaderMap,
) -> Result {
    let from = query.value("from")?.unwrap_or(0);
    let limit = query.value("limit")?;
    query.end()?;
    let limit = page(limit, PAGE, MOST)?;
    let (handle, _) = caller.job(&app, id).await?;
    let lines = handle.logs(from, limit).await?;
    let wants_lines =
        headers.get(ACCEPT).and_then(|kinds| kinds.to_str().ok()).is_some_and(|kinds| kinds.contains(NDJSON));
    if wants_lines {
        return by_line(&lines);
    }
    let next = from.saturating_add(lines.len() as u64);
    Ok(Json(Lines { lines, next }).into_response())
}

fn by_line(lines: &[LogEntry]) -> Result {
    let mut text = Vec::new();
    for line in lines {
        serde_json::to_writer(&mut text, line).map_err(|error| Error::fault("log", error))?;
        text.push(b'\n');
    }
    let mut response = Response::new(Body::from(text));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(NDJSON));
    Ok(response)
}
