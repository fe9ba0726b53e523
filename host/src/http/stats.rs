//! `GET /v1/stats`: how many jobs there are.

use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use serde::Serialize;

use super::app::App;
use super::principal::Caller;
use super::problem::Result;
use super::query::Query;
use crate::error;
use crate::job::Counts;
use crate::store::Store;

/// Least time between two counts of all jobs.
const REST: Duration = Duration::from_secs(1);
/// A count that took long is followed by a rest of so many times as long: many who ask are no load on the store.
const RESTS: u32 = 20;

/// How many jobs the caller may know of, by status.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct Stats {
    #[schema(value_type = super::openapi::Counts)]
    jobs: Counts,
}

/// Counts jobs by status.
#[utoipa::path(get, path = "/v1/stats", tag = "jobs",
    responses((status = 200, description = "how many jobs have which status", body = Stats), super::openapi::Refusals))]
pub(super) async fn stats(State(app): State<App>, caller: Caller, query: Query) -> Result {
    query.end()?;
    let store = app.host().store();
    let jobs = match caller.principal {
        Some(tenant) => store.held(&tenant).await?.jobs,
        None => app.totals().counts(&**store).await?,
    };
    Ok(Json(Stats { jobs }).into_response())
}

/// The counts of all jobs, as they were a moment ago.
#[derive(Debug, Default)]
pub(super) struct Totals(tokio::sync::Mutex<Option<(Instant, Counts)>>);

impl Totals {
    /// One counts, and all who ask meanwhile wait for it.
    async fn counts(&self, store: &dyn Store) -> error::Result<Counts> {
        let mut known = self.0.lock().await;
        if let Some((until, counts)) = *known
            && Instant::now() < until
        {
            return Ok(counts);
        }
        let began = Instant::now();
        let counts = store.counts().await?;
        *known = Some((Instant::now() + REST.max(began.elapsed() * RESTS), counts));
        Ok(counts)
    }
}
