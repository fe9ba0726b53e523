//! A job's handle: an id and a host. Whatever it says, it has asked the store or heard from the worker.

use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use futures::stream::{BoxStream, StreamExt};

use crate::attempt::{LogEntry, Progress};
use crate::error::{Error, Result};
use crate::events::{self, Event, Heard};
use crate::host::Host;
use crate::hub::News;
use crate::id::JobId;
use crate::job::{Job, Phase, Status, Summary};
use crate::output::Output;
use crate::payload::Payload;

/// Follows and steers one job. Cloning is cheap. Dropping it does nothing to the job, and it can be made anew from the id
/// alone, in any process on the same store: [`Host::handle`].
pub struct Handle<T = Payload> {
    host: Host,
    id: JobId,
    output: PhantomData<fn() -> T>,
}

impl<T> Handle<T> {
    pub(crate) fn new(host: Host, id: JobId) -> Self {
        Self { host, id, output: PhantomData }
    }

    /// The job's name.
    #[must_use]
    pub fn id(&self) -> JobId {
        self.id
    }

    /// The same job, its output read as another type.
    #[must_use]
    pub fn typed<U: Output>(self) -> Handle<U> {
        Handle::new(self.host, self.id)
    }

    /// Where the job stands, in a word.
    ///
    /// # Errors
    /// `NotFound`, `Expired`, or what the store says.
    pub async fn status(&self) -> Result<Status> {
        self.metadata().await.map(|job| job.status)
    }

    /// Whether it has finished: completed, failed or cancelled.
    ///
    /// # Errors
    /// As for [`status`](Handle::status).
    pub async fn is_ready(&self) -> Result<bool> {
        self.status().await.map(Status::is_finished)
    }

    /// Everything about the job but the bytes of its payloads: labels, times, attempts, worker, fuel, memory, sizes, failure.
    ///
    /// # Errors
    /// As for [`status`](Handle::status).
    pub async fn metadata(&self) -> Result<Summary> {
        self.host.inner.store.peek(self.id, self.host.inner.now()).await
    }

    /// The job with its payloads, as it is now.
    ///
    /// # Errors
    /// As for [`status`](Handle::status).
    pub async fn job(&self) -> Result<Job> {
        self.host.inner.store.get(self.id, self.host.inner.now()).await
    }

    /// The latest progress of the attempt that runs, or of the last one.
    ///
    /// # Errors
    /// As for [`status`](Handle::status).
    pub async fn progress(&self) -> Result<Option<Progress>> {
        self.metadata().await.map(|job| job.progress)
    }

    /// At most `limit` lines of its log, from line number `from`, the first being 0.
    ///
    /// # Errors
    /// As for [`status`](Handle::status).
    pub async fn logs(&self, from: u64, limit: usize) -> Result<Vec<LogEntry>> {
        self.metadata().await?;
        self.host.inner.store.read_log(self.id, from, limit).await
    }

    /// Everything that happens to the job, from now on, with what its log holds already. Ends after the state that is its last.
    /// A listener that is slow misses states and progress in between, never lines or the end, and holds nobody back.
    #[must_use]
    pub fn events(&self) -> BoxStream<'static, Result<Event>> {
        self.events_after(Heard::default()).map(|event| event.map(|(_, event)| event)).boxed()
    }

    /// The same, for a listener that has heard a part already, each event with how far one has come who heard it.
    #[must_use]
    pub fn events_after(&self, heard: Heard) -> BoxStream<'static, Result<(Heard, Event)>> {
        events::events(self.host.clone(), self.id, heard)
    }

    /// Asks to cancel the job. One that waits is cancelled when this returns, one that runs as soon as it has stopped, which
    /// takes about a millisecond; either will never complete. Asking again does no harm.
    ///
    /// # Errors
    /// `Finished` when it has; `NotFound`, `Expired`, or what the store says.
    pub async fn cancel(&self, reason: &str) -> Result<()> {
        let host = &self.host.inner;
        loop {
            let Job { spec, state } = host.store.get(self.id, host.now()).await?;
            let Ok(next) = state.cancel(reason, host.now()) else { return Err(Error::Finished(self.id)) };
            if next.version != state.version {
                match host.store.advance(self.id, &next).await {
                    Ok(()) => {}
                    // It moved on meanwhile: look again.
                    Err(Error::Conflict(_)) => continue,
                    Err(error) => return Err(error),
                }
            }
            match (state.phase, next.phase) {
                (Phase::Pending { run_at }, _) => host.forgo(&spec, run_at),
                (_, Phase::Running { worker, .. }) if worker == host.worker => host.running.cancel(self.id),
                _ => {}
            }
            host.hub.look(self.id);
            return Ok(());
        }
    }

    /// Waits until the job has finished, and says how. No `timeout`: for ever.
    ///
    /// # Errors
    /// `WaitTimedOut`, which leaves the job alone; `NotFound`, `Expired`; or what the store says when it is in trouble.
    pub async fn wait(&self, timeout: impl Into<Option<Duration>>) -> Result<Summary> {
        self.within(timeout.into(), async { self.finished().await.map(|job| job.summary()) }).await
    }

    async fn within<U>(&self, timeout: Option<Duration>, waiting: impl Future<Output = Result<U>>) -> Result<U> {
        match timeout {
            None => waiting.await,
            Some(waited) => {
                let late = Error::WaitTimedOut { id: self.id, waited };
                tokio::time::timeout(waited, waiting).await.unwrap_or(Err(late))
            }
        }
    }

    /// The job, once it has finished. Subscribes before it looks, so that no end slips in between.
    async fn finished(&self) -> Result<Job> {
        let host = &self.host.inner;
        let mut news = host.hub.subscribe(self.id);
        let mut own = host.running.holds(self.id);
        loop {
            if !own && host.look(self.id).await?.status.is_finished() {
                return host.store.get(self.id, host.now()).await;
            }
            match news.next().await {
                News::Finished(job) => return Ok(Job::clone(&job)),
                News::Look => {
                    own = false;
                    host.store.ready().await?;
                }
            }
        }
    }
}

impl<T: Output> Handle<T> {
    /// The output, once the job has finished. No `timeout`: waits for ever.
    ///
    /// # Errors
    /// `Failed` with the reason, `Cancelled`; `WaitTimedOut`, which leaves the job alone; `NotFound`, `Expired`; `Invalid` when
    /// the output is not a `T`; or what the store says when it is in trouble.
    pub async fn result(&self, timeout: impl Into<Option<Duration>>) -> Result<T> {
        let job = self.within(timeout.into(), self.finished()).await?;
        match job.state.phase {
            Phase::Completed { output, .. } => T::read(&output),
            Phase::Failed { failure, .. } => Err(Error::Failed(failure)),
            Phase::Cancelled { reason, .. } => Err(Error::Cancelled { id: self.id, reason }),
            // What `finished` gives has finished; a state that is neither is a bug, told as one.
            Phase::Pending { .. } | Phase::Running { .. } => {
                Err(Error::fault("host", "a finished job is not finished"))
            }
        }
    }
}

impl<T> Clone for Handle<T> {
    fn clone(&self) -> Self {
        Self::new(self.host.clone(), self.id)
    }
}

impl<T> fmt::Debug for Handle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Handle({})", self.id)
    }
}
