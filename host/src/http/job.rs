//! `/v1/jobs/{id}`: one job: what is known of it, what went in and came out, and what can be done to it.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use serde::Serialize;

use super::app::App;
use super::call::answer;
use super::door::InFlight;
use super::path::JobPath;
use super::principal::Caller;
use super::problem::Result;
use super::query::{Query, bad};
use super::submit;
use crate::error::Error;
use crate::handle::Handle;
use crate::id::JobId;
use crate::job::Summary;
use crate::webhook::Delivery;

/// What a cancel says that gives no reason.
const REASON: &str = "cancelled over HTTP";

/// A job, and whether who wanted to be told of its end was.
#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    job: Summary,
    webhook: Option<Delivery>,
}

async fn shown(handle: &Handle, job: Summary) -> Result {
    let webhook = match job.options.webhook {
        Some(_) => handle.webhook().await?,
        None => None,
    };
    Ok(Json(Shown { job, webhook }).into_response())
}

/// Shows a job; with `wait`, once it has finished or that time is over.
#[utoipa::path(get, path = "/v1/jobs/{id}", tag = "jobs",
    params(("id" = String, Path, description = "the job"), ("wait" = Option<String>, Query, description = "wait for its end, so long at most: 30s")),
    responses((status = 200, description = "the job", body = super::openapi::Job), super::openapi::Refusals))]
pub(super) async fn show(
    State(app): State<App>,
    caller: Caller,
    JobPath(id): JobPath,
    request: InFlight,
    mut query: Query,
) -> Result {
    let wait = query.time("wait")?;
    query.end()?;
    let most = app.limits().wait;
    if wait.is_some_and(|wait| wait > most) {
        return Err(bad(format!("wait may be {} at most; ask again after that", humantime::format_duration(most))));
    }
    let (handle, job) = caller.job(&app, id).await?;
    let Some(wait) = wait.filter(|_| !job.status.is_finished()) else { return shown(&handle, job).await };
    let _place = app.follow(&caller, &request)?;
    let waited = app.drain().run_until_cancelled(handle.wait(wait)).await;
    match waited {
        Some(Ok(job)) => shown(&handle, job).await,
        // Not finished within the time, or this host goes down: as it is now.
        None | Some(Err(Error::WaitTimedOut { .. })) => shown(&handle, handle.metadata().await?).await,
        Some(Err(error)) => Err(error.into()),
    }
}

/// The output of a completed job.
#[utoipa::path(get, path = "/v1/jobs/{id}/output", tag = "jobs", params(("id" = String, Path, description = "the job")),
    responses((status = 200, description = "the output, of its own Content-Type"), super::openapi::Refusals))]
pub(super) async fn output(State(app): State<App>, caller: Caller, JobPath(id): JobPath, query: Query) -> Result {
    query.end()?;
    let (handle, job) = caller.job(&app, id).await?;
    if !job.status.is_finished() {
        return Err(Error::Unfinished { id, status: job.status }.into());
    }
    Ok(answer(&handle.job().await?.output()?))
}

/// The input of a job.
#[utoipa::path(get, path = "/v1/jobs/{id}/input", tag = "jobs", params(("id" = String, Path, description = "the job")),
    responses((status = 200, description = "the input, of its own Content-Type"), super::openapi::Refusals))]
pub(super) async fn input(State(app): State<App>, caller: Caller, JobPath(id): JobPath, query: Query) -> Result {
    query.end()?;
    let (handle, _) = caller.job(&app, id).await?;
    Ok(answer(&handle.job().await?.spec.input))
}

/// Asks a job to stop.
#[utoipa::path(post, path = "/v1/jobs/{id}/cancel", tag = "jobs",
    params(("id" = String, Path, description = "the job"), ("reason" = Option<String>, Query, description = "why; it is kept with the job")),
    responses((status = 202, description = "the job as it is now", body = super::openapi::Job), super::openapi::Refusals))]
pub(super) async fn cancel(State(app): State<App>, caller: Caller, JobPath(id): JobPath, mut query: Query) -> Result {
    let reason = query.text("reason")?;
    query.end()?;
    let (handle, _) = caller.job(&app, id).await?;
    handle.cancel(reason.as_deref().filter(|reason| !reason.is_empty()).unwrap_or(REASON)).await?;
    Ok((StatusCode::ACCEPTED, Json(handle.metadata().await?)).into_response())
}

/// A job that does again what another one did.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct Again {
    #[serde(flatten)]
    #[schema(value_type = super::openapi::Job)]
    job: Summary,
    /// The job whose call it is.
    #[schema(value_type = String)]
    retry_of: JobId,
}

/// Submits the call of a job once more, as a new job.
#[utoipa::path(post, path = "/v1/jobs/{id}/retry", tag = "jobs", params(("id" = String, Path, description = "the job")),
    responses((status = 202, description = "the new job; Location is its URL", body = Again), super::openapi::Refusals))]
pub(super) async fn retry(State(app): State<App>, caller: Caller, JobPath(id): JobPath, query: Query) -> Result {
    query.end()?;
    caller.job(&app, id).await?;
    let job = app.host().again(id).await?.metadata().await?;
    let new = job.id;
    let mut response = (StatusCode::ACCEPTED, Json(Again { job, retry_of: id })).into_response();
    submit::locate(&mut response, new);
    Ok(response)
}

/// Forgets a finished job, with its output and log.
#[utoipa::path(delete, path = "/v1/jobs/{id}", tag = "jobs", params(("id" = String, Path, description = "the job")),
    responses((status = 204, description = "it is gone"), super::openapi::Refusals))]
pub(super) async fn remove(State(app): State<App>, caller: Caller, JobPath(id): JobPath, query: Query) -> Result {
    query.end()?;
    let (_, job) = caller.job(&app, id).await?;
    if !job.status.is_finished() {
        return Err(Error::Unfinished { id, status: job.status }.into());
    }
    app.host().remove(&[id]).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
