//! The time by which things are deleted: a clock that is set must not delete anything early.

use std::time::Instant;

use crate::clock::Clock;
use crate::time::Timestamp;

/// Goes on from the time it was made, whatever becomes of the clock. It stands still while the machine sleeps.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Steady {
    at: Timestamp,
    since: Instant,
}

impl Steady {
    pub(crate) fn new(clock: &Clock) -> Self {
        Self { at: clock.now(), since: Instant::now() }
    }

    /// The clock, or the steady time where the clock was set ahead of it. A clock that was right to jump is believed once the
    /// host is started anew.
    pub(crate) fn hold_back(self, now: Timestamp) -> Timestamp {
        now.min(self.at.plus(self.since.elapsed()))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_clock_that_is_set_forward_is_held_back_and_one_that_is_set_back_is_believed() {
        let steady = Steady::new(&Clock::manual(|| Timestamp::from_micros(1_000_000)));
        let ahead = steady.hold_back(Timestamp::from_micros(i64::MAX));
        assert!(ahead >= Timestamp::from_micros(1_000_000));
        assert!(ahead < Timestamp::from_micros(1_000_000).plus(Duration::from_secs(3_600)));
        assert_eq!(steady.hold_back(Timestamp::from_micros(5)), Timestamp::from_micros(5));
    }
}
