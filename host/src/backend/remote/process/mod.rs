//! The backend `process:`: attempts run in child processes of ours, one at a time in each.
//!
//! A kernel boundary around guests: a crash costs one attempt, a child that does not stop is killed, and the operating system
//! limits memory and time as well.

mod confine;
mod death;
mod line;
mod pool;
mod start;
mod worker;

use std::path::PathBuf;
use std::thread::available_parallelism;
use std::time::Duration;

pub use pool::Processes;
pub use worker::worker_main;

/// The first argument that makes `au-host` the child of such a backend.
pub const ARGUMENT: &str = "attempt-child";

/// How a backend of child processes is to behave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessConfig {
    /// The `au-host` program that children are; `None`: the one that compiles for the registry.
    pub program: Option<PathBuf>,
    /// Attempts at once, and children. More wait. Between 1 and 256.
    pub workers: usize,
    /// How long a child with an attempt may say nothing: each says that it lives every second.
    pub silence: Duration,
    /// As of [`WasmConfig`](crate::backend::wasm::WasmConfig).
    pub hardened: bool,
}

/// Children are killed when they do not stop, so the code of their guests need not look whether it is to.
const UNSTOPPABLE: bool = true;
const WORKERS_A_CORE: usize = 4;
/// Each has some threads and some MiB of memory.
const MOST_WORKERS: usize = 256;
const SILENCE: Duration = Duration::from_secs(10);

impl Default for ProcessConfig {
    /// Four children a core.
    fn default() -> Self {
        let workers = available_parallelism().map_or(1, usize::from) * WORKERS_A_CORE;
        Self { program: None, workers: workers.min(MOST_WORKERS), silence: SILENCE, hardened: false }
    }
}
