//! Starts what is due when there is a slot for it. Woken, never polling: by a submit, a freed slot, a hint, or the clock.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::{Notify, OwnedSemaphorePermit};

use crate::builder::Takes;
use crate::error::Result;
use crate::host::Inner;
use crate::id::JobId;
use crate::job::{Job, Spec};
use crate::run;
use crate::store::{Inserted, Take, Taken};
use crate::time::Timestamp;

/// Rest after the store failed.
const REST: Duration = Duration::from_secs(1);
/// Most jobs that are taken in one go.
const TAKE: u32 = 256;
/// Longest sleep, for clocks that are set.
const NAP: Duration = Duration::from_secs(60);

/// Runs as long as the host is there.
pub(crate) async fn schedule(host: Weak<Inner>, wake: Arc<Notify>) {
    loop {
        let Some(inner) = host.upgrade() else { return };
        if inner.closing.is_cancelled() {
            return;
        }
        let pause = match inner.start_due().await {
            Ok(next) => inner.pause(next),
            Err(error) => {
                tracing::warn!(error = error.chain(), "due jobs could not be taken; trying again");
                REST
            }
        };
        drop(inner);
        // Woken or not, it is time to look.
        drop(tokio::time::timeout(pause, wake.notified()).await);
    }
}

impl Inner {
    /// A slot for a job that is being submitted, unless others must be started first.
    pub(crate) fn reserve(&self, spec: &Spec) -> Option<OwnedSemaphorePermit> {
        let due = spec.options.run_at <= spec.created;
        if self.takes() == Takes::Nothing || !due || self.backlog.load(Ordering::Acquire) {
            return None;
        }
        Arc::clone(&self.slots).try_acquire_owned().ok()
    }

    /// Inserts a job that is started already, and runs it.
    pub(crate) async fn insert_started(self: Arc<Self>, job: Job, slot: OwnedSemaphorePermit) -> Result<Inserted> {
        let id = job.spec.id;
        // Before the insert: whoever cancels it after that finds it running.
        let run = self.running.enter(id);
        let inserted = self.store.insert(&job).await;
        if matches!(inserted, Ok(Inserted::New)) {
            tokio::spawn(run::run(self, job, run, slot));
        } else {
            self.running.leave(id);
            drop(slot);
            self.woken();
        }
        inserted
    }

    /// Notes that a job waits.
    pub(crate) fn enqueue(&self, spec: &Spec, run_at: Timestamp) {
        match self.takes() {
            Takes::Nothing => return,
            Takes::Own => self.own().push(spec.id, spec.options.priority, run_at),
            Takes::Everything => {}
        }
        if run_at <= self.now() {
            self.backlog.store(true, Ordering::Release);
        }
        self.quiet.send_replace(false);
        self.woken();
    }

    /// Lets the scheduler look again.
    pub(crate) fn woken(&self) {
        self.wake.notify_one();
    }

    /// Starts as many due jobs as there are slots, and says when to look again.
    async fn start_due(self: &Arc<Self>) -> Result<Option<Timestamp>> {
        loop {
            let free = u32::try_from(self.slots.available_permits()).unwrap_or(u32::MAX);
            // Held before anything is taken: submits want them too.
            let Ok(slots) = Arc::clone(&self.slots).try_acquire_many_owned(free.clamp(1, TAKE)) else {
                return Ok(None);
            };
            // A submit that comes while we look sets it again, and wakes.
            self.backlog.store(false, Ordering::Release);
            let taken = match self.takes() {
                Takes::Everything => self.store.take(&self.take(slots.num_permits(), None)).await,
                Takes::Own => self.take_own().await,
                Takes::Nothing => return Ok(None),
            };
            let taken = taken.inspect_err(|_| self.backlog.store(true, Ordering::Release))?;
            let (next, found) = (taken.next_due, taken.started.len() + taken.settled.len());
            let due = next.is_some_and(|at| at <= self.now());
            self.backlog.fetch_or(due, Ordering::AcqRel);
            self.start(taken, slots);
            if found == 0 || !due {
                self.note_quiet(found == 0 && next.is_none());
                return Ok(next);
            }
        }
    }

    fn note_quiet(&self, nothing_left: bool) {
        self.quiet.send_if_modified(|quiet| {
            // Sent even when it stays: whoever waits looks at what runs, too.
            *quiet = nothing_left;
            nothing_left
        });
    }

    fn start(self: &Arc<Self>, taken: Taken, mut slots: OwnedSemaphorePermit) {
        for job in taken.started {
            let id = job.spec.id;
            let run = self.running.enter(id);
            self.hub.look(id);
            // There is one for each that was taken.
            if let Some(slot) = slots.split(1) {
                tokio::spawn(run::run(Arc::clone(self), job, run, slot));
            }
        }
        self.running.forget_early();
        for id in taken.settled {
            self.hub.look(id);
        }
    }

    /// Takes the next of the jobs that were handed to this host. Somebody else may have taken it.
    async fn take_own(&self) -> Result<Taken> {
        let Some(id) = self.own().pop(self.now()) else {
            return Ok(Taken { next_due: self.own().next_due(), ..Taken::default() });
        };
        match self.store.take(&self.take(1, Some(id))).await {
            Ok(taken) => {
                let none = taken.started.is_empty() && taken.settled.is_empty();
                // An answer with something in it, so that the caller asks again for the next.
                let settled = if none { vec![id] } else { taken.settled };
                Ok(Taken { started: taken.started, settled, next_due: self.own().next_due() })
            }
            Err(error) => {
                self.own().push(id, 0, self.now());
                Err(error)
            }
        }
    }

    fn take(&self, limit: usize, only: Option<JobId>) -> Take {
        Take { worker: self.worker, limit, now: self.now(), only }
    }

    fn pause(&self, next: Option<Timestamp>) -> Duration {
        // A timer that fires a little early would find nothing and look again.
        next.map_or(NAP, |at| at.since(self.now()) + Duration::from_millis(1)).min(NAP)
    }
}
