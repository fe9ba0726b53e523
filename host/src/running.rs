//! What a host runs now or is about to, and how each of it is stopped.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::id::JobId;
use crate::time::Timestamp;

/// What a host runs now.
#[derive(Debug, Default)]
pub(crate) struct Running {
    jobs: Mutex<RunningJobs>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct RunningJobs {
    runs: HashMap<JobId, Stop>,
    /// Cancelled between their start in the store and their start here.
    early: HashSet<JobId>,
    /// Looks for jobs to start that are under way.
    starting: usize,
    /// Whether nothing may begin any more.
    closed: bool,
    /// Whether all that comes in after all is to be given back.
    released: bool,
}

impl RunningJobs {
    fn is_drained(&self) -> bool {
        self.runs.is_empty() && self.starting == 0
    }
}

/// What stops one job.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stop {
    pub(crate) cancel: CancellationToken,
    /// Set before `cancel` when the job is to be given back, not cancelled.
    pub(crate) released: Arc<AtomicBool>,
    /// Not to be started again before this, when it is given back; in microseconds since 1970.
    until: Arc<AtomicI64>,
}

/// A job that runs here, until this is dropped, in whichever way that comes about.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) stop: Stop,
    id: JobId,
    running: Arc<Running>,
}

/// A look for jobs to start. Whoever waits until nothing runs waits for it, too.
#[derive(Debug)]
pub(crate) struct Starting(Arc<Running>);

impl Running {
    // A map insert or remove is all that happens under it.
    fn lock(&self) -> MutexGuard<'_, RunningJobs> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A job that is about to be kept as running; `None` when nothing may begin any more.
    pub(crate) fn enter(self: &Arc<Self>, id: JobId) -> Option<Run> {
        let mut jobs = self.lock();
        (!jobs.closed).then(|| self.add(&mut jobs, id))
    }

    /// `None` when nothing may begin any more.
    pub(crate) fn starting(self: &Arc<Self>) -> Option<Starting> {
        let mut jobs = self.lock();
        if jobs.closed {
            return None;
        }
        jobs.starting += 1;
        Some(Starting(Arc::clone(self)))
    }

    fn add(self: &Arc<Self>, jobs: &mut RunningJobs, id: JobId) -> Run {
        let stop = Stop::default();
        if jobs.released {
            stop.release();
        }
        if jobs.early.remove(&id) {
            stop.cancel.cancel();
        }
        jobs.runs.insert(id, stop.clone());
        Run { stop, id, running: Arc::clone(self) }
    }

    pub(crate) fn holds(&self, id: JobId) -> bool {
        self.lock().runs.contains_key(&id)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.lock().runs.is_empty()
    }

    pub(crate) fn count(&self) -> usize {
        self.lock().runs.len()
    }

    pub(crate) fn ids(&self) -> Vec<JobId> {
        self.lock().runs.keys().copied().collect()
    }

    /// Stops a job that this host runs, or is about to.
    pub(crate) fn cancel(&self, id: JobId) {
        let mut jobs = self.lock();
        match jobs.runs.get(&id) {
            Some(stop) => stop.cancel.cancel(),
            None => {
                jobs.early.insert(id);
            }
        }
    }

    /// From now on nothing begins.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
    }

    /// Stops everything, to be given back; what a look that is under way finds, too.
    pub(crate) fn release_all(&self) {
        let mut jobs = self.lock();
        jobs.released = true;
        jobs.runs.values().for_each(Stop::release);
    }

    /// Waits until nothing runs and nothing is about to.
    pub(crate) async fn drained(&self) {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if self.lock().is_drained() {
                return;
            }
            changed.await;
        }
    }
}

impl Stop {
    /// Gives the job back.
    pub(crate) fn release(&self) {
        self.released.store(true, Ordering::Release);
        self.cancel.cancel();
    }

    /// Gives the job back before it has begun, not to be started before this.
    pub(crate) fn postpone(&self, until: Timestamp) {
        self.until.store(until.as_micros(), Ordering::Release);
        self.released.store(true, Ordering::Release);
    }

    /// When the job may be started again that is given back now.
    pub(crate) fn again(&self, now: Timestamp) -> Timestamp {
        now.max(Timestamp::from_micros(self.until.load(Ordering::Acquire)))
    }
}

impl Starting {
    /// A job that this look has started.
    pub(crate) fn enter(&self, id: JobId) -> Run {
        self.0.add(&mut self.0.lock(), id)
    }
}

impl Drop for Starting {
    fn drop(&mut self) {
        let mut jobs = self.0.lock();
        jobs.starting -= 1;
        // Whatever was to be started has been: what is still early ended before its cancel came.
        jobs.early.clear();
        drop(jobs);
        self.0.changed.notify_waiters();
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        let mut jobs = self.running.lock();
        // Its next attempt may run here already.
        if jobs.runs.get(&self.id).is_some_and(|stop| Arc::ptr_eq(&stop.released, &self.stop.released)) {
            jobs.runs.remove(&self.id);
        }
        let drained = jobs.is_drained();
        drop(jobs);
        // Nobody waits for less.
        if drained {
            self.running.changed.notify_waiters();
        }
    }
}
