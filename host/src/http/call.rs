//! `POST /v1/call/{module}/{function}`: runs now, keeps nothing.

use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::Response;

use super::app::App;
use super::path::FunctionPath;
use super::principal::Caller;
use super::problem::Result;
use super::query::Query;
use super::{body, options};
use crate::payload::{OCTETS, Payload};
use crate::request::Request;

/// Calls a function: the body is its input, and the answer's body its output.
#[utoipa::path(post, path = "/v1/call/{module}/{function}", tag = "calls",
    params(
        ("module" = String, Path, description = "a name, or `sha256:` and 64 digits"),
        ("function" = String, Path, description = "one of the module's functions"),
        super::openapi::CallOptions,
    ),
    request_body(content = Object, content_type = "application/json", description = "the input, of whatever Content-Type; none is JSON"),
    responses((status = 200, description = "the output, of its own Content-Type"), super::openapi::Refusals))]
pub(super) async fn call(
    State(app): State<App>,
    caller: Caller,
    FunctionPath { module, function }: FunctionPath,
    mut query: Query,
    // Last and whole: as an argument of their own the headers would be copied.
    request: axum::extract::Request,
) -> Result {
    let (head, body) = request.into_parts();
    let headers = head.headers;
    let (bytes, _share) = body::read(body, &headers, app.budget(), app.limits()).await?;
    let mut request = Request::new(module, function, body::payload(&headers, bytes).await?);
    options::sandbox(&mut query, &mut request)?;
    query.end()?;
    request.principal = caller.principal;
    Ok(answer(&app.host().call(request).await?))
}

/// A payload as an answer.
pub(super) fn answer(payload: &Payload) -> Response {
    let mut response = Response::new(Body::from(payload.bytes().clone()));
    // A payload's type is printable, which is all that a header asks for.
    let kind = HeaderValue::from_str(payload.content_type()).unwrap_or(HeaderValue::from_static(OCTETS));
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}
