//! Who asks. The one place where a request becomes an authenticated caller: today everybody who reaches this host is the same
//! nobody, who may do everything.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use super::app::App;
use super::problem::Result;
use crate::error::Error;
use crate::handle::Handle;
use crate::id::JobId;
use crate::job::Summary;

/// Who asks, as the door established it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Caller {
    /// Its jobs are marked with this, and no others are its own; `None`: all jobs are.
    pub(super) principal: Option<String>,
}

/// Establishes who sends this request, or refuses it. The door calls this for each request before its handler sees it.
pub(super) fn establish(_app: &App, _parts: &Parts) -> Result<Caller> {
    Ok(Caller::default())
}

impl Caller {
    /// Whether it may know of this job.
    pub(super) fn owns(&self, job: &Summary) -> bool {
        self.principal.is_none() || self.principal == job.options.principal
    }

    /// The handle of a job it may know of, and what is known of it; another's job is as one that is not there.
    pub(super) async fn job(&self, app: &App, id: JobId) -> Result<(Handle, Summary)> {
        let handle = app.host().handle(id);
        let job = handle.metadata().await?;
        if self.owns(&job) { Ok((handle, job)) } else { Err(Error::not_found("job", id).into()) }
    }
}

impl FromRequestParts<App> for Caller {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _app: &App) -> std::result::Result<Self, Infallible> {
        // The door put it there; without it nobody is anybody.
        Ok(parts.extensions.get().cloned().unwrap_or_default())
    }
}
