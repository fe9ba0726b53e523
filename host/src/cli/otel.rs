//! `[otel]` of `au-host.toml`, and the traces that a command is part of.

use std::time::Duration;

use au_host::TraceContext;
use au_host::otel::{self, Export};
use tracing::Span;

use super::logging::Told;
use super::trouble::Result;
use tracing_subscriber::layer::Layer as _;

/// How long a program that ends waits for a collector.
const LONGEST: Duration = Duration::from_secs(2);

/// What can be said in it. The environment's `OTEL_…` win over it.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct OtelSection {
    /// The collector, spoken to by OTLP over HTTP: `http://127.0.0.1:4318`.
    endpoint: Option<String>,
}

/// What is sent to a collector, if there is one.
#[derive(Debug)]
pub(crate) struct Traces {
    export: Option<Export>,
    why_not: Option<au_host::Error>,
}

impl OtelSection {
    /// What the operator wrote must be right. The environment is meant for all programs, and stops none.
    pub(crate) fn traces(&self) -> Result<Traces> {
        match Export::configured(self.endpoint.as_deref()) {
            Ok(export) => Ok(Traces { export, why_not: None }),
            Err(error) if self.endpoint.is_some() => Err(error.into()),
            Err(error) => Ok(Traces { export: None, why_not: Some(error) }),
        }
    }
}

impl Traces {
    pub(crate) fn layer(&self) -> Option<Told> {
        self.export.as_ref().map(|export| export.layer().boxed())
    }

    /// Says, once there is somebody to say it to, why nothing is sent that should be.
    pub(crate) fn complain(&self) {
        if let Some(error) = &self.why_not {
            tracing::warn!(error = error.chain(), "no traces are sent");
        }
    }

    /// Around a command, as part of the trace that whoever started it is in (`TRACEPARENT`, `TRACESTATE`).
    pub(crate) fn command(&self, verb: Option<&'static str>) -> Span {
        let Some(verb) = verb.filter(|_| self.export.is_some()) else { return Span::none() };
        let name = format!("au-host {verb}");
        let span = tracing::info_span!(target: "au_host::command", "command", verb, otel.name = name);
        let told = |name| std::env::var(name).ok();
        let parent = told("TRACEPARENT").and_then(|parent| TraceContext::read(&parent, told("TRACESTATE").as_deref()));
        if let Some(parent) = parent {
            otel::adopt(&span, &parent);
        }
        span
    }

    /// Sends what is left to send.
    pub(crate) fn end(self) {
        if let Some(export) = self.export {
            export.end(LONGEST);
        }
    }
}
