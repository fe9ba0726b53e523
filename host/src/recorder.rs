//! What a job says while it runs, on its way to the store: gathered for a moment, so that a chatty guest costs few writes.
//!
//! Log lines are within the limits of the sandbox when they come here; of progress only the latest is kept.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;

use crate::attempt::{Events, Level, LogEntry, Progress};
use crate::error::Error;
use crate::host::Inner;
use crate::id::JobId;
use crate::job::State;

/// What is said within this time is one write.
const GATHER: Duration = Duration::from_millis(100);

/// Records one attempt. Clones write the same record.
#[derive(Clone, Debug)]
pub(crate) struct Recorder(Arc<Record>);

#[derive(Debug)]
struct Record {
    inner: Arc<Inner>,
    runtime: Handle,
    id: JobId,
    attempt: u32,
    said: Mutex<Said>,
    /// The state as this host last knew it. Held while anything is written, so that writes come one after the other.
    state: tokio::sync::Mutex<State>,
}

#[derive(Debug, Default)]
struct Said {
    log: Vec<LogEntry>,
    progress: Option<Progress>,
    /// Whether somebody is about to write it.
    gathering: bool,
    /// Whether nothing is written any more.
    closed: bool,
}

impl Recorder {
    pub(crate) fn new(inner: &Arc<Inner>, id: JobId, state: State) -> Self {
        Self(Arc::new(Record {
            inner: Arc::clone(inner),
            runtime: inner.runtime.clone(),
            id,
            attempt: state.attempt,
            said: Mutex::default(),
            state: tokio::sync::Mutex::new(state),
        }))
    }

    /// Writes what is left of the log, and gives the state with the latest progress in it.
    pub(crate) async fn close(&self) -> State {
        let mut state = self.0.state.lock().await;
        let (log, progress) = self.0.last_words();
        self.0.write_log(&log).await;
        state.progress = progress.or(state.progress.take());
        state.clone()
    }

    /// Holds back whatever would be written until this is dropped.
    pub(crate) async fn hold(&self) -> tokio::sync::MutexGuard<'_, State> {
        self.0.state.lock().await
    }

    /// The latest progress, if not a line was said; then nothing is heard any more.
    pub(crate) fn close_silent(&self) -> Option<Option<Progress>> {
        let mut said = self.0.said();
        said.log.is_empty().then(|| {
            said.closed = true;
            said.progress.take()
        })
    }

    /// Lets go of what was said, and hears no more: there is no job that it could be kept with.
    pub(crate) fn forget(&self) {
        drop(self.0.last_words());
    }

    fn say(&self, say: impl FnOnce(&mut Said)) {
        let mut said = self.0.said();
        if said.closed {
            return;
        }
        say(&mut said);
        if !std::mem::replace(&mut said.gathering, true) {
            // It ends by itself: what it would write is written by `close` at the latest.
            self.0.runtime.spawn(Arc::clone(&self.0).gather());
        }
    }
}

impl Events for Recorder {
    fn log(&self, level: Level, message: String) {
        let entry = LogEntry { at: self.0.inner.now(), attempt: self.0.attempt, level, message };
        self.say(|said| said.log.push(entry));
    }

    fn progress(&self, progress: Progress) {
        self.say(|said| said.progress = Some(progress));
    }
}

impl Record {
    async fn gather(self: Arc<Self>) {
        tokio::time::sleep(GATHER).await;
        let mut state = self.state.lock().await;
        let (log, progress) = self.take();
        let logged = !log.is_empty();
        self.write_log(&log).await;
        if let Some(progress) = progress {
            self.renew(&mut state, progress).await;
        } else if logged {
            self.inner.hub.look(self.id);
        }
    }

    async fn write_log(&self, log: &[LogEntry]) {
        if log.is_empty() {
            return;
        }
        if let Err(error) = self.inner.store.append_log(self.id, log).await {
            tracing::error!(job = %self.id, lines = log.len(), error = error.chain(), "log lines were lost");
        }
    }

    /// Writes the progress; if that fails, the next or the end will tell it.
    async fn renew(&self, state: &mut State, progress: Progress) {
        for _ in 0..2 {
            let Ok(next) = state.renew(self.inner.worker, progress.clone()) else { return };
            match self.inner.store.advance(self.id, &next).await {
                Ok(()) => {
                    *state = next;
                    return self.inner.hub.look(self.id);
                }
                Err(Error::Conflict(_)) => match self.inner.store.get(self.id, self.inner.now()).await {
                    Ok(job) => *state = job.state,
                    Err(error) => return self.not_renewed(&error),
                },
                Err(error) => return self.not_renewed(&error),
            }
        }
    }

    fn not_renewed(&self, error: &Error) {
        tracing::warn!(job = %self.id, error = error.chain(), "progress was not written");
    }

    fn take(&self) -> (Vec<LogEntry>, Option<Progress>) {
        let mut said = self.said();
        said.gathering = false;
        (std::mem::take(&mut said.log), said.progress.take())
    }

    fn last_words(&self) -> (Vec<LogEntry>, Option<Progress>) {
        self.said().closed = true;
        self.take()
    }

    // Lines are moved in and out under it, no more.
    fn said(&self) -> MutexGuard<'_, Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
