//! Who asks. The one place where a request becomes an authenticated caller: by the token it carries, whose tenant is the
//! principal of its jobs. Where no token is needed, everybody is the same nobody, who may do everything.

use axum::http::request::Parts;

use super::app::App;
use super::auth;
use super::problem::{Problem, Result};
use super::query::Query;
use crate::error::{Error, Misuse};
use crate::handle::Handle;
use crate::id::JobId;
use crate::job::Summary;
use crate::token::TokenId;

/// Who asks, as the door established it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Caller {
    /// Its jobs are marked with this, and no others are its own; `None`: all jobs are.
    pub(super) principal: Option<String>,
    /// The token by which it is known, if one was needed.
    pub(super) token: Option<TokenId>,
}

/// Establishes who sends this request, or refuses it. The door calls this for each request before its handler sees it.
pub(super) async fn establish(app: &App, parts: &Parts) -> Result<Caller> {
    let nobody = Caller { principal: None, token: None };
    let Some(scope) = auth::needed(&parts.method, &parts.uri) else { return Ok(nobody) };
    let Some(token) = app.guard().token(&parts.headers).await? else { return Ok(nobody) };
    auth::permit(&token, scope)?;
    Ok(Caller { principal: token.tenant, token: Some(token.id) })
}

impl Caller {
    /// The tenant that a query means by `tenant=`: for one that belongs to none, whichever it names, and else its own, which is all it
    /// may name; `why` says so.
    pub(super) fn tenant(&self, query: &mut Query, why: &str) -> Result<Option<String>> {
        let asked = query.text("tenant")?;
        if self.principal.is_some() && asked.is_some() && asked != self.principal {
            return Err(Problem(Error::request(Misuse::Forbidden, why)));
        }
        Ok(asked.or_else(|| self.principal.clone()))
    }

    /// Whether it may know of this job.
    pub(super) fn owns(&self, job: &Summary) -> bool {
        self.principal.is_none() || self.principal == job.options.principal
    }

    /// The handle of a job it may know of, and what is known of it; another's job is as one that is not there.
    pub(super) async fn job(&self, app: &App, id: JobId) -> Result<(Handle, Summary)> {
        let handle = app.host().handle(id);
        let job = match handle.metadata().await {
            // Whose it was is not known any more, and strangers are to learn nothing.
            Err(Error::Expired(_)) if self.principal.is_some() => return Err(Error::not_found("job", id).into()),
            job => job?,
        };
        if self.owns(&job) { Ok((handle, job)) } else { Err(Error::not_found("job", id).into()) }
    }
}
