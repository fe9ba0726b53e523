//! How many jobs a host has started in its store that have no slot yet.
//!
//! A slot is for what runs. Where attempts are short, slots that were held while a start is being committed would stand for
//! commits: a hundred slots, a hundred jobs a commit. So such a host starts jobs ahead, as many more as ended soon of late.
//! One that finds no slot soon after its commit is given back, and nothing more is started ahead until short attempts are
//! seen again.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::job::Spec;

/// Most jobs that are ahead at once: one commit of the store holds half as many, and the next gathers meanwhile.
const MOST: usize = 2048;
/// Largest input, in bytes, of a job that goes ahead: all that are ahead have theirs in memory.
const LIGHT: u64 = 32 * 1024;
/// An attempt that took no longer shows that slots are soon free again.
const SHORT: Duration = Duration::from_millis(1);

/// Counts what is ahead, and how much may be.
#[derive(Debug, Default)]
pub(crate) struct Ahead(Mutex<Count>);

#[derive(Debug, Default)]
struct Count {
    now: usize,
    most: usize,
}

/// So many jobs that are ahead, until this is dropped.
#[derive(Debug)]
pub(crate) struct Lead {
    ahead: Arc<Ahead>,
    jobs: usize,
}

impl Ahead {
    /// Lets at most `wanted` jobs go ahead; `None` when none may.
    pub(crate) fn lead(self: &Arc<Self>, wanted: usize) -> Option<Lead> {
        let mut count = self.count();
        let jobs = wanted.min(count.most.saturating_sub(count.now));
        count.now += jobs;
        (jobs > 0).then(|| Lead { ahead: Arc::clone(self), jobs })
    }

    /// An attempt of this job ended after `took`.
    pub(crate) fn ended(&self, spec: &Spec, took: Duration) {
        if took <= SHORT && is_light(spec) {
            self.grow();
        }
    }

    fn grow(&self) {
        let mut count = self.count();
        count.most = (count.most + 1).min(MOST);
    }

    /// Nothing more goes ahead until short attempts are seen again.
    pub(crate) fn stop(&self) {
        self.count().most = 0;
    }

    // Two numbers are all that changes under it.
    fn count(&self) -> MutexGuard<'_, Count> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether many of its kind fit into memory.
pub(crate) fn is_light(spec: &Spec) -> bool {
    spec.input.len() <= LIGHT
}

impl Lead {
    /// How many jobs may be started with it.
    pub(crate) fn jobs(&self) -> usize {
        self.jobs
    }

    /// Parts with one job's share, if there is one.
    pub(crate) fn split(&mut self) -> Option<Self> {
        self.jobs = self.jobs.checked_sub(1)?;
        Some(Self { ahead: Arc::clone(&self.ahead), jobs: 1 })
    }

    /// No slot came in time: attempts are not short any more.
    pub(crate) fn in_vain(self) {
        self.ahead.stop();
    }
}

impl Drop for Lead {
    fn drop(&mut self) {
        self.ahead.count().now -= self.jobs;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after_short_attempts(count: usize) -> Arc<Ahead> {
        let ahead = Arc::new(Ahead::default());
        (0..count).for_each(|_| ahead.grow());
        ahead
    }

    #[test]
    fn nothing_goes_ahead_before_an_attempt_was_short() {
        assert!(after_short_attempts(0).lead(1).is_none());
        assert!(after_short_attempts(1).lead(1).is_some());
    }

    #[test]
    fn no_more_are_ahead_than_ended_soon_and_never_more_than_a_commit_holds() {
        let ahead = after_short_attempts(3);
        let mut two = ahead.lead(2).unwrap();
        assert_eq!(ahead.lead(2).unwrap().jobs(), 1);
        let one = two.split().unwrap();
        drop(two);
        assert_eq!(ahead.lead(9).unwrap().jobs(), 2);
        drop(one);
        assert_eq!(ahead.lead(9).unwrap().jobs(), 3);
        assert_eq!(after_short_attempts(MOST * 2).lead(MOST * 2).unwrap().jobs(), MOST);
    }

    #[test]
    fn one_that_found_no_slot_ends_it_for_all() {
        let ahead = after_short_attempts(3);
        let (first, second) = (ahead.lead(1).unwrap(), ahead.lead(1).unwrap());
        first.in_vain();
        drop(second);
        assert!(ahead.lead(1).is_none());
    }
}
