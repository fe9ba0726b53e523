//! `PUT /v1/modules`: takes a module in. Its bytes go to the disk as they come, and are looked at when they are whole.

use std::fs::File;
use std::io::{Read as _, Seek as _};

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CONTENT_TYPE, ETAG, LOCATION};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use bytes::Bytes;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use tokio::io::AsyncWriteExt as _;

use super::app::App;
use super::body::Pieces;
use super::modules::etag;
use super::path::ModulePath;
use super::problem::{Problem, Result};
use super::query::Query;
use crate::error::{Error, Misuse};
use crate::id::{Digest, ModuleName, ModuleRef};
use crate::registry::ModuleInfo;

const CONTENT_DIGEST: HeaderName = HeaderName::from_static("content-digest");

/// A module that was taken in.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct Added {
    /// The name that points at it now, if one was given.
    #[schema(value_type = Option<String>)]
    name: Option<ModuleName>,
    #[schema(value_type = super::openapi::Module)]
    module: ModuleInfo,
}

/// Takes a module in: the body is its bytes. The same bytes a second time change nothing.
#[utoipa::path(put, path = "/v1/modules", tag = "modules",
    params(
        ("name" = Option<String>, Query, description = "the name that is to point at it"),
        ("Content-Digest" = Option<String>, Header, description = "sha-256=:…: of the bytes (RFC 9530), to be checked"),
    ),
    request_body(content = String, content_type = "application/wasm", description = "the bytes"),
    responses(
        (status = 201, description = "taken in; Location is its URL", body = Added),
        (status = 200, description = "it was here already", body = Added),
        super::openapi::Refusals,
    ))]
pub(super) async fn upload(State(app): State<App>, mut query: Query, headers: HeaderMap, body: Body) -> Result {
    let name = query.value("name")?;
    query.end()?;
    take(&app, Wanted { name, digest: digest(&headers)? }, &headers, body).await
}

/// Takes a module in under this name; or, where the path has a digest, if it has that digest.
#[utoipa::path(put, path = "/v1/modules/{module}", tag = "modules",
    params(
        ("module" = String, Path, description = "the name that is to point at it; or the digest that it must have"),
        ("Content-Digest" = Option<String>, Header, description = "sha-256=:…: of the bytes (RFC 9530), to be checked"),
    ),
    request_body(content = String, content_type = "application/wasm", description = "the bytes"),
    responses(
        (status = 201, description = "taken in; Location is its URL", body = Added),
        (status = 200, description = "it was here already", body = Added),
        super::openapi::Refusals,
    ))]
pub(super) async fn upload_as(
    State(app): State<App>,
    ModulePath(module): ModulePath,
    query: Query,
    headers: HeaderMap,
    body: Body,
) -> Result {
    query.end()?;
    let digest = digest(&headers)?;
    let wanted = match module {
        ModuleRef::Name(name) => Wanted { name: Some(name), digest },
        ModuleRef::Digest(named) if digest.is_some_and(|digest| digest != named) => return Err(other_digest()),
        ModuleRef::Digest(named) => Wanted { name: None, digest: Some(named) },
    };
    take(&app, wanted, &headers, body).await
}

/// What an upload is to be called, and what it must be.
struct Wanted {
    name: Option<ModuleName>,
    digest: Option<Digest>,
}

async fn take(app: &App, wanted: Wanted, headers: &HeaderMap, body: Body) -> Result {
    let form = headers
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .is_some_and(|kind| kind.starts_with("multipart/"));
    if form {
        return Err(Error::request(Misuse::BadMediaType, "the body must be the module itself, and not a form").into());
    }
    let pieces = Pieces::of(body, headers, app.limits().upload_bytes, app.limits())?;
    let spooled = spool(app, pieces).await?;
    if wanted.digest.is_some_and(|digest| digest != spooled.digest) {
        return Err(other_digest());
    }
    // Never closed. Those who wait hold a file each, and no memory.
    let _turn = app.uploads().acquire().await;
    let known = app.local().module(&spooled.digest.into()).await.is_ok();
    let module = app.local().add_module(spooled.bytes().await?).await?;
    if let Some(name) = &wanted.name {
        app.local().alias(name, module.digest).await?;
    }
    Ok(added(Added { name: wanted.name, module }, if known { StatusCode::OK } else { StatusCode::CREATED }))
}

fn added(added: Added, status: StatusCode) -> Response {
    let digest = added.module.digest;
    let mut response = (status, Json(added)).into_response();
    if let Ok(place) = HeaderValue::from_str(&format!("/v1/modules/{digest}")) {
        response.headers_mut().insert(LOCATION, place);
    }
    response.headers_mut().extend(etag(digest).map(|tag| (ETAG, tag)));
    response
}

/// An upload on the disk, in a file without a name.
struct Spooled {
    file: File,
    size: u64,
    digest: Digest,
}

async fn spool(app: &App, mut pieces: Pieces) -> Result<Spooled> {
    let folder = app.spool().to_owned();
    let file = tokio::task::spawn_blocking(move || tempfile::tempfile_in(folder)).await;
    let mut file = tokio::fs::File::from_std(file.map_err(|error| Error::fault("upload", error))?.map_err(failed)?);
    let (mut hash, mut size) = (Sha256::new(), 0);
    while let Some(piece) = pieces.next().await? {
        hash.update(&piece);
        size += piece.len() as u64;
        file.write_all(&piece).await.map_err(failed)?;
    }
    file.flush().await.map_err(failed)?;
    Ok(Spooled { file: file.into_std().await, size, digest: Digest::from_bytes(hash.finalize().into()) })
}

impl Spooled {
    async fn bytes(self) -> Result<Bytes> {
        let Self { mut file, size, .. } = self;
        let read = tokio::task::spawn_blocking(move || {
            let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
            file.rewind()?;
            file.take(size).read_to_end(&mut bytes)?;
            std::io::Result::Ok(bytes)
        });
        let bytes = read.await.map_err(|error| Error::fault("upload", error))?.map_err(failed)?;
        Ok(bytes.into())
    }
}

fn failed(error: std::io::Error) -> Problem {
    use std::io::ErrorKind::{QuotaExceeded, StorageFull};
    Problem(match error.kind() {
        StorageFull | QuotaExceeded => Error::StorageFull { why: "an upload could not be written".into() },
        _ => Error::fault("upload", error),
    })
}

fn other_digest() -> Problem {
    Problem(Error::request(Misuse::BadDigest, "the body has another digest than was said"))
}

/// The digest that the sender says the body has (RFC 9530), if it does.
fn digest(headers: &HeaderMap) -> Result<Option<Digest>> {
    let Some(value) = headers.get(CONTENT_DIGEST) else { return Ok(None) };
    let entries = value.to_str().unwrap_or_default().split(',').map(str::trim);
    let sent = entries.filter_map(|entry| entry.strip_prefix("sha-256=:")?.strip_suffix(':')).next();
    let digest = sent.and_then(decode);
    digest.map(Some).ok_or_else(|| Problem(Error::request(Misuse::BadHeader, "the Content-Digest has no sha-256=:…:")))
}

/// Thirty-two bytes in base64.
fn decode(text: &str) -> Option<Digest> {
    BASE64_STANDARD.decode(text).ok()?.try_into().ok().map(Digest::from_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_read_as_rfc_9530_writes_it() {
        // Of the RFC's own example, `{"hello": "world"}` with a line break.
        let mut headers = HeaderMap::new();
        let value = "sha-512=:AA==:, sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:";
        headers.insert(CONTENT_DIGEST, value.parse().unwrap());
        assert_eq!(digest(&headers).unwrap_or_else(|_| panic!()), Some(Digest::of(b"{\"hello\": \"world\"}\n")));
        for wrong in
            ["sha-256=:AA==:", "sha-512=:AA==:", "sha-256=x", "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg:"]
        {
            headers.insert(CONTENT_DIGEST, wrong.parse().unwrap());
            assert!(digest(&headers).is_err(), "{wrong}");
        }
    }
}
