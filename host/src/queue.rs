//! The jobs that a host was handed itself and has yet to start, in the order in which a store would start them.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use crate::id::JobId;
use crate::time::Timestamp;

/// Waiting jobs. Bounded by what was submitted through this host: ids and times, no payloads.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    by_time: BTreeSet<(Timestamp, Reverse<i32>, JobId)>,
    due: BTreeSet<(Reverse<i32>, Timestamp, JobId)>,
}

impl Queue {
    pub(crate) fn push(&mut self, id: JobId, priority: i32, run_at: Timestamp) {
        self.by_time.insert((run_at, Reverse(priority), id));
    }

    /// The next job whose time has come: highest priority first, then earliest due, then oldest.
    pub(crate) fn pop(&mut self, now: Timestamp) -> Option<JobId> {
        while let Some((run_at, priority, id)) = self.by_time.first().copied().filter(|(run_at, ..)| *run_at <= now) {
            self.by_time.pop_first();
            self.due.insert((priority, run_at, id));
        }
        self.due.pop_first().map(|(_, _, id)| id)
    }

    /// When there is something to start; in the past if there is now.
    pub(crate) fn next_due(&self) -> Option<Timestamp> {
        let due = self.due.iter().map(|(_, run_at, _)| *run_at).min();
        due.or_else(|| self.by_time.first().map(|(run_at, ..)| *run_at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn due_jobs_come_by_priority_and_later_ones_wait() {
        let at = Timestamp::from_micros;
        let id = |byte| JobId::from_bytes([byte; 16]);
        let mut queue = Queue::default();
        queue.push(id(1), 0, at(5));
        queue.push(id(2), 9, at(6));
        queue.push(id(3), 99, at(50));
        assert_eq!(queue.pop(at(4)), None);
        assert_eq!(queue.next_due(), Some(at(5)));
        assert_eq!([queue.pop(at(10)), queue.pop(at(10)), queue.pop(at(10))], [Some(id(2)), Some(id(1)), None]);
        assert_eq!(queue.next_due(), Some(at(50)));
    }
}
