//! Jobs that wait to be started by the host they were handed to, in the order in which a store would start them.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use crate::id::JobId;
use crate::time::Timestamp;

/// When a job is to be started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Turn {
    pub(crate) id: JobId,
    pub(crate) priority: i32,
    pub(crate) run_at: Timestamp,
}

/// Waiting jobs. Bounded by what was submitted through this host: ids and times, no payloads.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    by_time: BTreeSet<(Timestamp, Reverse<i32>, JobId)>,
    due: BTreeSet<(Reverse<i32>, Timestamp, JobId)>,
}

impl Queue {
    pub(crate) fn push(&mut self, turn: Turn) {
        self.by_time.insert((turn.run_at, Reverse(turn.priority), turn.id));
    }

    /// The next job whose time has come: highest priority first, then earliest due, then oldest.
    pub(crate) fn pop(&mut self, now: Timestamp) -> Option<Turn> {
        while let Some((run_at, priority, id)) = self.by_time.first().copied().filter(|(run_at, ..)| *run_at <= now) {
            self.by_time.pop_first();
            self.due.insert((priority, run_at, id));
        }
        self.due.pop_first().map(|(Reverse(priority), run_at, id)| Turn { id, priority, run_at })
    }

    /// It is not to be started after all. No harm if it was not there.
    pub(crate) fn remove(&mut self, turn: Turn) {
        self.by_time.remove(&(turn.run_at, Reverse(turn.priority), turn.id));
        self.due.remove(&(Reverse(turn.priority), turn.run_at, turn.id));
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

    fn turn(byte: u8, priority: i32, micros: i64) -> Turn {
        Turn { id: JobId::from_bytes([byte; 16]), priority, run_at: Timestamp::from_micros(micros) }
    }

    #[test]
    fn due_jobs_come_by_priority_and_later_ones_wait() {
        let at = Timestamp::from_micros;
        let mut queue = Queue::default();
        let turns = [turn(1, 0, 5), turn(2, 9, 6), turn(3, 99, 50)];
        turns.into_iter().for_each(|turn| queue.push(turn));
        assert_eq!(queue.pop(at(4)), None);
        assert_eq!(queue.next_due(), Some(at(5)));
        assert_eq!([queue.pop(at(10)), queue.pop(at(10)), queue.pop(at(10))], [Some(turns[1]), Some(turns[0]), None]);
        assert_eq!(queue.next_due(), Some(at(50)));
    }

    #[test]
    fn a_job_that_is_removed_is_not_waited_for() {
        let at = Timestamp::from_micros;
        let mut queue = Queue::default();
        let turns = [turn(1, 0, 5), turn(2, 0, 6), turn(3, 0, 50)];
        turns.into_iter().for_each(|turn| queue.push(turn));
        assert_eq!(queue.pop(at(10)), Some(turns[0]));
        queue.remove(turns[1]);
        queue.remove(turns[2]);
        assert_eq!((queue.pop(at(99)), queue.next_due()), (None, None));
    }
}
