//! Why a job gave no output: data, kept with the job. What the host could not do is an `Error` instead.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// The quota that an attempt can use up, as `[quota]` has it.
pub(crate) const FUEL_PER_DAY: &str = "fuel_per_day";
/// Longest failure message that is kept, in bytes; the rest is cut.
pub(crate) const MESSAGE_LIMIT: usize = 16 * 1024;

/// What sort of failure it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum FailureKind {
    /// The guest could not use the input.
    InvalidInput,
    /// The guest said it failed.
    Failed,
    /// The guest said it failed, and that running again may help.
    Transient,
    /// The guest panicked.
    Panic,
    /// The guest did what WebAssembly forbids: unreachable code, an access out of bounds, a division by zero.
    Trap,
    /// The guest called more deeply than its stack allows.
    StackOverflow,
    /// The attempt did not end within its time.
    TimedOut,
    /// The guest used up its fuel.
    OutOfFuel,
    /// The guest asked for more memory than it may have.
    OutOfMemory,
    /// The guest asked for more tables, or larger ones, than it may have.
    TableLimit,
    /// The module has more instances than it may have.
    InstanceLimit,
    /// The output is larger than it may be.
    OutputTooLarge,
    /// The guest used something it was not granted.
    NotPermitted,
    /// The module could not be started: it is gone, or asks for an import that does not exist.
    Module,
    /// The worker died, or kept silent beyond its lease, on every attempt there was.
    Lost,
    /// The attempt was stopped because somebody cancelled the job.
    Cancelled,
}

impl FailureKind {
    /// Every kind there is.
    pub const ALL: [Self; 16] = [
        Self::InvalidInput,
        Self::Failed,
        Self::Transient,
        Self::Panic,
        Self::Trap,
        Self::StackOverflow,
        Self::TimedOut,
        Self::OutOfFuel,
        Self::OutOfMemory,
        Self::TableLimit,
        Self::InstanceLimit,
        Self::OutputTooLarge,
        Self::NotPermitted,
        Self::Module,
        Self::Lost,
        Self::Cancelled,
    ];

    /// The stable name, as scripts see it.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::InvalidInput => "invalid-input",
            Self::Failed => "failed",
            Self::Transient => "transient",
            Self::Panic => "panic",
            Self::Trap => "trap",
            Self::StackOverflow => "stack-overflow",
            Self::TimedOut => "timed-out",
            Self::OutOfFuel => "out-of-fuel",
            Self::OutOfMemory => "out-of-memory",
            Self::TableLimit => "table-limit",
            Self::InstanceLimit => "instance-limit",
            Self::OutputTooLarge => "output-too-large",
            Self::NotPermitted => "not-permitted",
            Self::Module => "module",
            Self::Lost => "lost",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether running again may help: the guest said so, or the worker was lost.
    #[must_use]
    pub fn is_retryable(self) -> bool {
        matches!(self, Self::Transient | Self::Lost)
    }
}

impl FromStr for FailureKind {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == text).ok_or_else(|| {
            let all: Vec<_> = Self::ALL.iter().map(|kind| kind.code()).collect();
            Error::invalid("kind of failure", format!("{text:?} is none of {}", all.join(", ")))
        })
    }
}

impl fmt::Display for FailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// Why a job, or a call, gave no output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// What sort of failure.
    pub kind: FailureKind,
    /// What a person should read; at most 16 KiB.
    pub message: String,
    /// The limit that was hit, if one was: its name and value, as in `memory` and 67108864.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<LimitHit>,
    /// Where in the guest: the place of a panic, or the functions of a trap, innermost first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trace: Vec<String>,
}

/// The limit that an attempt ran into.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitHit {
    /// The name of the limit, as in [`Limits`](crate::Limits); or `fuel_per_day`, of which a tenant had so much left.
    pub name: String,
    /// Its value: bytes, elements, units of fuel, or milliseconds of `timeout`.
    pub value: u64,
}

impl Failure {
    /// A failure of this kind. Control characters in the message are escaped, for it is shown on terminals.
    #[must_use]
    pub fn new(kind: FailureKind, message: impl AsRef<str>) -> Self {
        Self { kind, message: clean(message.as_ref(), MESSAGE_LIMIT), limit: None, trace: Vec::new() }
    }

    /// Whether it was what its tenant had left of a quota that was used up, and no limit of its own.
    #[must_use]
    pub fn is_of_quota(&self) -> bool {
        self.limit.as_ref().is_some_and(|limit| limit.name == FUEL_PER_DAY)
    }

    /// The same, naming the limit that was hit.
    #[must_use]
    pub fn with_limit(mut self, name: &str, value: u64) -> Self {
        self.limit = Some(LimitHit { name: name.to_owned(), value });
        self
    }

    /// The same, with where it happened.
    #[must_use]
    pub fn with_trace(mut self, trace: Vec<String>) -> Self {
        self.trace = trace;
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind, self.message)
    }
}

/// `text` cut to `limit` bytes at a character, control characters but newline and tab escaped.
#[must_use]
pub fn clean(text: &str, limit: usize) -> String {
    let mut out = String::with_capacity(text.len().min(limit));
    for c in text.chars() {
        let shown: &mut dyn Iterator<Item = char> =
            if c.is_control() && !matches!(c, '\n' | '\t') { &mut c.escape_default() } else { &mut std::iter::once(c) };
        let before = out.len();
        out.extend(shown);
        if out.len() > limit {
            out.truncate(before);
            out.push('…');
            break;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_cannot_drive_a_terminal() {
        let failure = Failure::new(FailureKind::Failed, "red \u{1b}[31m\u{7}\nnext");
        assert_eq!(failure.message, "red \\u{1b}[31m\\u{7}\nnext");
    }

    #[test]
    fn a_long_message_is_cut_at_a_character() {
        let failure = Failure::new(FailureKind::Failed, "ä".repeat(MESSAGE_LIMIT));
        assert!(failure.message.len() <= MESSAGE_LIMIT + '…'.len_utf8());
        assert!(failure.message.ends_with('…'));
    }

    #[test]
    fn the_code_of_a_kind_is_what_serde_writes() {
        for kind in [FailureKind::OutputTooLarge, FailureKind::TimedOut, FailureKind::Lost, FailureKind::NotPermitted] {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.code());
        }
    }
}
