//! The thread that all connections of a store live on.
//!
//! Not the runtime of the caller: a host's heartbeats come from one that has no network, and must go out though all others are busy.

use tokio::runtime::{Builder, Handle, Runtime};

use crate::error::{Error, Result};

/// A runtime of one thread.
#[derive(Debug)]
pub(super) struct Home(Option<Runtime>);

impl Home {
    pub(super) fn new() -> Result<Self> {
        let runtime =
            Builder::new_multi_thread().worker_threads(1).thread_name("au-redis").enable_io().enable_time().build();
        runtime.map(|runtime| Self(Some(runtime))).map_err(|error| Error::fault(super::fault::PART, error))
    }

    /// What runs there ends with the store.
    pub(super) fn handle(&self) -> Option<Handle> {
        self.0.as_ref().map(|runtime| runtime.handle().clone())
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            // To wait for it is not allowed where the store may be dropped.
            runtime.shutdown_background();
        }
    }
}
