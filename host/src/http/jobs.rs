//! `GET /v1/jobs`: which jobs there are, newest first, a page at a time.

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use serde::Serialize;

use super::app::App;
use super::options;
use super::principal::Caller;
use super::problem::Result;
use super::query::{Query, bad, page};
use crate::id::{JobId, ModuleRef};
use crate::job::{Status, Summary};
use crate::store::Filter;

/// Jobs of a page that does not say.
const PAGE: usize = 50;
/// Most jobs of a page.
const MOST: usize = 1000;

/// A page of jobs, newest first.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct Page {
    #[schema(value_type = Vec<super::openapi::Job>)]
    jobs: Vec<Summary>,
    /// What to give as `before` for the next page; null when this is the last.
    #[schema(value_type = Option<String>)]
    next: Option<JobId>,
}

/// Lists jobs, newest first.
#[utoipa::path(get, path = "/v1/jobs", tag = "jobs", params(super::openapi::ListOptions),
    responses((status = 200, description = "a page", body = Page), super::openapi::Refusals))]
pub(super) async fn list(State(app): State<App>, caller: Caller, mut query: Query) -> Result {
    let mut filter = filter(&mut query)?;
    filter.principal = caller.principal;
    let module: Option<ModuleRef> = query.value("module")?;
    let before: Option<JobId> = query.value("before")?;
    let limit = query.value("limit")?;
    query.end()?;
    let limit = page(limit, PAGE, MOST)?;
    filter.module = match module {
        None => None,
        // Its jobs may be here though it is not.
        Some(ModuleRef::Digest(digest)) => Some(digest),
        Some(name) => Some(app.local().module(&name).await?.digest),
    };
    let jobs = app.host().list(filter, before, limit).await?;
    let next = if jobs.len() == limit { jobs.last().map(|job| job.id) } else { None };
    Ok(Json(Page { jobs, next }).into_response())
}

fn filter(query: &mut Query) -> Result<Filter> {
    let mut status = Vec::new();
    for text in query.all("status") {
        for word in text.split(',') {
            status.push(word.parse::<Status>().map_err(|error| bad(error.to_string()))?);
        }
    }
    let labels = options::named(query, "label")?.into_iter().collect();
    let (function, queue) = (query.text("function")?, query.text("queue")?);
    Ok(Filter { status, function, queue, labels, ..Filter::default() })
}
