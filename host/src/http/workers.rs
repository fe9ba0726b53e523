//! `/v1/workers`: the hosts that take what is due in the store. What machines there are is nothing to tenants.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use serde::Serialize;

use super::app::App;
use super::path::WorkerPath;
use super::principal::Caller;
use super::problem::{Problem, Result};
use super::query::Query;
use crate::error::{Error, Misuse};
use crate::roster::WorkerInfo;

/// All workers.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct Workers {
    #[schema(value_type = Vec<super::openapi::Worker>)]
    workers: Vec<WorkerInfo>,
}

/// Lists the hosts that take what is due, those that were there first before the others.
#[utoipa::path(get, path = "/v1/workers", tag = "host",
    responses((status = 200, description = "all of them", body = Workers), super::openapi::Refusals))]
pub(super) async fn list(State(app): State<App>, caller: Caller, query: Query) -> Result {
    query.end()?;
    for_no_tenant(&caller)?;
    Ok(Json(Workers { workers: app.host().workers().await? }).into_response())
}

/// Asks a host to take nothing new. One that only works ends once nothing runs there.
#[utoipa::path(post, path = "/v1/workers/{worker}/drain", tag = "host",
    params(("worker" = String, Path, description = "the id of the worker")),
    responses((status = 202, description = "it is asked, and hears within some seconds"), super::openapi::Refusals))]
pub(super) async fn drain(State(app): State<App>, caller: Caller, WorkerPath(id): WorkerPath, query: Query) -> Result {
    query.end()?;
    for_no_tenant(&caller)?;
    app.host().drain(id).await?;
    Ok(StatusCode::ACCEPTED.into_response())
}

fn for_no_tenant(caller: &Caller) -> Result<()> {
    match caller.principal {
        Some(_) => Err(Problem(Error::request(Misuse::Forbidden, "which hosts there are is not told to a tenant"))),
        None => Ok(()),
    }
}
