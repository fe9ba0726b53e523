//! What a tenant has and has used, and how much it may.

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;

use super::app::App;
use super::principal::Caller;
use super::problem::Result;
use super::query::{Query, bad};
use crate::error::Error;

/// The usage of a tenant.
#[utoipa::path(get, path = "/v1/usage", tag = "host",
    params(("tenant" = Option<String>, Query, description = "whose; for those who may ask of any. Else it is their own")),
    responses((status = 200, description = "what it has, and how much it may", body = super::openapi::Usage),
        super::openapi::Refusals))]
pub(super) async fn usage(State(app): State<App>, caller: Caller, mut query: Query) -> Result {
    let asked = query.text("tenant")?;
    query.end()?;
    let tenant = match (caller.principal, asked) {
        (Some(own), None) => own,
        (Some(own), Some(asked)) if own == asked => own,
        (Some(_), Some(asked)) => return Err(Error::not_found("tenant", asked).into()),
        (None, Some(asked)) => asked,
        (None, None) => return Err(bad("tenant is not given: nobody's usage is counted but a tenant's".into())),
    };
    Ok(Json(app.host().usage_of(&tenant).await?).into_response())
}
