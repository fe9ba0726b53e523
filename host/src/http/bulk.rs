//! `POST /v1/submit/{module}/{function}/bulk`: a job for each line of the body; all of them, or none.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use bytes::Bytes;
use serde::Serialize;

use super::app::App;
use super::path::FunctionPath;
use super::principal::Caller;
use super::problem::{Problem, Result};
use super::query::Query;
use super::{body, json, options, submit};
use crate::error::{Error, Misuse};
use crate::id::JobId;
use crate::payload::{JSON, Payload};
use crate::request::Request;

/// The ids of the jobs, in the order of their inputs.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct Submitted {
    #[schema(value_type = Vec<String>)]
    jobs: Vec<JobId>,
}

/// Submits a job for each line of the body, which is a JSON input. All are kept, or none.
#[utoipa::path(post, path = "/v1/submit/{module}/{function}/bulk", tag = "jobs",
    params(
        ("module" = String, Path, description = "a name, or `sha256:` and 64 digits"),
        ("function" = String, Path, description = "one of the module's functions"),
        super::openapi::CallOptions,
        super::openapi::KeptOptions,
        super::openapi::StartOptions,
    ),
    request_body(content = String, content_type = "application/x-ndjson", description = "an input a line"),
    responses((status = 202, description = "the ids of the jobs, in order", body = Submitted), super::openapi::Refusals))]
pub(super) async fn bulk(
    State(app): State<App>,
    caller: Caller,
    FunctionPath { module, function }: FunctionPath,
    mut query: Query,
    headers: HeaderMap,
    body: Body,
) -> Result {
    if submit::key(&headers)?.is_some() {
        return Err(Error::request(Misuse::BadHeader, "an Idempotency-Key names one job, and this is many").into());
    }
    let (bytes, _share) = body::read(body, &headers, app.budget(), app.limits()).await?;
    let inputs = inputs(&bytes, app.limits().bulk)?;
    // The request itself was counted as one.
    app.charge(&caller, (inputs.len() as u64).saturating_sub(1))?;
    let mut request = Request::new(module, function, Payload::new(JSON, Bytes::new())?);
    options::job(&mut query, &mut request)?;
    query.end()?;
    request.principal = caller.principal;
    let handles = app.host().map(request, inputs).await?;
    let jobs = handles.iter().map(crate::handle::Handle::id).collect();
    Ok((StatusCode::ACCEPTED, Json(Submitted { jobs })).into_response())
}

/// The lines that are not empty, each of them JSON.
fn inputs(bytes: &Bytes, most: usize) -> Result<Vec<Payload>> {
    let mut inputs = Vec::new();
    for line in bytes.split(|byte| *byte == b'\n') {
        let line = line.trim_ascii();
        if line.is_empty() {
            continue;
        }
        if inputs.len() == most {
            return Err(Error::request(Misuse::TooLarge, format!("there are more than {most} inputs")).into());
        }
        json::check(line).map_err(|problem| in_line(inputs.len() + 1, &problem))?;
        inputs.push(Payload::new(JSON, bytes.slice_ref(line))?);
    }
    Ok(inputs)
}

fn in_line(number: usize, problem: &Problem) -> Problem {
    Problem(Error::request(Misuse::BadJson, format!("input {number}: {}", problem.0)))
}
