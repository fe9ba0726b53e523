//! Rate limits: so many within a time, and a burst of so many at once. Of each function by a middleware; of each token at the edge.
//! Counted in this process.

use std::fmt;
use std::hash::Hash;
use std::num::NonZeroU32;
use std::time::Duration;

use async_trait::async_trait;
use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use super::{Asked, Middleware, Way};
use crate::error::{Error, Result};

/// Keys that are remembered before those are forgotten whose burst is whole again.
const KEYS: usize = 10_000;

/// How much may be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// So many a second, in the long run.
    pub per_second: NonZeroU32,
    /// So many at once, after a rest.
    pub burst: NonZeroU32,
}

/// Counts for each key by itself.
pub(crate) struct Limiter<K: Hash + Eq + Clone> {
    rate: Rate,
    clock: DefaultClock,
    counts: DefaultKeyedRateLimiter<K>,
}

impl<K: Hash + Eq + Clone> fmt::Debug for Limiter<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Limiter({:?})", self.rate)
    }
}

impl<K: Hash + Eq + Clone> Limiter<K> {
    pub(crate) fn new(rate: Rate) -> Self {
        let quota = Quota::per_second(rate.per_second).allow_burst(rate.burst);
        Self { rate, clock: DefaultClock::default(), counts: RateLimiter::keyed(quota) }
    }

    /// Counts so many against a key: all of them, or none.
    pub(crate) fn check(&self, key: &K, count: u64, whose: impl FnOnce() -> String) -> Result<()> {
        let Some(count) = NonZeroU32::new(u32::try_from(count).unwrap_or(u32::MAX)) else { return Ok(()) };
        if self.counts.len() > KEYS {
            self.counts.retain_recent();
        }
        let Rate { per_second, burst } = self.rate;
        match self.counts.check_key_n(key, count) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(early)) => Err(Error::RateLimited {
                what: format!("{} may ask for {per_second} a second, and {burst} at once", whose()),
                retry_after: early.wait_time_from(self.clock.now()),
            }),
            Err(_) => Err(Error::RateLimited {
                what: format!("{count} at once are more than {} may ever ask for: {burst}", whose()),
                retry_after: Duration::from_secs(u64::from(burst.get().div_ceil(per_second.get()))),
            }),
        }
    }
}

/// Lets each principal ask for each function so often. A bulk counts as many as its jobs.
#[derive(Debug)]
pub struct RateLimit(Limiter<(Option<String>, String)>);

impl RateLimit {
    /// At this rate.
    #[must_use]
    pub fn new(rate: Rate) -> Self {
        Self(Limiter::new(rate))
    }
}

#[async_trait]
impl Middleware for RateLimit {
    async fn admit(&self, asked: &Asked<'_>) -> Result<()> {
        let count = match asked.way {
            Way::Call => 1,
            Way::Submit { jobs, .. } => jobs,
        };
        let key = (asked.request.principal.clone(), asked.request.function.clone());
        self.0.check(&key, count, || format!("callers of {}", crate::id::shorten(&key.1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_has_a_burst_of_its_own_and_what_is_too_much_is_not_counted() {
        let rate = |number| NonZeroU32::new(number).unwrap();
        let limiter = Limiter::new(Rate { per_second: rate(1), burst: rate(3) });
        let check = |key: &'static str, count| limiter.check(&key, count, || key.to_owned());
        check("a", 2).unwrap();
        assert!(check("a", 4).unwrap_err().to_string().contains("more than a may ever"));
        let refused = check("a", 2).unwrap_err();
        assert_eq!(refused.class().code, "rate_limited");
        assert!(matches!(refused, Error::RateLimited { retry_after, .. } if retry_after <= Duration::from_secs(1)));
        check("a", 1).unwrap();
        check("b", 3).unwrap();
    }
}
