//! `GET /metrics`: figures for Prometheus. Those of this process, and of what waits and runs, which the store knows of all.

use std::fmt::Write as _;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, Method};
use axum::response::{IntoResponse, Response};

use super::app::App;
use super::problem::Result;
use crate::clock::Clock;
use crate::store::Depth;

const TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Figures, as Prometheus reads them.
#[utoipa::path(get, path = "/metrics", tag = "health",
    responses((status = 200, description = "figures, in the OpenMetrics text format"), super::openapi::Refusals))]
pub(super) async fn metrics(State(app): State<App>) -> Result {
    let now = Clock::system().now();
    let Depth { pending, due, oldest_due, running } = app.host().store().depth(now).await?;
    let age = oldest_due.map_or(0.0, |since| now.since(since).as_secs_f64());
    let mut text = app.metrics().text()?;
    for (name, help, value) in [
        ("au_jobs_pending", "Jobs that wait, of all hosts on this store", pending.to_string()),
        ("au_jobs_due", "Jobs that wait though their time has come", due.to_string()),
        ("au_jobs_running", "Jobs that run, on all hosts on this store", running.to_string()),
        ("au_queue_age_seconds", "How long the job is due that has been longest", age.to_string()),
    ] {
        // Written to a string.
        let _ = writeln!(text, "# HELP {name} {help}.\n# TYPE {name} gauge\n{name} {value}");
    }
    text.push_str("# EOF\n");
    let mut response: Response = text.into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(TYPE));
    Ok(response)
}

/// A method as a label: what a caller made up is none.
pub(super) fn label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        _ => "other",
    }
}
