//! What `tracing` hears of submits and attempts: a span around each, and what a guest says as events of its attempt.
//!
//! With nobody who listens this is a look at a number that does not change: nothing is made, copied or written. It logs nothing
//! that a caller sent as input, and no failure's message, which is a guest's own words.

use std::sync::Arc;
use std::time::Duration;

use tracing::field::{Empty, display};
use tracing::{Instrument as _, Span};

use crate::attempt::{Attempt, Events, Level, Progress, Report};
use crate::backend::{Backend, Context};
use crate::error::Result;
use crate::failure::clean;
use crate::id::{JobId, ModuleRef};
use crate::job::Options;
use crate::middleware::Chain;
use crate::otel::{self, Role};
use crate::request::Request;

/// The target of spans and events of attempts.
pub(crate) const ATTEMPT: &str = "au_host::attempt";
const SUBMIT: &str = "au_host::submit";
/// The target of what guests say, each line at the level `debug`: no guest may fill the log of a host that did not ask for it.
pub(crate) const GUEST: &str = "au_host::guest";
/// Of a guest's line, this many bytes are an event. The job's own log has all of it.
const LINE: usize = 4096;

/// What an attempt does not know of itself.
#[derive(Clone, Debug)]
pub(crate) struct About<'a> {
    pub(crate) tenant: Option<&'a str>,
    /// What the module was called by whoever asked.
    pub(crate) module_name: Option<&'a str>,
    pub(crate) role: Role,
}

impl<'a> About<'a> {
    /// Of a request, by the parts that are not handed on to its attempt.
    pub(crate) fn asked(tenant: &'a Option<String>, name: &'a Option<String>, module: &'a ModuleRef) -> Self {
        let named = match module {
            ModuleRef::Name(name) => Some(name.as_str()),
            ModuleRef::Digest(_) => None,
        };
        let role = Role { kind: "internal", parent: None };
        Self { tenant: tenant.as_deref(), module_name: name.as_deref().or(named), role }
    }

    /// Of a job: it is part of the trace it was submitted in.
    pub(crate) fn job(options: &'a Options) -> Self {
        let Options { principal, module_name, .. } = options;
        let role = Role { kind: "consumer", parent: options.trace_context() };
        Self { tenant: principal.as_deref(), module_name: module_name.as_deref(), role }
    }
}

/// Around a submit of so many jobs.
pub(crate) fn submit(request: &Request, jobs: usize) -> Span {
    let About { tenant, module_name, .. } = About::asked(&request.principal, &request.module_name, &request.module);
    let span = tracing::info_span!(
        target: SUBMIT,
        "submit",
        module_name,
        function = crate::id::shorten(&request.function),
        tenant,
        jobs,
        job = Empty,
        otel.kind = Empty,
        otel.name = Empty,
    );
    otel::begin(&span, Role { kind: "producer", parent: None }, || "submit".to_owned());
    span
}

/// Names the job that the current submit is of.
pub(crate) fn submitted(id: JobId) {
    Span::current().record("job", display(id));
}

/// Around an attempt, within the current span.
pub(crate) fn attempt(attempt: &Attempt, about: About<'_>) -> Span {
    let About { tenant, module_name, role } = about;
    let span = tracing::info_span!(
        target: ATTEMPT,
        "attempt",
        job = %attempt.job,
        attempt = attempt.number,
        module = %attempt.module,
        module_name,
        function = attempt.function,
        tenant,
        outcome = Empty,
        fuel = Empty,
        peak_memory = Empty,
        otel.kind = Empty,
        otel.name = Empty,
        otel.status_code = Empty,
    );
    otel::begin(&span, role, || format!("attempt {}", attempt.function));
    span
}

/// Whether anybody hears what happens in this span of an attempt.
pub(crate) fn is_heard(span: &Span) -> bool {
    !span.is_disabled() || tracing::enabled!(target: GUEST, tracing::Level::DEBUG)
}

/// Runs an attempt in its span.
pub(crate) async fn run(
    span: Span,
    chain: &Chain,
    backend: &dyn Backend,
    attempt: Attempt,
    context: &Context,
) -> Result<Report> {
    let events = Overheard { span: span.clone(), job: attempt.job, events: Arc::clone(&context.events) };
    let context = Context { events: Arc::new(events), cancel: context.cancel.clone() };
    let ended = chain.run(backend, attempt, &context).instrument(span.clone()).await;
    span.record("outcome", outcome(&ended));
    if !matches!(outcome(&ended), "completed" | "cancelled") {
        otel::failed(&span);
    }
    if let Ok(report) = &ended {
        span.record("fuel", report.usage.fuel);
        span.record("peak_memory", report.usage.peak_memory);
    }
    ended
}

/// What came of an attempt, in a word: `completed`, `not-run`, or the kind of its failure.
pub(crate) fn outcome(ended: &Result<Report>) -> &'static str {
    match ended {
        Err(_) => "not-run",
        Ok(Report { outcome: Ok(_), .. }) => "completed",
        Ok(Report { outcome: Err(failure), .. }) => failure.kind.code(),
    }
}

/// The trace that this span is in, if it is in one: what logs and traces have in common.
pub(crate) fn trace_id(span: &Span) -> Option<String> {
    otel::place(span).map(|place| hex::encode(place.parent.trace()))
}

/// A time as logs have it: milliseconds, to the microsecond.
pub(crate) fn millis(took: Duration) -> f64 {
    (took.as_secs_f64() * 1e6).round() / 1e3
}

/// Hears what a guest says before it goes on to whom it is meant for.
#[derive(Debug)]
struct Overheard {
    span: Span,
    job: JobId,
    events: Arc<dyn Events>,
}

impl Events for Overheard {
    fn log(&self, level: Level, message: String) {
        // Not by the current span: a guest that has yielded goes on in a thread that knows none.
        tracing::debug!(
            target: GUEST, parent: &self.span, job = %self.job, severity = level.as_str(), "{}", line(&message)
        );
        self.events.log(level, message);
    }

    fn progress(&self, progress: Progress) {
        self.events.progress(progress);
    }
}

/// What a guest said, as one line that can neither drive a terminal nor pass for another.
fn line(message: &str) -> String {
    clean(message, LINE).replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_a_guest_is_one_line_and_not_endless() {
        assert_eq!(line("a\nINFO forged \u{1b}[31m\u{7f}"), "a\\nINFO forged \\u{1b}[31m\\u{7f}");
        assert!(line(&"x".repeat(LINE * 2)).len() < LINE + 8);
    }
}
