//! What a path names: parsed into types before anything uses it.

use std::str::FromStr;

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::Method;
use axum::http::request::Parts;

use super::problem::{Problem, Result};
use crate::error::{Error, Misuse};
use crate::id::{JobId, ModuleName, ModuleRef, WorkerId, shorten};
use crate::schedule::ScheduleName;
use crate::token::TokenId;

/// Longest name of a function that is looked for.
const FUNCTION: usize = 1024;

/// The job that a path names.
#[derive(Clone, Copy, Debug)]
pub(super) struct JobPath(pub(super) JobId);

/// The module that a path names.
#[derive(Clone, Debug)]
pub(super) struct ModulePath(pub(super) ModuleRef);

/// The alias that a path names.
#[derive(Clone, Debug)]
pub(super) struct AliasPath(pub(super) ModuleName);

/// The schedule that a path names.
#[derive(Clone, Debug)]
pub(super) struct SchedulePath(pub(super) ScheduleName);

/// The queue that a path names.
#[derive(Clone, Debug)]
pub(super) struct QueuePath(pub(super) String);

/// The worker that a path names.
#[derive(Clone, Copy, Debug)]
pub(super) struct WorkerPath(pub(super) WorkerId);

/// The token that a path names.
#[derive(Clone, Copy, Debug)]
pub(super) struct TokenPath(pub(super) TokenId);

/// The function that a path names, of whatever module is asked for by that name.
#[derive(Clone, Debug)]
pub(super) struct LanePath {
    pub(super) module: String,
    pub(super) function: String,
}

/// The function that a path names.
#[derive(Clone, Debug)]
pub(super) struct FunctionPath {
    pub(super) module: ModuleRef,
    pub(super) function: String,
}

async fn params(parts: &mut Parts) -> Result<RawPathParams> {
    let bad = |_| Problem(Error::request(Misuse::BadId, "the path is not UTF-8"));
    RawPathParams::from_request_parts(parts, &()).await.map_err(bad)
}

/// One part of the path. The routes say which there are.
fn part<T: FromStr<Err = Error>>(params: &RawPathParams, name: &str) -> Result<T> {
    read(value(params, name))
}

fn value<'a>(params: &'a RawPathParams, name: &str) -> &'a str {
    params.iter().find(|(known, _)| *known == name).map_or("", |(_, text)| text)
}

fn read<T: FromStr<Err = Error>>(text: &str) -> Result<T> {
    text.parse().map_err(|error: Error| Problem(Error::request(Misuse::BadId, error.to_string())))
}

impl<S: Send + Sync> FromRequestParts<S> for JobPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        Ok(Self(part(&params(parts).await?, "id")?))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for ModulePath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        Ok(Self(part(&params(parts).await?, "module")?))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for AliasPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        Ok(Self(part(&params(parts).await?, "name")?))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for SchedulePath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        Ok(Self(part(&params(parts).await?, "name")?))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for QueuePath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        Ok(Self(named(&params(parts).await?, "queue")?))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for WorkerPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        Ok(Self(part(&params(parts).await?, "worker")?))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for TokenPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        Ok(Self(part(&params(parts).await?, "token")?))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for LanePath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        let params = params(parts).await?;
        Ok(Self { module: named(&params, "module")?, function: named(&params, "function")? })
    }
}

/// A part of the path that can be any name.
fn named(params: &RawPathParams, name: &'static str) -> Result<String> {
    let text = value(params, name);
    match crate::request::text(name, text) {
        Ok(()) => Ok(text.to_owned()),
        Err(error) => Err(Problem(Error::request(Misuse::BadId, error.to_string()))),
    }
}

impl<S: Send + Sync> FromRequestParts<S> for FunctionPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        let params = params(parts).await?;
        Self::of(value(&params, "module"), value(&params, "function"))
    }
}

impl FunctionPath {
    /// That of a call whose path needs no decoding; all others are the router's.
    pub(super) fn of_call(parts: &Parts) -> Option<Result<Self>> {
        let path = parts.uri.path();
        if parts.method != Method::POST || path.contains('%') {
            return None;
        }
        let (module, function) = path.strip_prefix("/v1/call/")?.split_once('/')?;
        let fits = !module.is_empty() && !function.is_empty() && !function.contains('/');
        fits.then(|| Self::of(module, function))
    }

    fn of(module: &str, function: &str) -> Result<Self> {
        let Function(function) = read(function)?;
        Ok(Self { module: read(module)?, function })
    }
}

struct Function(String);

impl FromStr for Function {
    type Err = Error;

    fn from_str(text: &str) -> std::result::Result<Self, Error> {
        if text.is_empty() || text.len() > FUNCTION || text.contains(char::is_control) {
            return Err(Error::invalid("function", format!("{:?} cannot be a function's name", shorten(text))));
        }
        Ok(Self(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::Request;

    #[test]
    fn a_call_is_known_by_its_path_and_all_else_is_left_to_the_router() {
        let of = |method: &str, path: &str| {
            let (parts, ()) = Request::builder().method(method).uri(path).body(()).unwrap().into_parts();
            FunctionPath::of_call(&parts)
        };
        let path = of("POST", "/v1/call/m/f?timeout=1s").unwrap().unwrap();
        assert_eq!((path.module, &*path.function), ("m".parse().unwrap(), "f"));
        assert!(of("POST", "/v1/call/sha256:x/f").unwrap().is_err(), "no digest");
        for (method, path) in [
            ("GET", "/v1/call/m/f"),
            ("POST", "/v1/call/m/f%20g"),
            ("POST", "/v1/call/m/f/"),
            ("POST", "/v1/call//f"),
            ("POST", "/v1/call/m/"),
            ("POST", "/v1/call/m"),
            ("POST", "/v1/submit/m/f"),
        ] {
            assert!(of(method, path).is_none(), "{method} {path}");
        }
    }
}
