//! `/v1/tokens`: who may ask. For `admin`; one that belongs to a tenant has to do with the tokens of that tenant and no others.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use serde::Serialize;

use super::app::App;
use super::path::TokenPath;
use super::principal::Caller;
use super::problem::{Problem, Result};
use super::query::{Query, bad};
use crate::error::{Error, Misuse};
use crate::token::{NewToken, Scope, Token};

/// All tokens.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct Tokens {
    #[schema(value_type = Vec<super::openapi::Token>)]
    tokens: Vec<Token>,
}

/// A token that was made just now.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct Made {
    /// Its text, which is told this once.
    token: String,
    #[schema(value_type = super::openapi::Token)]
    made: Token,
}

/// What a token is to be.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "it describes a query")]
pub(super) struct TokenOptions {
    /// What its owner calls it: 1 to 64 of A-Z a-z 0-9 . _ - @
    name: String,
    /// Whose jobs it is for; else the caller's tenant, or `default`, or all where it is for admin, metrics or work alone.
    tenant: Option<String>,
    /// What its holder may do: read, submit, work, admin, metrics; else read and submit.
    scope: Option<Vec<String>>,
    /// How long it is good for: 30d; else until it is removed.
    expires: Option<String>,
}

/// Lists the tokens, those made first first, without their texts.
#[utoipa::path(get, path = "/v1/tokens", tag = "tokens",
    responses((status = 200, description = "all of them", body = Tokens), super::openapi::Refusals))]
pub(super) async fn list(State(app): State<App>, caller: Caller, query: Query) -> Result {
    query.end()?;
    let all = app.host().tokens().list().await?;
    let tokens = all.into_iter().filter(|token| is_within(&caller, token.tenant.as_deref())).collect();
    Ok(Json(Tokens { tokens }).into_response())
}

/// Makes a token and tells its text, this once.
#[utoipa::path(post, path = "/v1/tokens", tag = "tokens", params(TokenOptions),
    responses((status = 201, description = "the token", body = Made), super::openapi::Refusals))]
pub(super) async fn create(State(app): State<App>, caller: Caller, mut query: Query) -> Result {
    let name = query.text("name")?.ok_or_else(|| bad("name= is missing: what is the token called?".into()))?;
    let (tenant, lasts) = (query.text("tenant")?, query.time("expires")?);
    let said = query.all("scope");
    let scopes = said.iter().flat_map(|scopes| scopes.split(',')).map(str::parse);
    let mut scopes = scopes.collect::<crate::Result<Vec<Scope>>>()?;
    query.end()?;
    for_the_known(&caller, "the first token is made where the host runs, by `au-host token create`")?;
    if scopes.is_empty() {
        scopes = NewToken::SCOPES.into();
    }
    let new = NewToken { name, tenant: tenant.or(caller.principal.clone()), scopes, lasts }.of_somebody();
    if !is_within(&caller, new.tenant.as_deref()) {
        return Err(refused("a token of a tenant makes tokens of that tenant only"));
    }
    let (made, secret) = app.host().tokens().create(new).await?;
    Ok((StatusCode::CREATED, Json(Made { token: secret.reveal().to_owned(), made })).into_response())
}

/// Removes a token: it opens nothing any more, on any host of this store.
#[utoipa::path(delete, path = "/v1/tokens/{token}", tag = "tokens",
    params(("token" = String, Path, description = "its id")),
    responses((status = 204, description = "it is gone"), super::openapi::Refusals))]
pub(super) async fn remove(State(app): State<App>, caller: Caller, TokenPath(id): TokenPath, query: Query) -> Result {
    query.end()?;
    let tokens = app.host().tokens();
    if caller.principal.is_some() {
        // Another's is as one that is not there.
        let known = tokens.list().await?.into_iter().find(|token| token.id == id);
        known
            .filter(|token| is_within(&caller, token.tenant.as_deref()))
            .ok_or_else(|| Error::not_found("token", id))?;
    }
    tokens.remove(id).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Whether the caller has to do with what is this tenant's.
fn is_within(caller: &Caller, tenant: Option<&str>) -> bool {
    caller.principal.is_none() || caller.principal.as_deref() == tenant
}

/// For those who came with a token: where none is asked for, everybody is let in, and nobody is to be handed what opens other doors.
pub(super) fn for_the_known(caller: &Caller, why: &str) -> Result<()> {
    if caller.token.is_some() { Ok(()) } else { Err(refused(why)) }
}

fn refused(why: &str) -> Problem {
    Problem(Error::request(Misuse::Forbidden, why))
}
