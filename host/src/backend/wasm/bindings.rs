//! What crosses the border between guest and host, as `wit/au-compute.wit` says it. Types only.
//!
//! Written by hand rather than by `bindgen!`: arguments are lent to the guest, not copied first, and strings that the guest
//! hands over stay where they are until it is known how much of them may be kept.

use wasmtime::component::{ComponentType, Lift, Lower};

use crate::attempt::Level;

/// The interface a guest exports.
pub(super) const GUEST: &str = "au:compute/guest@0.1.0";
/// The interface a guest may import.
pub(super) const HOST: &str = "au:compute/host@0.1.0";

/// A payload on its way in.
#[derive(Clone, Copy, Debug, ComponentType, Lower)]
#[component(record)]
pub(super) struct Input<'a> {
    #[component(name = "content-type")]
    pub(super) content_type: &'a str,
    pub(super) bytes: &'a [u8],
}

/// A payload on its way out.
#[derive(Clone, Debug, ComponentType, Lift)]
#[component(record)]
pub(super) struct Output {
    #[component(name = "content-type")]
    pub(super) content_type: String,
    pub(super) bytes: Vec<u8>,
}

/// Why a function gave no output.
#[derive(Clone, Debug, ComponentType, Lift)]
#[component(variant)]
pub(super) enum Refusal {
    #[component(name = "invalid-input")]
    InvalidInput(String),
    #[component(name = "failed")]
    Failed(String),
    #[component(name = "transient")]
    Transient(String),
}

/// What a guest says of a function.
#[derive(Clone, Debug, ComponentType, Lift)]
#[component(record)]
pub(super) struct Description {
    pub(super) name: String,
    pub(super) summary: String,
    #[component(name = "input-schema")]
    pub(super) input_schema: Option<String>,
    #[component(name = "output-schema")]
    pub(super) output_schema: Option<String>,
}

/// Which job this is.
#[derive(Clone, Debug, ComponentType, Lower)]
#[component(record)]
pub(super) struct Current {
    pub(super) job: String,
    pub(super) number: u32,
    #[component(name = "remaining-ms")]
    pub(super) remaining_ms: u64,
}

/// How much a log line matters, as the guest says it.
#[derive(Clone, Copy, Debug, ComponentType, Lift)]
#[component(enum)]
#[expect(dead_code, reason = "the derived `Lift` makes them")]
#[repr(u8)]
pub(super) enum Severity {
    #[component(name = "trace")]
    Trace,
    #[component(name = "debug")]
    Debug,
    #[component(name = "info")]
    Info,
    #[component(name = "warn")]
    Warn,
    #[component(name = "error")]
    Error,
}

impl From<Severity> for Level {
    fn from(severity: Severity) -> Self {
        match severity {
            Severity::Trace => Self::Trace,
            Severity::Debug => Self::Debug,
            Severity::Info => Self::Info,
            Severity::Warn => Self::Warn,
            Severity::Error => Self::Error,
        }
    }
}
