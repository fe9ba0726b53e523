//! `/v1/webhook-secret`: what receivers check the signatures of webhooks with.

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use serde::Serialize;

use super::app::App;
use super::principal::Caller;
use super::problem::Result;
use super::query::Query;
use super::tokens::for_the_known;

/// What the webhooks of a tenant's jobs are signed with.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct Signed {
    /// Null: of jobs that no tenant submitted.
    tenant: Option<String>,
    /// `whsec_` and base64, as Standard Webhooks has it.
    secret: String,
}

/// Whose secret it is.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "it describes a query")]
pub(super) struct Whose {
    /// The tenant, for a caller that belongs to none; else the caller's own.
    tenant: Option<String>,
}

/// The secret that the webhooks of the caller's jobs are signed with, for their receivers.
#[utoipa::path(get, path = "/v1/webhook-secret", tag = "webhooks", params(Whose),
    responses((status = 200, description = "the secret", body = Signed), super::openapi::Refusals))]
pub(super) async fn show(State(app): State<App>, caller: Caller, query: Query) -> Result {
    answer(&app, &caller, query, false).await
}

/// Puts another secret in its place. For a day webhooks are signed with both.
#[utoipa::path(post, path = "/v1/webhook-secret/rotate", tag = "webhooks", params(Whose),
    responses((status = 200, description = "the new one", body = Signed), super::openapi::Refusals))]
pub(super) async fn rotate(State(app): State<App>, caller: Caller, query: Query) -> Result {
    answer(&app, &caller, query, true).await
}

async fn answer(app: &App, caller: &Caller, mut query: Query, rotate: bool) -> Result {
    let tenant = caller.tenant(&mut query, "a tenant is told its own secret only")?;
    query.end()?;
    for_the_known(
        caller,
        "this host asks for no tokens, so its secrets are told only where it runs, by `au-host webhook secret`",
    )?;
    let secret = secret(app, tenant.as_deref(), rotate).await?;
    Ok(Json(Signed { tenant, secret }).into_response())
}

#[cfg(feature = "webhook")]
async fn secret(app: &App, tenant: Option<&str>, rotate: bool) -> crate::Result<String> {
    let secrets = app.host().webhook_secrets();
    let secret = if rotate { secrets.rotate(tenant).await? } else { secrets.get(tenant).await? };
    Ok(secret.reveal())
}

#[cfg(not(feature = "webhook"))]
async fn secret(_app: &App, _tenant: Option<&str>, _rotate: bool) -> crate::Result<String> {
    Err(crate::Error::request(crate::error::Misuse::NoRoute, "this host was built without webhooks"))
}
