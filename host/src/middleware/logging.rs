//! Logs attempts: their start at `debug`, their end at `info`, under the target `au_host::attempt`.
//!
//! Neither what goes in nor what comes out, nor what a guest says of its failure: only what kind it is. Whose the job is, is in
//! the span of the attempt, which the host makes.

use std::time::Instant;

use async_trait::async_trait;
use tracing::Span;

use super::{Middleware, Next};
use crate::attempt::{Attempt, Report, Usage};
use crate::backend::Context;
use crate::error::Result;
use crate::id::{Digest, JobId};
use crate::span::{self, ATTEMPT};

/// Logs each attempt with its job, module, function, outcome, duration and what it used. Where nobody listens it costs nothing.
///
/// `outcome` is `completed`, a kind of failure, `not-run` where the host could not run it, and `dropped` where whoever called
/// did not stay for it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Logging;

#[async_trait]
impl Middleware for Logging {
    async fn around(&self, attempt: Attempt, context: &Context, next: Next<'_>) -> Result<Report> {
        if !tracing::enabled!(target: ATTEMPT, tracing::Level::INFO) {
            return next.run(attempt, context).await;
        }
        let mut end = End::of(&attempt);
        tracing::debug!(
            target: ATTEMPT, job = %end.job, attempt = end.attempt, module = %end.module, function = end.function,
            "attempt started"
        );
        let ended = next.run(attempt, context).await;
        end.is(&ended);
        ended
    }
}

/// Logged when it goes: an attempt whose future is dropped has ended, too.
struct End {
    job: JobId,
    attempt: u32,
    module: Digest,
    function: String,
    began: Instant,
    outcome: &'static str,
    usage: Usage,
    error: Option<String>,
}

impl End {
    fn of(attempt: &Attempt) -> Self {
        Self {
            job: attempt.job,
            attempt: attempt.number,
            module: attempt.module,
            function: attempt.function.clone(),
            began: Instant::now(),
            outcome: "dropped",
            usage: Usage::default(),
            error: None,
        }
    }

    fn is(&mut self, ended: &Result<Report>) {
        self.outcome = span::outcome(ended);
        match ended {
            Ok(report) => self.usage = report.usage.clone(),
            Err(error) => self.error = Some(error.chain()),
        }
    }
}

impl Drop for End {
    fn drop(&mut self) {
        let Self { job, attempt, module, function, outcome, .. } = self;
        let peak_memory = (self.usage.peak_memory > 0).then_some(self.usage.peak_memory);
        tracing::info!(
            target: ATTEMPT,
            %job,
            attempt,
            %module,
            function,
            outcome,
            duration_ms = span::millis(self.began.elapsed()),
            fuel = self.usage.fuel,
            peak_memory,
            error = self.error,
            trace_id = span::trace_id(&Span::current()),
            "attempt ended"
        );
    }
}
