//! Jobs that may run on a worker that has not heard of them: no answer came to the commit that started them, or they could not be
//! given back. The next take of that worker looks what became of each, so that none runs for ever with nobody at it.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::KeyedStore;
use super::start::Start;
use super::take::Progress;
use crate::error::Result;
use crate::id::{JobId, WorkerId};
use crate::job::{Phase, State};
use crate::store::Take;

/// So many are remembered. The store is asked for them before anything else is started, so that only takes that fail in a row bring many.
const MOST: usize = 1024;
/// A commit that was not made so long after somebody first looked never will be.
const LATE: Duration = Duration::from_secs(60);

/// A job, and the state that it may have come to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Doubt {
    id: JobId,
    worker: WorkerId,
    version: u64,
    attempt: u32,
    runs: bool,
    /// When somebody first looked and found it as it was before.
    looked: Option<Instant>,
}

impl Doubt {
    pub(super) fn of(id: JobId, state: &State, take: &Take) -> Self {
        let runs = matches!(state.phase, Phase::Running { .. });
        Self { id, worker: take.worker, version: state.version, attempt: state.attempt, runs, looked: None }
    }

    /// What this state, which the job is in, says of it.
    fn sight(&self, state: &State) -> Sight {
        match state.phase {
            _ if state.version < self.version => Sight::Unmade,
            // Whatever came after it, such as the wish to cancel it.
            Phase::Running { worker, .. } if self.runs && worker == self.worker && state.attempt == self.attempt => {
                Sight::Made
            }
            _ if !self.runs && state.version == self.version && state.finished().is_some() => Sight::Made,
            _ => Sight::Over,
        }
    }
}

/// What became of what was in doubt.
enum Sight {
    /// The job is in that state.
    Made,
    /// It is as it was before, and may come to it yet.
    Unmade,
    /// It has gone another way.
    Over,
}

/// The doubts of a handle.
#[derive(Debug, Default)]
pub(super) struct Doubts(Mutex<VecDeque<Doubt>>);

impl Doubts {
    pub(super) fn add(&self, doubt: Doubt) {
        self.forget(doubt.id);
        let mut all = self.all();
        if all.len() >= MOST
            && let Some(lost) = all.pop_front()
        {
            tracing::error!(job = %lost.id, "if it runs here, it waits for this process to end");
        }
        all.push_back(doubt);
    }

    /// What became of this job is known.
    pub(super) fn forget(&self, id: JobId) {
        self.all().retain(|doubt| doubt.id != id);
    }

    /// Those that a take of that worker settles.
    fn of(&self, take: &Take) -> Vec<Doubt> {
        let is_asked = |doubt: &Doubt| doubt.worker == take.worker && take.only.is_none_or(|id| id == doubt.id);
        self.all().iter().copied().filter(is_asked).collect()
    }

    /// Whether there are any for that worker.
    pub(super) fn are_left(&self, take: &Take) -> bool {
        self.all().iter().any(|doubt| doubt.worker == take.worker)
    }

    /// The job is as it was: the commit may only be late.
    fn keep(&self, id: JobId) {
        let now = Instant::now();
        self.all().retain_mut(|doubt| {
            let is_same = doubt.id == id;
            !is_same || now.duration_since(*doubt.looked.get_or_insert(now)) < LATE
        });
    }

    fn all(&self) -> MutexGuard<'_, VecDeque<Doubt>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl KeyedStore {
    /// Hands over what turns out to run on this worker, or was settled for it.
    pub(super) async fn settle_doubts(&self, take: &Take, progress: &mut Progress) -> Result<()> {
        for doubt in self.doubts.of(take) {
            if progress.left(take) == 0 {
                break;
            }
            let found = self.find(doubt.id).await?.and_then(Result::ok);
            let Some((record, found)) = found.and_then(|found| Some((found.record().ok()?, found))) else {
                self.doubts.forget(doubt.id);
                continue;
            };
            match doubt.sight(record.state()) {
                Sight::Unmade => self.doubts.keep(doubt.id),
                Sight::Over => self.doubts.forget(doubt.id),
                Sight::Made => {
                    self.doubts.forget(doubt.id);
                    self.hand_over(take, Start { found, record }, progress).await;
                }
            }
        }
        Ok(())
    }
}
