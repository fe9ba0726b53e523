//! What a function may tell the host and ask it while it runs. In a native program nobody listens.

use std::time::Duration;

/// How much a log line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// For following every step.
    Trace,
    /// For finding a fault.
    Debug,
    /// What happened.
    Info,
    /// What may be wrong.
    Warn,
    /// What is wrong.
    Error,
}

/// Which job this is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The job's id.
    pub job: String,
    /// 1 for the first attempt.
    pub number: u32,
    /// Time left until the attempt times out.
    pub remaining: Duration,
}

/// Adds a line to the job's log. The macros [`info!`](crate::info), … are shorter.
pub fn log(level: Level, message: &str) {
    imp::log(level, message);
}

/// Says how far the function is: `done` runs from 0.0 to 1.0. Only the latest is kept, so say it as often as you like.
pub fn progress(done: f32, note: &str) {
    imp::progress(done, note);
}

/// Whether somebody asked to cancel the job. A function need not look: it is stopped anyway.
#[must_use]
pub fn cancelled() -> bool {
    imp::cancelled()
}

/// Which job this is.
#[must_use]
pub fn current() -> Attempt {
    imp::current()
}

#[cfg(target_family = "wasm")]
use crate::wasm as imp;

#[cfg(not(target_family = "wasm"))]
mod imp {
    use super::{Attempt, Duration, Level};

    pub(super) fn log(_: Level, _: &str) {}

    pub(super) fn progress(_: f32, _: &str) {}

    pub(super) fn cancelled() -> bool {
        false
    }

    pub(super) fn current() -> Attempt {
        Attempt { job: String::new(), number: 1, remaining: Duration::MAX }
    }
}

/// Adds a line of a [`Level`] to the job's log: `log!(Level::Info, "{n} left")`.
#[macro_export]
macro_rules! log {
    ($level:expr, $($message:tt)+) => { $crate::log($level, &::std::format!($($message)+)) };
}

/// Adds a line for following every step.
#[macro_export]
macro_rules! trace {
    ($($message:tt)+) => { $crate::log!($crate::Level::Trace, $($message)+) };
}

/// Adds a line for finding a fault.
#[macro_export]
macro_rules! debug {
    ($($message:tt)+) => { $crate::log!($crate::Level::Debug, $($message)+) };
}

/// Adds a line on what happened.
#[macro_export]
macro_rules! info {
    ($($message:tt)+) => { $crate::log!($crate::Level::Info, $($message)+) };
}

/// Adds a line on what may be wrong.
#[macro_export]
macro_rules! warn {
    ($($message:tt)+) => { $crate::log!($crate::Level::Warn, $($message)+) };
}

/// Adds a line on what is wrong.
#[macro_export]
macro_rules! error {
    ($($message:tt)+) => { $crate::log!($crate::Level::Error, $($message)+) };
}
