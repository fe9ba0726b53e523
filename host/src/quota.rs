//! Quotas: how much of a store each tenant may hold, run and use. Plain data and plain decisions, no IO.
//!
//! A tenant is the principal of its requests. What nobody asked for, such as a job of the operator's own, has no quota.

use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::job::Counts;
use crate::time::Timestamp;

const DAY: i64 = 24 * 60 * 60 * 1_000_000;
/// A good time to wait for something that is given back when jobs end.
const SOON: Duration = Duration::from_secs(5);

/// How much a tenant may have at one time, over all hosts of a store. What is `None` has no bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quota {
    /// Jobs that run. More are kept, and wait. A call counts against it in the host that runs it.
    pub running: Option<NonZeroU64>,
    /// Jobs that wait. More are refused.
    pub queued: Option<NonZeroU64>,
    /// Bytes of all its jobs that are kept: inputs, outputs, labels and logs. When they are reached, no job is taken in until
    /// some expire or are removed. What runs may still write its output.
    pub stored: Option<NonZeroU64>,
    /// Units of fuel of all attempts that begin in a day of UTC, to some seconds. Its attempts are metered, and each may use
    /// no more than is left when it begins; nothing is taken in once none is left.
    pub fuel_per_day: Option<NonZeroU64>,
}

/// The quotas of all tenants of a host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Quotas {
    /// Of a tenant that has none of its own.
    pub usual: Quota,
    /// Of some tenants, in place of the usual one.
    pub of: BTreeMap<String, Quota>,
}

/// What a tenant has in a store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// Its jobs.
    pub jobs: Counts,
    /// Bytes of all that is kept of them, by [`Quota::stored`].
    pub stored: u64,
}

/// What a tenant has in a store and has used today, and how much it may.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantUsage {
    /// Whose it is.
    pub tenant: String,
    /// What it has.
    pub held: Held,
    /// Units of fuel of its metered attempts that ended today, UTC; of other hosts to some seconds. Counted for those who have a
    /// quota of it.
    pub fuel_today: u64,
    /// How much it may have.
    pub quota: Quota,
}

impl Quotas {
    /// The quota of a tenant; that of nobody is none.
    #[must_use]
    pub fn of(&self, principal: Option<&str>) -> Quota {
        principal.map(|name| self.of.get(name).copied().unwrap_or(self.usual)).unwrap_or_default()
    }

    /// Whether any tenant may run no more than some number of jobs.
    #[must_use]
    pub fn bound_running(&self) -> bool {
        self.usual.running.is_some() || self.of.values().any(|quota| quota.running.is_some())
    }

    /// How many more jobs of this tenant may be started where so many run; `None`: as many as there are.
    #[must_use]
    pub fn room(&self, principal: Option<&str>, running: u64) -> Option<u64> {
        self.of(principal).running.map(|most| most.get().saturating_sub(running))
    }

    /// Whether there is any quota.
    pub(crate) fn is_empty(&self) -> bool {
        self.of.values().chain([&self.usual]).all(|quota| *quota == Quota::default())
    }
}

impl Quota {
    /// Whether a tenant that has so much may add so many jobs.
    pub(crate) fn allows(&self, tenant: &str, held: Held, jobs: u64, bytes: u64) -> Result<()> {
        within(tenant, "queued", self.queued, held.jobs.pending.saturating_add(jobs))?;
        within(tenant, "stored", self.stored, held.stored.saturating_add(bytes))
    }

    /// Whether a call may begin where so much of the tenant's runs.
    pub(crate) fn allows_call(&self, tenant: &str, running: u64) -> Result<()> {
        within(tenant, "running", self.running, running.saturating_add(1))
    }

    /// How much fuel is left of this day's, of which so much is used.
    pub(crate) fn fuel_left(&self, tenant: &str, used: u64, now: Timestamp) -> Result<Option<u64>> {
        let Some(most) = self.fuel_per_day else { return Ok(None) };
        match most.get().saturating_sub(used) {
            0 => Err(Error::Quota {
                tenant: tenant.to_owned(),
                name: "fuel_per_day",
                limit: most.get(),
                retry_after: Duration::from_micros((DAY - now.as_micros().rem_euclid(DAY)).unsigned_abs()),
            }),
            left => Ok(Some(left)),
        }
    }
}

fn within(tenant: &str, name: &'static str, most: Option<NonZeroU64>, wanted: u64) -> Result<()> {
    match most.map(NonZeroU64::get) {
        Some(limit) if wanted > limit => {
            Err(Error::Quota { tenant: tenant.to_owned(), name, limit, retry_after: SOON })
        }
        _ => Ok(()),
    }
}

/// The number of a moment's day of UTC, counted from 1970.
pub(crate) fn day(now: Timestamp) -> i64 {
    now.as_micros().div_euclid(DAY)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some(count: u64) -> Option<NonZeroU64> {
        NonZeroU64::new(count)
    }

    #[test]
    fn a_tenant_with_a_quota_of_its_own_has_not_the_usual_one() {
        let usual = Quota { queued: some(1), ..Quota::default() };
        let own = Quota { running: some(2), ..Quota::default() };
        let quotas = Quotas { usual, of: [("acme".to_owned(), own)].into() };
        assert_eq!(quotas.of(Some("acme")), own);
        assert_eq!(quotas.of(Some("other")), usual);
        assert_eq!(quotas.of(None), Quota::default());
        assert_eq!((quotas.room(Some("acme"), 1), quotas.room(Some("acme"), 3)), (Some(1), Some(0)));
        assert_eq!(quotas.room(Some("other"), 9), None);
    }

    #[test]
    fn the_last_that_fits_is_let_in_and_the_next_is_told_which_quota_it_met() {
        let quota = Quota { queued: some(3), stored: some(100), ..Quota::default() };
        let held = Held { jobs: Counts { pending: 2, running: 50, ..Counts::default() }, stored: 90 };
        quota.allows("acme", held, 1, 10).unwrap();
        let met = |jobs, bytes| quota.allows("acme", held, jobs, bytes).unwrap_err().to_string();
        assert!(met(2, 0).contains("queued = 3"), "{}", met(2, 0));
        assert!(met(1, 11).contains("stored = 100"), "{}", met(1, 11));
    }

    #[test]
    fn fuel_that_is_used_up_comes_back_with_the_next_day() {
        let quota = Quota { fuel_per_day: some(10), ..Quota::default() };
        let now = Timestamp::from_micros(DAY * 3 - 5_000_000);
        assert_eq!(quota.fuel_left("acme", 4, now).unwrap(), Some(6));
        let Err(Error::Quota { retry_after, .. }) = quota.fuel_left("acme", 10, now) else { panic!() };
        assert_eq!(retry_after, Duration::from_secs(5));
        assert_eq!((day(now), day(now.plus(retry_after))), (2, 3));
    }
}
