//! `/healthz` and `/readyz`: whether this process lives, and whether it can keep jobs.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::app::App;

/// Says that the process answers.
#[utoipa::path(get, path = "/healthz", tag = "health", responses((status = 200, description = "it answers")))]
pub(super) async fn alive() -> Response {
    Json(json!({ "alive": true, "version": env!("CARGO_PKG_VERSION") })).into_response()
}

/// Says whether jobs can be kept, and if not, why.
#[utoipa::path(get, path = "/readyz", tag = "health",
    responses((status = 200, description = "jobs can be kept"), (status = 503, description = "they cannot, for these reasons")))]
pub(super) async fn ready(State(app): State<App>) -> Response {
    let mut reasons = Vec::new();
    if app.drain().is_cancelled() {
        reasons.push(json!({ "code": "shutting_down", "detail": "this server takes nothing new" }));
    }
    if let Err(error) = app.host().ready().await {
        tracing::warn!(error = error.chain(), "not ready");
        reasons.push(json!({ "code": error.class().code, "detail": error.to_string() }));
    }
    let status = if reasons.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(json!({ "ready": reasons.is_empty(), "reasons": reasons }))).into_response()
}
