//! `POST /v1/submit/{module}/{function}`: kept before it is answered, run now or later, by this process or another.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::LOCATION;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use super::app::App;
use super::path::FunctionPath;
use super::principal::Caller;
use super::problem::{Problem, Result};
use super::query::{Query, bad};
use super::{body, options};
use crate::error::{Error, Misuse};
use crate::id::JobId;
use crate::job::{IdempotencyKey, KeyHolds, Summary};
use crate::request::Request;

const KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Says that a key named the job already.
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// Submits a job: the body is its input.
#[utoipa::path(post, path = "/v1/submit/{module}/{function}", tag = "jobs",
    params(
        ("module" = String, Path, description = "a name, or `sha256:` and 64 digits"),
        ("function" = String, Path, description = "one of the module's functions"),
        ("Idempotency-Key" = Option<String>, Header, description = "submitting twice with one key gives one job"),
        ("key-holds" = Option<String>, Query, description = "`while-kept`, or `until-finished`: so that no two jobs of the key run at once"),
        super::openapi::CallOptions,
        super::openapi::KeptOptions,
        super::openapi::StartOptions,
    ),
    request_body(content = Object, content_type = "application/json", description = "the input, of whatever Content-Type; none is JSON"),
    responses((status = 202, description = "the job; Location is its URL", body = super::openapi::Job), super::openapi::Refusals))]
pub(super) async fn submit(
    State(app): State<App>,
    caller: Caller,
    FunctionPath { module, function }: FunctionPath,
    mut query: Query,
    headers: HeaderMap,
    body: Body,
) -> Result {
    let key = key(&headers)?;
    let (bytes, _share) = body::read(body, &headers, app.budget(), app.limits()).await?;
    let mut request = Request::new(module, function, body::payload(&headers, bytes).await?);
    options::job(&mut query, &mut request)?;
    let holds: Option<KeyHolds> = query.value("key-holds")?;
    if holds.is_some() && key.is_none() {
        return Err(bad("key-holds says how long an Idempotency-Key holds, and there is none".into()));
    }
    query.end()?;
    request.principal = caller.principal;
    request.key = key.map(|name| IdempotencyKey { name, holds: holds.unwrap_or_default() });
    let kept = app.host().submit_once(request).await?;
    let mut response = accepted(&kept.handle.metadata().await?);
    if !kept.is_new {
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    }
    Ok(response)
}

/// A job that was accepted, and where it is.
pub(super) fn accepted(job: &Summary) -> Response {
    let mut response = (StatusCode::ACCEPTED, Json(job)).into_response();
    locate(&mut response, job.id);
    response
}

/// Says where a job is.
pub(super) fn locate(response: &mut Response, job: JobId) {
    if let Ok(place) = HeaderValue::from_str(&format!("/v1/jobs/{job}")) {
        response.headers_mut().insert(LOCATION, place);
    }
}

/// The key of a request, if it has one.
pub(super) fn key(headers: &HeaderMap) -> Result<Option<String>> {
    let Some(value) = headers.get(KEY) else { return Ok(None) };
    let plain = value.to_str().ok().filter(|text| !text.is_empty());
    let bad = || Problem(Error::request(Misuse::BadHeader, "the Idempotency-Key is not plain text"));
    plain.map(|text| Some(text.to_owned())).ok_or_else(bad)
}
