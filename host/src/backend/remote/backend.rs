//! A backend whose attempts run elsewhere, on whatever transport.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;

use super::conversation::{Transport, converse};
use super::elsewhere::{Elsewhere, ElsewhereConfig};
use super::process::{ProcessConfig, Processes};
use crate::attempt::{Attempt, Report};
use crate::backend::{Backend, Context};
use crate::error::{Error, Result};
use crate::registry::Registry;

/// Runs attempts elsewhere. Nothing of it is left when it is dropped.
#[derive(Debug)]
pub struct Remote<T> {
    transport: Arc<T>,
    /// Its own, so that no guest and no caller keeps a heartbeat waiting. Only taken when it is dropped.
    runtime: Option<Runtime>,
}

impl Remote<Processes> {
    /// A backend that runs the modules of this registry in child processes. They are started when they are needed.
    ///
    /// # Errors
    /// `NotFound` when there is no `au-host` program to run, `Fault` when a thread cannot be started.
    pub fn processes(registry: Arc<Registry>, config: ProcessConfig) -> Result<Self> {
        Self::over(Processes::new(registry, config)?)
    }

    /// Starts as many children as there are cores, in the background, so that none need be waited for.
    pub fn warm(&self) {
        if let Some(runtime) = &self.runtime {
            let transport = Arc::clone(&self.transport);
            // It ends with the runtime.
            drop(runtime.spawn(async move { transport.refill().await }));
        }
    }

    /// Whether a child can be started: what became of one that was.
    ///
    /// # Errors
    /// Why not.
    pub async fn check(&self) -> Result<()> {
        let transport = Arc::clone(&self.transport);
        let checking = self.runtime()?.spawn(async move { transport.check().await });
        checking.await.map_err(|error| Error::fault("remote backend", error))?
    }
}

impl Remote<Elsewhere> {
    /// A backend that runs attempts on the host at `url`. Modules that are not there are sent from this registry. Nothing is
    /// sent yet.
    ///
    /// # Errors
    /// `Invalid` for a URL or a token that cannot be used, `Fault` when a thread cannot be started.
    pub fn elsewhere(registry: Arc<Registry>, url: &str, config: ElsewhereConfig) -> Result<Self> {
        Self::over(Elsewhere::new(registry, url, config)?)
    }

    /// Whether the host answers, and lets this one in.
    ///
    /// # Errors
    /// Why not.
    pub async fn check(&self) -> Result<()> {
        let transport = Arc::clone(&self.transport);
        let checking = self.runtime()?.spawn(async move { transport.check().await });
        checking.await.map_err(|error| Error::fault("remote backend", error))?
    }
}

impl<T> Remote<T> {
    fn over(transport: T) -> Result<Self> {
        let runtime = Builder::new_multi_thread().worker_threads(1).thread_name("au-remote").enable_all().build();
        let runtime = runtime.map_err(|error| Error::fault("remote backend", error))?;
        Ok(Self { transport: Arc::new(transport), runtime: Some(runtime) })
    }

    fn runtime(&self) -> Result<&Runtime> {
        self.runtime.as_ref().ok_or_else(|| Error::fault("remote backend", "it is gone"))
    }
}

#[async_trait]
impl<T: Transport> Backend for Remote<T> {
    async fn execute(&self, attempt: Attempt, context: &Context) -> Result<Report> {
        let (answer, answered) = oneshot::channel();
        let (transport, context) = (Arc::clone(&self.transport), context.clone());
        // It ends soon after `answered` has gone.
        self.runtime()?.spawn(async move { converse(&*transport, attempt, context, answer).await });
        answered.await.map_err(|error| Error::fault("remote backend", error))?
    }

    fn capacity(&self) -> usize {
        self.transport.capacity()
    }
}

impl<T> Drop for Remote<T> {
    fn drop(&mut self) {
        // The last owner may be a task of another runtime, where waiting for threads to end is not allowed.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
