//! `/v1/queues` and `/v1/functions`: how many jobs wait and run, and how many may. Changing them is for `admin`; a tenant reads
//! the limits, and not how much there is of others.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::app::App;
use super::body;
use super::path::{LanePath, QueuePath};
use super::principal::Caller;
use super::problem::{Problem, Result};
use super::query::Query;
use crate::error::{Error, Misuse};
use crate::policies::{FunctionPolicy, QueuePolicy};
use crate::queues::{FunctionInfo, QueueInfo};

/// Most that are listed.
const MOST: usize = 10_000;

/// All queues.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct Queues {
    #[schema(value_type = Vec<super::openapi::Queue>)]
    queues: Vec<QueueInfo>,
}

/// All functions.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct Functions {
    #[schema(value_type = Vec<super::openapi::FunctionOfJobs>)]
    functions: Vec<FunctionInfo>,
}

/// What the caller may know of how much there is: its own is among that of all.
fn told(caller: &Caller, count: Option<u64>) -> Option<u64> {
    count.filter(|_| caller.principal.is_none())
}

fn queue_for(caller: &Caller, queue: QueueInfo) -> QueueInfo {
    QueueInfo { pending: told(caller, queue.pending), running: told(caller, queue.running), ..queue }
}

fn function_for(caller: &Caller, function: FunctionInfo) -> FunctionInfo {
    FunctionInfo { pending: told(caller, function.pending), running: told(caller, function.running), ..function }
}

/// Lists the queues that have limits, or jobs that have not finished, and the default one.
#[utoipa::path(get, path = "/v1/queues", tag = "queues",
    responses((status = 200, description = "all queues", body = Queues), super::openapi::Refusals))]
pub(super) async fn list(State(app): State<App>, caller: Caller, query: Query) -> Result {
    query.end()?;
    let queues = app.host().queues().await?.into_iter().take(MOST).map(|queue| queue_for(&caller, queue));
    Ok(Json(Queues { queues: queues.collect() }).into_response())
}

/// Shows a queue.
#[utoipa::path(get, path = "/v1/queues/{queue}", tag = "queues",
    params(("queue" = String, Path, description = "its name")),
    responses((status = 200, description = "the queue", body = super::openapi::Queue), super::openapi::Refusals))]
pub(super) async fn show(State(app): State<App>, caller: Caller, QueuePath(name): QueuePath, query: Query) -> Result {
    query.end()?;
    Ok(Json(queue_for(&caller, app.host().queue(&name).await?)).into_response())
}

/// Says how many jobs of a queue may run, in place of what was said before.
#[utoipa::path(put, path = "/v1/queues/{queue}", tag = "queues",
    params(("queue" = String, Path, description = "its name")),
    request_body(content = super::openapi::QueuePolicy, description = "what is left out has no bound"),
    responses((status = 200, description = "the queue", body = super::openapi::Queue), super::openapi::Refusals))]
pub(super) async fn set(
    State(app): State<App>,
    caller: Caller,
    QueuePath(name): QueuePath,
    query: Query,
    headers: HeaderMap,
    body: Body,
) -> Result {
    query.end()?;
    let policy = policy::<QueuePolicy>(&app, &headers, body, &["concurrency", "per_function", "per_key", "paused"]);
    app.host().set_queue(&name, policy.await?).await?;
    Ok(Json(queue_for(&caller, app.host().queue(&name).await?)).into_response())
}

/// Takes the limits of a queue away; its jobs stay.
#[utoipa::path(delete, path = "/v1/queues/{queue}", tag = "queues",
    params(("queue" = String, Path, description = "its name")),
    responses((status = 204, description = "it has none"), super::openapi::Refusals))]
pub(super) async fn remove(State(app): State<App>, QueuePath(name): QueuePath, query: Query) -> Result {
    query.end()?;
    app.host().remove_queue(&name).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Starts nothing more of a queue; what runs goes on, and what comes waits.
#[utoipa::path(post, path = "/v1/queues/{queue}/pause", tag = "queues",
    params(("queue" = String, Path, description = "its name")),
    responses((status = 200, description = "the queue", body = super::openapi::Queue), super::openapi::Refusals))]
pub(super) async fn pause(State(app): State<App>, caller: Caller, QueuePath(name): QueuePath, query: Query) -> Result {
    query.end()?;
    app.host().pause_queue(&name).await?;
    Ok(Json(queue_for(&caller, app.host().queue(&name).await?)).into_response())
}

/// Goes on with a queue.
#[utoipa::path(post, path = "/v1/queues/{queue}/resume", tag = "queues",
    params(("queue" = String, Path, description = "its name")),
    responses((status = 200, description = "the queue", body = super::openapi::Queue), super::openapi::Refusals))]
pub(super) async fn resume(State(app): State<App>, caller: Caller, QueuePath(name): QueuePath, query: Query) -> Result {
    query.end()?;
    app.host().resume_queue(&name).await?;
    Ok(Json(queue_for(&caller, app.host().queue(&name).await?)).into_response())
}

/// Lists the functions that have a policy, or jobs that have not finished.
#[utoipa::path(get, path = "/v1/functions", tag = "queues",
    responses((status = 200, description = "all of them", body = Functions), super::openapi::Refusals))]
pub(super) async fn list_functions(State(app): State<App>, caller: Caller, query: Query) -> Result {
    query.end()?;
    let functions = app.host().function_policies().await?.into_iter();
    // By digest or by name, they may be of others' jobs alone.
    let shown = functions.filter(|it| caller.principal.is_none() || it.policy != FunctionPolicy::default());
    let functions = shown.take(MOST).map(|function| function_for(&caller, function)).collect();
    Ok(Json(Functions { functions }).into_response())
}

/// Shows how the jobs of a function are run.
#[utoipa::path(get, path = "/v1/functions/{module}/{function}", tag = "queues",
    params(
        ("module" = String, Path, description = "the name that its module is asked for by"),
        ("function" = String, Path, description = "its own name"),
    ),
    responses((status = 200, description = "the function", body = super::openapi::FunctionOfJobs), super::openapi::Refusals))]
pub(super) async fn show_function(State(app): State<App>, caller: Caller, path: LanePath, query: Query) -> Result {
    query.end()?;
    let function = app.host().function_policy(&path.module, &path.function).await?;
    Ok(Json(function_for(&caller, function)).into_response())
}

/// Says how the jobs of a function are run, in place of what was said before. Neither need be there yet.
#[utoipa::path(put, path = "/v1/functions/{module}/{function}", tag = "queues",
    params(
        ("module" = String, Path, description = "the name that its module is asked for by"),
        ("function" = String, Path, description = "its own name"),
    ),
    request_body(content = super::openapi::FunctionPolicy, description = "what is left out is left to the host"),
    responses((status = 200, description = "the function", body = super::openapi::FunctionOfJobs), super::openapi::Refusals))]
pub(super) async fn set_function(
    State(app): State<App>,
    caller: Caller,
    path: LanePath,
    query: Query,
    headers: HeaderMap,
    body: Body,
) -> Result {
    query.end()?;
    let known = ["concurrency", "paused", "queue", "retry", "priority"];
    let policy = policy::<FunctionPolicy>(&app, &headers, body, &known).await?;
    app.host().set_function(&path.module, &path.function, policy).await?;
    let function = app.host().function_policy(&path.module, &path.function).await?;
    Ok(Json(function_for(&caller, function)).into_response())
}

/// Takes the policy of a function away.
#[utoipa::path(delete, path = "/v1/functions/{module}/{function}", tag = "queues",
    params(
        ("module" = String, Path, description = "the name that its module is asked for by"),
        ("function" = String, Path, description = "its own name"),
    ),
    responses((status = 204, description = "it has none"), super::openapi::Refusals))]
pub(super) async fn remove_function(State(app): State<App>, path: LanePath, query: Query) -> Result {
    query.end()?;
    app.host().remove_function(&path.module, &path.function).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// The policy that a body has. A limit with a typo in its name would be no limit.
async fn policy<T: DeserializeOwned>(app: &App, headers: &HeaderMap, body: Body, known: &[&str]) -> Result<T> {
    let (bytes, _share) = body::read(body, headers, app.budget(), app.limits()).await?;
    let bad = |why: String| Problem(Error::request(Misuse::BadJson, why));
    let value: Value = serde_json::from_slice(&bytes).map_err(|error| bad(format!("the body is no JSON: {error}")))?;
    let fields = value.as_object().ok_or_else(|| bad("the body is no JSON object".to_owned()))?;
    if let Some(field) = fields.keys().find(|field| !known.contains(&field.as_str())) {
        let field = crate::id::shorten(field);
        return Err(bad(format!("there is no {field:?} here; there are {}", known.join(", "))));
    }
    serde_json::from_value(value).map_err(|error| bad(format!("the body is no policy: {error}")))
}
