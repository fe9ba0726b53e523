//! A job's handle: an id, and who answers for it: a host in this process, or one elsewhere. Whatever it says, it has asked.

use std::fmt;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::stream::{self, BoxStream, StreamExt};

use crate::answers::Answers;
use crate::attempt::{LogEntry, Progress};
use crate::error::{Error, Result};
use crate::events::{Event, Heard};
use crate::id::JobId;
use crate::job::{Job, Phase, Status, Summary};
use crate::output::Output;
use crate::payload::Payload;
use crate::webhook::Delivery;

/// Follows and steers one job. Cloning is cheap. Dropping it does nothing to the job, and it can be made anew from the id
/// alone, in any process on the same store: [`Host::handle`](crate::Host::handle).
pub struct Handle<T = Payload> {
    from: Arc<dyn Answers>,
    id: JobId,
    ended: Option<Arc<Ended>>,
    output: PhantomData<fn() -> T>,
}

/// A job that had finished when it was kept, without a word, until somebody has its result.
type Ended = Mutex<Option<Job>>;

/// Most bytes of an output that a handle holds until it is asked for.
const LIGHT: u64 = 4 << 10;

impl<T> Handle<T> {
    pub(crate) fn new(from: Arc<dyn Answers>, id: JobId) -> Self {
        Self { from, id, ended: None, output: PhantomData }
    }

    /// The same, of a job that has finished if it is given here: its result need not be asked for.
    pub(crate) fn ended(self, job: Option<Job>) -> Self {
        let ended = job.filter(|job| match &job.state.phase {
            Phase::Completed { output, .. } => output.len() <= LIGHT,
            Phase::Failed { .. } => true,
            _ => false,
        });
        Self { ended: ended.map(|job| Arc::new(Mutex::new(Some(job)))), ..self }
    }

    fn with_ended<U>(&self, with: impl FnOnce(&mut Option<Job>) -> Option<U>) -> Option<U> {
        // What is done under it is a move or a copy.
        with(&mut self.ended.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The job's name.
    #[must_use]
    pub fn id(&self) -> JobId {
        self.id
    }

    /// The same job, its output read as another type.
    #[must_use]
    pub fn typed<U: Output>(self) -> Handle<U> {
        Handle { from: self.from, id: self.id, ended: self.ended, output: PhantomData }
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
        self.from.metadata(self.id).await
    }

    /// The job with its payloads, as it is now.
    ///
    /// # Errors
    /// As for [`status`](Handle::status).
    pub async fn job(&self) -> Result<Job> {
        self.from.job(self.id).await
    }

    /// The latest progress of the attempt that runs, or of the last one.
    ///
    /// # Errors
    /// As for [`status`](Handle::status).
    pub async fn progress(&self) -> Result<Option<Progress>> {
        self.metadata().await.map(|job| job.progress)
    }

    /// How the delivery of its webhook stands. `None` for a job without one.
    ///
    /// # Errors
    /// As for [`status`](Handle::status).
    pub async fn webhook(&self) -> Result<Option<Delivery>> {
        self.from.webhook(self.id).await
    }

    /// At most `limit` lines of its log, from line number `from`, the first being 0.
    ///
    /// # Errors
    /// As for [`status`](Handle::status).
    pub async fn logs(&self, from: u64, limit: usize) -> Result<Vec<LogEntry>> {
        self.from.logs(self.id, from, limit).await
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
        match self.with_ended(|job| job.as_ref().map(Job::summary)) {
            Some(job) if heard == Heard::default() && job.progress.is_none() => {
                let heard = Heard { lines: 0, version: job.version };
                stream::once(async move { Ok((heard, Event::Status(Box::new(job)))) }).boxed()
            }
            _ => Arc::clone(&self.from).events(self.id, heard),
        }
    }

    /// Asks to cancel the job. One that waits is cancelled when this returns, one that runs as soon as it has stopped, which
    /// takes about a millisecond; either will never complete. Asking again does no harm.
    ///
    /// # Errors
    /// `Finished` when it has; `NotFound`, `Expired`, or what the store says.
    pub async fn cancel(&self, reason: &str) -> Result<()> {
        self.from.cancel(self.id, reason).await
    }

    /// Waits until the job has finished, and says how. No `timeout`: for ever.
    ///
    /// # Errors
    /// `WaitTimedOut`, which leaves the job alone; `NotFound`, `Expired`; or what the store says when it is in trouble.
    pub async fn wait(&self, timeout: impl Into<Option<Duration>>) -> Result<Summary> {
        match self.with_ended(|job| job.as_ref().map(Job::summary)) {
            Some(job) => Ok(job),
            None => self.within(timeout.into(), self.from.finished(self.id)).await,
        }
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
}

impl<T: Output> Handle<T> {
    /// The output, once the job has finished. No `timeout`: waits for ever.
    ///
    /// # Errors
    /// `Failed` with the reason, `Cancelled`; `WaitTimedOut`, which leaves the job alone; `NotFound`, `Expired`; `Invalid` when
    /// the output is not a `T`; or what the store says when it is in trouble.
    pub async fn result(&self, timeout: impl Into<Option<Duration>>) -> Result<T> {
        match self.with_ended(Option::take) {
            Some(job) => T::read(&job.output()?),
            None => T::read(&self.within(timeout.into(), self.from.output(self.id)).await?),
        }
    }
}

impl<T> Clone for Handle<T> {
    fn clone(&self) -> Self {
        Self { from: Arc::clone(&self.from), id: self.id, ended: self.ended.clone(), output: PhantomData }
    }
}

impl<T> fmt::Debug for Handle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Handle({})", self.id)
    }
}
