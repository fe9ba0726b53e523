//! OpenTelemetry: spans of this process as parts of traces, and where they are sent. Nothing here is done, and no thread begun,
//! before somebody makes an [`Export`] and has its layer installed.
//!
//! An attempt of a job is a child of the span that submitted it, and no trace of its own with a link to it: the conventions for
//! messaging allow that where each message is worked on by itself, and it makes one trace from a request to what the guest says,
//! through retries and other processes.

mod export;
mod watched;
mod wire;

use std::sync::atomic::{AtomicBool, Ordering};

use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

pub use export::Export;

use crate::trace::{TraceContext, TraceParent};

/// Whether a layer of ours may be installed: what it costs to describe a span is not paid before.
static ON: AtomicBool = AtomicBool::new(false);

/// What a span is to a trace.
#[derive(Clone, Debug)]
pub(crate) struct Role {
    /// `server`, `producer`, `consumer`.
    pub(crate) kind: &'static str,
    /// Where it was asked for, if that is not the span around it.
    pub(crate) parent: Option<TraceContext>,
}

/// Makes a span, which nobody has entered yet, part of a trace, under this name. It needs the fields `otel.kind` and `otel.name`.
pub(crate) fn begin(span: &Span, role: Role, name: impl FnOnce() -> String) {
    if !ON.load(Ordering::Relaxed) || span.is_disabled() {
        return;
    }
    if let Some(parent) = role.parent {
        // It is another layer's span, or none, where this fails.
        let _ = span.set_parent(remote(&parent));
    }
    span.record("otel.kind", role.kind);
    span.record("otel.name", name());
    // From here on its events are counted: before it began they would be kept without bound.
    drop(span.context());
}

/// Makes a span, which nobody has entered yet, part of a trace that began elsewhere. Where there is no [`Export`] it does nothing.
pub fn adopt(span: &Span, parent: &TraceContext) {
    if ON.load(Ordering::Relaxed) {
        // As in `begin`.
        let _ = span.set_parent(remote(parent));
    }
}

/// Says that what a span is of has failed. It needs the field `otel.status_code`.
pub(crate) fn failed(span: &Span) {
    if ON.load(Ordering::Relaxed) {
        span.record("otel.status_code", "ERROR");
    }
}

/// Where in a trace this span is, if it is in one.
pub(crate) fn place(span: &Span) -> Option<TraceContext> {
    if !ON.load(Ordering::Relaxed) || span.is_disabled() {
        return None;
    }
    let context = span.context();
    let span = context.span();
    let context = span.span_context();
    let (trace, span, flags) = (context.trace_id(), context.span_id(), context.trace_flags());
    let parent = TraceParent::new(trace.to_bytes(), span.to_bytes(), flags.to_u8())?;
    // Its texts are ours, and an empty one is none.
    Some(TraceContext { parent, state: context.trace_state().header().parse().ok() })
}

fn remote(TraceContext { parent, state }: &TraceContext) -> Context {
    let state = state.as_ref().and_then(|state| state.as_str().parse().ok());
    Context::new().with_remote_span_context(SpanContext::new(
        TraceId::from_bytes(parent.trace()),
        SpanId::from_bytes(parent.span()),
        TraceFlags::new(parent.flags()),
        true,
        state.unwrap_or(TraceState::NONE),
    ))
}
