//! Middleware: may refuse a request, and may wrap an attempt. It sees neither store nor backend.
//!
//! ```
//! use std::sync::Arc;
//! use std::sync::atomic::{AtomicU64, Ordering};
//!
//! use async_trait::async_trait;
//! use au_host::middleware::{Asked, Middleware, Next};
//! use au_host::{Attempt, Context, Error, LocalConfig, Report, Result};
//!
//! /// Lets nobody ask for one function, and counts the attempts of all others.
//! #[derive(Debug, Default)]
//! struct Guarded {
//!     attempts: AtomicU64,
//! }
//!
//! #[async_trait]
//! impl Middleware for Guarded {
//!     async fn admit(&self, asked: &Asked<'_>) -> Result<()> {
//!         match &*asked.request.function {
//!             "launch" => Err(Error::refused("nobody may launch")),
//!             _ => Ok(()),
//!         }
//!     }
//!
//!     async fn around(&self, attempt: Attempt, context: &Context, next: Next<'_>) -> Result<Report> {
//!         self.attempts.fetch_add(1, Ordering::Relaxed);
//!         next.run(attempt, context).await
//!     }
//! }
//!
//! let config = LocalConfig { middleware: vec![Arc::new(Guarded::default())], ..LocalConfig::default() };
//! # drop(config);
//! ```

pub mod logging;
#[cfg(feature = "http")]
pub mod metrics;
#[cfg(feature = "http")]
pub mod rate_limit;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use futures::future::BoxFuture;

use crate::attempt::{Attempt, Report};
use crate::backend::{Backend, Context};
use crate::error::Result;
use crate::request::Request;

/// Stands between those who ask and the host. Of a list, the first is asked first and is outermost.
#[async_trait]
pub trait Middleware: fmt::Debug + Send + Sync + 'static {
    /// Asked once for each call and each submit, before anything is looked up, kept or run; an error refuses it, and is what
    /// the caller gets. A later one of the list may still refuse what this one let pass. Not asked for further attempts of a job.
    async fn admit(&self, _asked: &Asked<'_>) -> Result<()> {
        Ok(())
    }

    /// Around each attempt, of a call or a job, in the host that owns it. The first attempt of a job without grants whose function
    /// ended at once of late may come before the job is kept. What it returns is what came of the attempt; it runs
    /// at most what `next` runs. Dropping the future must stop the attempt, as it does when `next.run` is simply awaited.
    async fn around(&self, attempt: Attempt, context: &Context, next: Next<'_>) -> Result<Report> {
        next.run(attempt, context).await
    }
}

/// What is asked for.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Asked<'a> {
    /// What, and by whom. Of many jobs with an input each, its input is none of theirs.
    pub request: &'a Request,
    /// How.
    pub way: Way,
}

/// How a function is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Run now, and nothing kept.
    Call,
    /// Kept, as so many jobs.
    Submit {
        /// How many.
        jobs: u64,
        /// Bytes of their inputs.
        bytes: u64,
    },
}

/// What is left to run of an attempt: the middleware after this one, then the backend.
#[derive(Clone, Copy, Debug)]
pub struct Next<'a> {
    rest: &'a [Arc<dyn Middleware>],
    backend: &'a dyn Backend,
}

impl<'a> Next<'a> {
    /// Runs it.
    #[must_use]
    pub fn run<'b>(self, attempt: Attempt, context: &'b Context) -> BoxFuture<'b, Result<Report>>
    where
        'a: 'b,
    {
        match self.rest {
            [] => self.backend.execute(attempt, context),
            [first, rest @ ..] => first.around(attempt, context, Next { rest, backend: self.backend }),
        }
    }
}

/// The middleware of a host, in order. An empty one costs nothing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Chain(pub(crate) Vec<Arc<dyn Middleware>>);

impl Chain {
    pub(crate) async fn admit(&self, request: &Request, way: Way) -> Result<()> {
        for middleware in &self.0 {
            middleware.admit(&Asked { request, way }).await?;
        }
        Ok(())
    }

    pub(crate) fn run<'a>(
        &'a self,
        backend: &'a dyn Backend,
        attempt: Attempt,
        context: &'a Context,
    ) -> BoxFuture<'a, Result<Report>> {
        Next { rest: &self.0, backend }.run(attempt, context)
    }
}
