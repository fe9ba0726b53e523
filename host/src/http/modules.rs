//! `/v1/modules` and `/v1/aliases`: which modules there are, what they offer, and what they are called.

use axum::Json;
use axum::extract::State;
use axum::http::header::{ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::IntoResponse;
use serde::Serialize;

use super::app::App;
use super::path::{AliasPath, ModulePath};
use super::problem::Result;
use super::query::{Query, bad};
use crate::id::{Digest, ModuleName, ModuleRef};
use crate::local::Removed;
use crate::registry::Listed;

/// All modules.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct All {
    #[schema(value_type = Vec<super::openapi::ListedModule>)]
    modules: Vec<Listed>,
}

/// Lists modules, those added last first, with their names.
#[utoipa::path(get, path = "/v1/modules", tag = "modules",
    responses((status = 200, description = "all modules", body = All), super::openapi::Refusals))]
pub(super) async fn list(State(app): State<App>, query: Query) -> Result {
    query.end()?;
    Ok(Json(All { modules: app.local().list_modules().await? }).into_response())
}

/// Shows a module: what it asks for, and its functions with their schemas. Its digest is its ETag.
#[utoipa::path(get, path = "/v1/modules/{module}", tag = "modules",
    params(
        ("module" = String, Path, description = "a name, or `sha256:` and 64 digits"),
        ("If-None-Match" = Option<String>, Header, description = "the ETag of what is known already"),
    ),
    responses(
        (status = 200, description = "the module", body = super::openapi::Module),
        (status = 304, description = "it is what is known already"),
        super::openapi::Refusals,
    ))]
pub(super) async fn show(
    State(app): State<App>,
    ModulePath(module): ModulePath,
    query: Query,
    headers: HeaderMap,
) -> Result {
    query.end()?;
    let info = app.local().module(&module).await?;
    let tag = etag(info.digest);
    let known = is_known(&headers, info.digest);
    let mut response = if known { StatusCode::NOT_MODIFIED.into_response() } else { Json(info).into_response() };
    response.headers_mut().extend(tag.map(|tag| (ETAG, tag)));
    Ok(response)
}

/// The ETag of what has this digest.
pub(super) fn etag(digest: Digest) -> Option<HeaderValue> {
    HeaderValue::from_str(&format!("\"{digest}\"")).ok()
}

/// Whether who asks has what has this digest already.
pub(super) fn is_known(headers: &HeaderMap, digest: Digest) -> bool {
    headers.get_all(IF_NONE_MATCH).iter().any(|tags| matches(tags, digest))
}

fn matches(tags: &HeaderValue, digest: Digest) -> bool {
    let own = format!("\"{digest}\"");
    let tags = tags.to_str().unwrap_or_default().split(',').map(str::trim);
    tags.map(|tag| tag.strip_prefix("W/").unwrap_or(tag)).any(|tag| tag == "*" || tag == own)
}

/// What is gone.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct Gone {
    /// The names.
    #[schema(value_type = Vec<String>)]
    names: Vec<ModuleName>,
    /// The module, if it is gone too.
    #[schema(value_type = Option<String>)]
    module: Option<Digest>,
}

/// Removes a name, and the module with its last name; or, by its digest, a module with all its names.
#[utoipa::path(delete, path = "/v1/modules/{module}", tag = "modules",
    params(("module" = String, Path, description = "a name, or `sha256:` and 64 digits")),
    responses((status = 200, description = "what is gone", body = Gone), super::openapi::Refusals))]
pub(super) async fn remove(State(app): State<App>, ModulePath(module): ModulePath, query: Query) -> Result {
    query.end()?;
    let gone = match app.local().remove(&module).await? {
        Removed::Name(name) => Gone { names: vec![name], module: None },
        Removed::Module { digest, names } => Gone { names, module: Some(digest) },
    };
    Ok(Json(gone).into_response())
}

/// What a name points at.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct Alias {
    #[schema(value_type = String)]
    name: ModuleName,
    #[schema(value_type = String)]
    module: Digest,
}

/// Points a name at a module, in one step.
#[utoipa::path(put, path = "/v1/aliases/{name}", tag = "modules",
    params(
        ("name" = String, Path, description = "1 to 64 of a-z 0-9 . _ -"),
        ("module" = String, Query, description = "another name of the module, or its digest"),
    ),
    responses((status = 200, description = "what it points at now", body = Alias), super::openapi::Refusals))]
pub(super) async fn alias(State(app): State<App>, AliasPath(name): AliasPath, mut query: Query) -> Result {
    let module: Option<ModuleRef> = query.value("module")?;
    query.end()?;
    let module = module.ok_or_else(|| bad("module= says what it is to point at".into()))?;
    let module = app.local().module(&module).await?.digest;
    app.local().alias(&name, module).await?;
    Ok(Json(Alias { name, module }).into_response())
}

/// Removes a name; the module stays.
#[utoipa::path(delete, path = "/v1/aliases/{name}", tag = "modules",
    params(("name" = String, Path, description = "the name")),
    responses((status = 204, description = "it is gone"), super::openapi::Refusals))]
pub(super) async fn unalias(State(app): State<App>, AliasPath(name): AliasPath, query: Query) -> Result {
    query.end()?;
    app.local().unalias(&name).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
