//! Backends run attempts and keep nothing. The trait, and what an attempt is run in.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use crate::attempt::{Attempt, Events, Report, Silent};
use crate::error::Result;

#[cfg(feature = "wasm")]
mod blame;
#[cfg(feature = "wasm")]
mod log;
#[cfg(feature = "wasm")]
mod open;
#[cfg(feature = "remote")]
pub mod remote;
mod routed;
mod url;
#[cfg(feature = "wasm")]
pub mod wasm;

#[cfg(feature = "wasm")]
pub(crate) use blame::blame;
#[cfg(feature = "wasm")]
pub use open::{BackendSpec, Backends, RouteSpec};
#[cfg(feature = "wasm")]
pub(crate) use open::{OpenBackends, Parts};
pub use routed::{Route, Routed, Rule};
pub use url::{BackendUrl, Bounds};

/// Runs attempts. Never sees a store.
#[async_trait]
pub trait Backend: fmt::Debug + Send + Sync + 'static {
    /// Runs the attempt to its outcome. When this returns, nothing of the attempt runs any more.
    ///
    /// When `context.cancel` fires it returns soon, with a failure of kind `Cancelled`. Dropping the future stops the
    /// attempt too. It ends by `attempt.sandbox.limits.timeout` at the latest, with a failure of kind `TimedOut`; that is
    /// counted from when there is a place for it, for the caller is not to blame that there was none.
    ///
    /// # Errors
    /// The attempt was not run, and the guest is not to blame: the host may try again.
    async fn execute(&self, attempt: Attempt, context: &Context) -> Result<Report>;

    /// How many attempts may run at once.
    fn capacity(&self) -> usize;
}

/// What an attempt is run in: who hears it, and what stops it.
#[derive(Clone, Debug)]
pub struct Context {
    /// Who hears what it says.
    pub events: Arc<dyn Events>,
    /// Stops it when it fires.
    pub cancel: CancellationToken,
}

impl Context {
    /// Nobody listens, nothing cancels, and nobody may ever have it do so: all calls of a thread that nobody follows share one.
    /// To make it is a tenth of what a host adds to a call; one for all threads would have them wait for each other.
    pub(crate) fn unfollowed() -> Arc<Self> {
        thread_local!(static UNFOLLOWED: Arc<Context> = Arc::default());
        UNFOLLOWED.with(Arc::clone)
    }
}

impl Default for Context {
    /// Nobody listens, nothing cancels.
    fn default() -> Self {
        Self { events: Arc::new(Silent), cancel: CancellationToken::new() }
    }
}
