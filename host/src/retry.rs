//! How often a job is tried, which failures are worth another try, and how long it rests in between. Pure: what is random about a
//! rest is reckoned from the id of the job.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::failure::FailureKind;
use crate::id::JobId;

/// Most attempts of a job.
const ATTEMPTS: u32 = 1000;

/// How often to try, and when again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Retry {
    /// Attempts in all, the first included. At least 1.
    pub attempts: u32,
    /// Rest before the second attempt.
    pub delay: Duration,
    /// Longest rest.
    pub max_delay: Duration,
    /// How the rests grow.
    pub backoff: Backoff,
    /// By how much of it, in percent, a rest may be shorter: jobs that failed together then do not come back together. Each job
    /// and attempt has its own share.
    pub jitter: u8,
    /// The kinds of failure that are tried again. `None`: those where it may help, which are a guest that says so, and a worker
    /// that died.
    pub on: Option<BTreeSet<FailureKind>>,
}

/// How rests grow from one attempt to the next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Backoff {
    /// Each is twice the one before.
    #[default]
    Exponential,
    /// Each is longer than the one before by the first.
    Linear,
    /// All are alike.
    Constant,
}

impl Backoff {
    /// Every one there is.
    pub const ALL: [Self; 3] = [Self::Exponential, Self::Linear, Self::Constant];

    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Exponential => "exponential",
            Self::Linear => "linear",
            Self::Constant => "constant",
        }
    }
}

impl fmt::Display for Backoff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Backoff {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|backoff| backoff.as_str() == text);
        found.ok_or_else(|| Error::invalid("backoff", format!("{text:?} is not exponential, linear or constant")))
    }
}

/// Some of a [`Retry`]. What is `None` is not said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RetryRequest {
    /// [`Retry::attempts`].
    pub attempts: Option<u32>,
    /// [`Retry::delay`].
    pub delay: Option<Duration>,
    /// [`Retry::max_delay`]; where it is not said, no shorter than the delay.
    pub max_delay: Option<Duration>,
    /// [`Retry::backoff`].
    pub backoff: Option<Backoff>,
    /// [`Retry::jitter`].
    pub jitter: Option<u8>,
    /// [`Retry::on`].
    pub on: Option<BTreeSet<FailureKind>>,
}

impl RetryRequest {
    /// What is said, and `before`, or the default, for the rest; `None` where nothing is said at all.
    #[must_use]
    pub fn over(self, before: Option<&Retry>) -> Option<Retry> {
        if self == Self::default() {
            return None;
        }
        let before = before.cloned().unwrap_or_default();
        let delay = self.delay.unwrap_or(before.delay);
        Some(Retry {
            attempts: self.attempts.unwrap_or(before.attempts),
            delay,
            max_delay: self.max_delay.unwrap_or(before.max_delay.max(delay)),
            backoff: self.backoff.unwrap_or(before.backoff),
            jitter: self.jitter.unwrap_or(before.jitter),
            on: self.on.or(before.on),
        })
    }
}

impl Default for Retry {
    /// Three attempts, one and two seconds apart: enough for a worker that dies, or a guest that says it may work later.
    fn default() -> Self {
        Self {
            attempts: 3,
            delay: Duration::from_secs(1),
            max_delay: Duration::from_secs(60),
            backoff: Backoff::default(),
            jitter: 0,
            on: None,
        }
    }
}

impl Retry {
    /// One attempt, whatever happens.
    #[must_use]
    pub fn never() -> Self {
        Self { attempts: 1, ..Self::default() }
    }

    /// The rest before the next attempt of this job, if this kind of failure of attempt number `attempt` gets one.
    #[must_use]
    pub fn after(&self, kind: FailureKind, attempt: u32, job: JobId) -> Option<Duration> {
        if attempt >= self.attempts || !self.applies_to(kind) {
            return None;
        }
        let times = match self.backoff {
            Backoff::Exponential => 1 << attempt.saturating_sub(1).min(31),
            Backoff::Linear => attempt,
            Backoff::Constant => 1,
        };
        let rest = self.delay.saturating_mul(times).min(self.max_delay);
        Some(rest.saturating_sub(rest.mul_f64(f64::from(self.jitter.min(100)) / 100.0 * share(job, attempt))))
    }

    /// Whether this kind of failure is tried again, while there are attempts left. A guest that failed for good, trapped or hit a
    /// limit would do so again, so by itself it is not. What somebody cancelled never is.
    #[must_use]
    pub fn applies_to(&self, kind: FailureKind) -> bool {
        let chosen = self.on.as_ref().map_or_else(|| kind.is_retryable(), |on| on.contains(&kind));
        chosen && kind != FailureKind::Cancelled
    }

    /// Whether its numbers are within bounds.
    pub(crate) fn bounded(&self) -> Result<()> {
        if !(1..=ATTEMPTS).contains(&self.attempts) {
            return Err(Error::invalid("attempts", format!("{} is not between 1 and {ATTEMPTS}", self.attempts)));
        }
        if self.jitter > 100 {
            return Err(Error::invalid("jitter", format!("{} is not between 0 and 100 percent", self.jitter)));
        }
        if self.on.as_ref().is_some_and(|on| on.contains(&FailureKind::Cancelled)) {
            return Err(Error::invalid("retry-on", "what somebody cancelled is not tried again"));
        }
        Ok(())
    }
}

/// A number from 0 to 1 that looks random and is the same for the same job and attempt (the end of SplitMix64, Steele and others 2014).
fn share(job: JobId, attempt: u32) -> f64 {
    let [.., a, b, c, d, e, f, g, h] = *job.as_bytes();
    let mut mixed = u64::from_le_bytes([a, b, c, d, e, f, g, h])
        .wrapping_add(u64::from(attempt).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    f64::from(u32::try_from((mixed ^ (mixed >> 31)) >> 32).unwrap_or(0)) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job() -> JobId {
        JobId::from_bytes([7; 16])
    }

    fn rests(retry: &Retry) -> Vec<u64> {
        (1..9).map(|n| retry.after(FailureKind::Transient, n, job()).unwrap().as_secs()).collect()
    }

    #[test]
    fn what_is_not_said_is_as_before_and_nothing_said_is_nothing() {
        assert_eq!(RetryRequest::default().over(None), None);
        let before = Retry { attempts: 7, jitter: 9, ..Retry::default() };
        let asked = RetryRequest { delay: Some(Duration::from_secs(120)), ..RetryRequest::default() };
        let over = asked.over(Some(&before)).unwrap();
        assert_eq!((over.attempts, over.jitter, over.delay), (7, 9, Duration::from_secs(120)));
        assert_eq!(over.max_delay, over.delay, "no shorter than the first");
    }

    #[test]
    fn rests_grow_as_was_asked_for_up_to_the_longest() {
        let retry = |backoff| Retry { attempts: 9, backoff, ..Retry::default() };
        assert_eq!(rests(&retry(Backoff::Exponential)), [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(rests(&retry(Backoff::Linear)), [1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(rests(&retry(Backoff::Constant)), [1; 8]);
        assert_eq!(retry(Backoff::Constant).after(FailureKind::Transient, 9, job()), None);
    }

    #[test]
    fn a_failure_for_good_is_not_tried_again_unless_that_was_asked_for() {
        for kind in [FailureKind::Failed, FailureKind::TimedOut, FailureKind::Cancelled] {
            assert_eq!(Retry::default().after(kind, 1, job()), None);
        }
        let on = |kinds: &[FailureKind]| Retry { on: Some(kinds.iter().copied().collect()), ..Retry::default() };
        assert!(on(&[FailureKind::Failed]).after(FailureKind::Failed, 1, job()).is_some());
        assert_eq!(on(&[FailureKind::Failed]).after(FailureKind::Transient, 1, job()), None);
        assert_eq!(on(&[FailureKind::Cancelled]).after(FailureKind::Cancelled, 1, job()), None);
        assert!(on(&[FailureKind::Cancelled]).bounded().is_err());
    }

    #[test]
    fn jitter_shortens_rests_by_no_more_than_it_says_and_not_all_alike() {
        let retry = Retry { attempts: 2, jitter: 50, ..Retry::default() };
        let rest = |n: u8| retry.after(FailureKind::Transient, 1, JobId::from_bytes([n; 16])).unwrap();
        let rests: BTreeSet<_> = (0..100).map(rest).collect();
        assert!(
            rests.iter().all(|rest| (Duration::from_millis(500)..=Duration::from_secs(1)).contains(rest)),
            "{rests:?}"
        );
        assert!(rests.len() > 90 && rest(3) == rest(3));
    }
}
