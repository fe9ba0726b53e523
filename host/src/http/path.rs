//! What a path names: parsed into types before anything uses it.

use std::str::FromStr;

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;

use super::problem::{Problem, Result};
use crate::error::{Error, Misuse};
use crate::id::{JobId, ModuleName, ModuleRef, shorten};

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
    let text = params.iter().find(|(known, _)| *known == name).map_or("", |(_, text)| text);
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

impl<S: Send + Sync> FromRequestParts<S> for FunctionPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        let params = params(parts).await?;
        let Function(function) = part(&params, "function")?;
        Ok(Self { module: part(&params, "module")?, function })
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
