//! `/v1/schedules`: calls that are submitted again and again. Each tenant sees its own; whoever belongs to none sees all, and says which
//! tenant's is meant.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::IntoResponse;
use serde::Serialize;

use super::app::App;
use super::path::SchedulePath;
use super::principal::Caller;
use super::problem::Result;
use super::query::{Query, bad};
use super::submit::accepted;
use super::webhooks::Whose;
use super::{body, options};
use crate::clock::Clock;
use crate::request::Request;
use crate::schedule::{Cron, Schedule, ScheduleInfo, Schedules};

const OWN: &str = "a tenant has to do with its own schedules only";

/// All schedules of a tenant.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = AllSchedules)]
pub(super) struct All {
    #[schema(value_type = Vec<Shown>)]
    schedules: Vec<ScheduleInfo>,
}

/// Lists schedules, in the order of their names: of the caller's tenant; for a caller that belongs to none, of all.
#[utoipa::path(get, path = "/v1/schedules", tag = "schedules",
    params(("tenant" = Option<String>, Query, description = "of this tenant only")),
    responses((status = 200, description = "all of them", body = All), super::openapi::Refusals))]
pub(super) async fn list(State(app): State<App>, caller: Caller, mut query: Query) -> Result {
    let tenant = caller.tenant(&mut query, OWN)?;
    query.end()?;
    let schedules = match tenant {
        None => app.host().all_schedules().await?,
        tenant => app.host().schedules(tenant.as_deref()).list().await?,
    };
    Ok(Json(All { schedules }).into_response())
}

/// Keeps a schedule, in place of the one of this name: the body is the input of its jobs. Times count from now.
#[utoipa::path(put, path = "/v1/schedules/{name}", tag = "schedules",
    params(
        ("name" = String, Path, description = "1 to 64 of a-z 0-9 . _ -"),
        ScheduleOptions,
        super::openapi::CallOptions,
        super::openapi::KeptOptions,
    ),
    request_body(content = Object, content_type = "application/json", description = "the input, of whatever Content-Type; none is JSON"),
    responses((status = 200, description = "the schedule", body = Shown), super::openapi::Refusals))]
pub(super) async fn put(
    State(app): State<App>,
    caller: Caller,
    SchedulePath(name): SchedulePath,
    mut query: Query,
    headers: HeaderMap,
    body: Body,
) -> Result {
    let (bytes, _share) = body::read(body, &headers, app.budget(), app.limits()).await?;
    let input = body::payload(&headers, bytes).await?;
    let needed = |what: &str| bad(format!("{what}= is missing: a schedule needs cron, module and function"));
    let cron = query.text("cron")?.ok_or_else(|| needed("cron"))?;
    let zone = query.text("zone")?.unwrap_or_else(|| "UTC".into());
    let module = query.value("module")?.ok_or_else(|| needed("module"))?;
    let function = query.text("function")?.ok_or_else(|| needed("function"))?;
    let mut schedule =
        Schedule::new(Cron::new(&cron, &zone, Clock::system().now())?, Request::new(module, function, input));
    schedule.missed = query.value("missed")?.unwrap_or_default();
    schedule.overlap = query.value("overlap")?.unwrap_or_default();
    options::job(&mut query, &mut schedule.request)?;
    query.end()?;
    Ok(Json(app.host().schedules(caller.principal.as_deref()).put(&name, schedule).await?).into_response())
}

/// Shows a schedule: what it submits and when, what became of the last time, and when the next is.
#[utoipa::path(get, path = "/v1/schedules/{name}", tag = "schedules",
    params(("name" = String, Path, description = "its name"), Whose),
    responses((status = 200, description = "the schedule", body = Shown), super::openapi::Refusals))]
pub(super) async fn show(
    State(app): State<App>,
    caller: Caller,
    SchedulePath(name): SchedulePath,
    query: Query,
) -> Result {
    Ok(Json(one(&app, &caller, query)?.get(&name).await?).into_response())
}

/// The input of a schedule's jobs.
#[utoipa::path(get, path = "/v1/schedules/{name}/input", tag = "schedules",
    params(("name" = String, Path, description = "its name"), Whose),
    responses((status = 200, description = "its bytes, of its own Content-Type", body = Object), super::openapi::Refusals))]
pub(super) async fn input(
    State(app): State<App>,
    caller: Caller,
    SchedulePath(name): SchedulePath,
    query: Query,
) -> Result {
    let input = one(&app, &caller, query)?.get(&name).await?.schedule.request.input;
    let mut response = input.bytes().clone().into_response();
    // Checked to be plain when it was taken in.
    if let Ok(kind) = HeaderValue::from_str(input.content_type()) {
        response.headers_mut().insert(CONTENT_TYPE, kind);
    }
    Ok(response)
}

/// Forgets a schedule; its jobs stay.
#[utoipa::path(delete, path = "/v1/schedules/{name}", tag = "schedules",
    params(("name" = String, Path, description = "its name"), Whose),
    responses((status = 204, description = "it is gone"), super::openapi::Refusals))]
pub(super) async fn remove(
    State(app): State<App>,
    caller: Caller,
    SchedulePath(name): SchedulePath,
    query: Query,
) -> Result {
    one(&app, &caller, query)?.remove(&name).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Submits nothing of a schedule until it is resumed.
#[utoipa::path(post, path = "/v1/schedules/{name}/pause", tag = "schedules",
    params(("name" = String, Path, description = "its name"), Whose),
    responses((status = 200, description = "the schedule", body = Shown), super::openapi::Refusals))]
pub(super) async fn pause(
    State(app): State<App>,
    caller: Caller,
    SchedulePath(name): SchedulePath,
    query: Query,
) -> Result {
    Ok(Json(one(&app, &caller, query)?.pause(&name).await?).into_response())
}

/// Goes on with a schedule. Times that passed meanwhile do not count.
#[utoipa::path(post, path = "/v1/schedules/{name}/resume", tag = "schedules",
    params(("name" = String, Path, description = "its name"), Whose),
    responses((status = 200, description = "the schedule", body = Shown), super::openapi::Refusals))]
pub(super) async fn resume(
    State(app): State<App>,
    caller: Caller,
    SchedulePath(name): SchedulePath,
    query: Query,
) -> Result {
    Ok(Json(one(&app, &caller, query)?.resume(&name).await?).into_response())
}

/// Submits a job of a schedule now, beside those that come at their times.
#[utoipa::path(post, path = "/v1/schedules/{name}/run", tag = "schedules",
    params(("name" = String, Path, description = "its name"), Whose),
    responses((status = 202, description = "the job; Location is its URL", body = super::openapi::Job), super::openapi::Refusals))]
pub(super) async fn run(
    State(app): State<App>,
    caller: Caller,
    SchedulePath(name): SchedulePath,
    query: Query,
) -> Result {
    let handle = one(&app, &caller, query)?.run(&name).await?;
    Ok(accepted(&handle.metadata().await?))
}

/// The schedules among which one is named.
fn one(app: &App, caller: &Caller, mut query: Query) -> Result<Schedules> {
    let tenant = caller.tenant(&mut query, OWN)?;
    query.end()?;
    Ok(app.host().schedules(tenant.as_deref()))
}

/// A call that is submitted again and again.
#[derive(utoipa::ToSchema)]
#[allow(dead_code, reason = "read by the macro that describes it")]
#[schema(as = Schedule)]
pub(super) struct Shown {
    /// Whose it is; null: of no tenant.
    tenant: Option<String>,
    name: String,
    cron: String,
    zone: String,
    /// What is submitted, its input aside.
    request: serde_json::Value,
    missed: String,
    overlap: String,
    /// No time before this counts.
    since: String,
    paused: bool,
    last: Option<Became>,
    /// When it is due next; null while it is paused.
    next: Option<String>,
    /// Why the time that is due has no job yet; it is tried again.
    trouble: Option<String>,
}

/// What became of a time at which a schedule was due.
#[derive(utoipa::ToSchema)]
#[allow(dead_code, reason = "read by the macro that describes it")]
#[schema(as = Firing)]
struct Became {
    at: String,
    job: Option<String>,
    /// Why there is no job.
    skipped: Option<String>,
}

/// When a schedule is due, and what it calls.
#[derive(utoipa::IntoParams)]
#[allow(dead_code, reason = "read by the macro that describes it")]
#[into_params(parameter_in = Query, rename_all = "kebab-case")]
struct ScheduleOptions {
    /// When: five fields of cron, six with seconds first, or @daily and its like.
    cron: String,
    /// The time zone it is meant in, of the IANA database: Europe/Berlin; else UTC.
    zone: Option<String>,
    /// A name, looked up each time, or `sha256:` and 64 digits.
    module: String,
    /// One of the module's functions.
    function: String,
    /// What becomes of times that passed while no host was there: `last`, the last of them is made up for; or `skip`.
    missed: Option<String>,
    /// What becomes of a time when the job before has not finished: `allow` or `skip`.
    overlap: Option<String>,
}
