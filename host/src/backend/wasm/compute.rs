//! The runtime that guests take turns on. Nothing else runs there: no timer, no heartbeat, no request waits behind a guest.

use std::sync::OnceLock;

use tokio::runtime::{Builder, Handle, Runtime};

use crate::error::{Error, Result};

/// The runtime, made when a guest first needs it.
#[derive(Debug)]
pub(super) struct Compute {
    threads: usize,
    runtime: OnceLock<Runtime>,
}

impl Compute {
    pub(super) fn new(threads: usize) -> Self {
        Self { threads, runtime: OnceLock::new() }
    }

    pub(super) fn handle(&self) -> Result<&Handle> {
        if let Some(runtime) = self.runtime.get() {
            return Ok(runtime.handle());
        }
        let made = Builder::new_multi_thread()
            .worker_threads(self.threads)
            .thread_name("au-wasm-guests")
            .enable_time()
            .build()
            .map_err(|error| Error::fault("wasm runtime", error))?;
        if let Err(spare) = self.runtime.set(made) {
            spare.shutdown_background();
        }
        self.runtime.get().map(Runtime::handle).ok_or_else(|| Error::fault("wasm runtime", "it is gone"))
    }
}

impl Drop for Compute {
    fn drop(&mut self) {
        // The last owner may be a task of another runtime, where waiting for threads to end is not allowed.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
