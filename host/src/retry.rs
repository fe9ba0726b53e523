//! How often a job is tried, and how long it rests in between. Pure; the host adds no jitter of its own.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::failure::FailureKind;

/// How often to try, and when again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Retry {
    /// Attempts in all, the first included. At least 1.
    pub attempts: u32,
    /// Rest before the second attempt; doubled before each one after.
    pub delay: Duration,
    /// Longest rest.
    pub max_delay: Duration,
}

impl Default for Retry {
    /// Three attempts, one and two seconds apart: enough for a worker that dies, or a guest that says it may work later.
    fn default() -> Self {
        Self { attempts: 3, delay: Duration::from_secs(1), max_delay: Duration::from_secs(60) }
    }
}

impl Retry {
    /// One attempt, whatever happens.
    #[must_use]
    pub fn never() -> Self {
        Self { attempts: 1, ..Self::default() }
    }

    /// The rest before the next attempt, if this kind of failure of attempt number `attempt` gets one.
    ///
    /// A guest that failed for good, trapped or hit a limit would do so again, so it is not tried again.
    #[must_use]
    pub fn after(&self, kind: FailureKind, attempt: u32) -> Option<Duration> {
        if !kind.is_retryable() || attempt >= self.attempts {
            return None;
        }
        let doublings = attempt.saturating_sub(1).min(31);
        Some(self.delay.saturating_mul(1 << doublings).min(self.max_delay))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rests_double_up_to_the_longest() {
        let retry = Retry { attempts: 9, ..Retry::default() };
        let rests: Vec<_> = (1..9).map(|n| retry.after(FailureKind::Transient, n).unwrap().as_secs()).collect();
        assert_eq!(rests, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(retry.after(FailureKind::Transient, 9), None);
    }

    #[test]
    fn a_failure_for_good_is_not_tried_again() {
        assert_eq!(Retry::default().after(FailureKind::Failed, 1), None);
        assert_eq!(Retry::default().after(FailureKind::TimedOut, 1), None);
    }
}
