//! What a host runs now, and how each of it is stopped.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::id::JobId;

/// What a host runs now.
#[derive(Debug, Default)]
pub(crate) struct Running {
    jobs: Mutex<RunningJobs>,
    count: AtomicUsize,
    changed: Notify,
}

#[derive(Debug, Default)]
struct RunningJobs {
    runs: HashMap<JobId, Run>,
    /// Cancelled between their start in the store and their start here.
    early: HashSet<JobId>,
}

/// What stops one job.
#[derive(Clone, Debug, Default)]
pub(crate) struct Run {
    pub(crate) cancel: CancellationToken,
    /// Set before `cancel` when the job is to be given back, not cancelled.
    pub(crate) released: Arc<AtomicBool>,
}

impl Running {
    fn lock(&self) -> MutexGuard<'_, RunningJobs> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn enter(&self, id: JobId) -> Run {
        let run = Run::default();
        let mut jobs = self.lock();
        if jobs.early.remove(&id) {
            run.cancel.cancel();
        }
        jobs.runs.insert(id, run.clone());
        self.count.store(jobs.runs.len(), Ordering::Release);
        run
    }

    pub(crate) fn leave(&self, id: JobId) {
        let mut jobs = self.lock();
        jobs.runs.remove(&id);
        self.count.store(jobs.runs.len(), Ordering::Release);
        drop(jobs);
        self.changed.notify_waiters();
    }

    pub(crate) fn holds(&self, id: JobId) -> bool {
        self.lock().runs.contains_key(&id)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.count.load(Ordering::Acquire) == 0
    }

    pub(crate) fn ids(&self) -> Vec<JobId> {
        self.lock().runs.keys().copied().collect()
    }

    /// Stops a job that this host runs, or is about to.
    pub(crate) fn cancel(&self, id: JobId) {
        let mut jobs = self.lock();
        match jobs.runs.get(&id) {
            Some(run) => run.cancel.cancel(),
            None => {
                jobs.early.insert(id);
            }
        }
    }

    /// Whatever was to be started has been: what is still early ended before its cancel came.
    pub(crate) fn forget_early(&self) {
        self.lock().early.clear();
    }

    /// Stops everything, to be given back.
    pub(crate) fn release_all(&self) {
        for run in self.lock().runs.values() {
            run.released.store(true, Ordering::Release);
            run.cancel.cancel();
        }
    }

    /// Waits until nothing runs.
    pub(crate) async fn drained(&self) {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if self.is_empty() {
                return;
            }
            changed.await;
        }
    }
}
