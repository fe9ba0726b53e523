//! What the tenants of this host are about to have and have used: quotas are held against the store and this.
//!
//! Exact within one process. What other processes take in at the same moment is not seen, so that so much more may come in.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedRwLockReadGuard, RwLock};

use crate::attempt::Report;
use crate::error::Result;
use crate::failure::{FUEL_PER_DAY, FailureKind, LimitHit};
use crate::host::Host;
use crate::id::WorkerId;
use crate::job::Counts;
use crate::quota::{Held, Quota, Quotas, TenantUsage, day};
use crate::store::Store;
use crate::time::Timestamp;

/// How long what other hosts used is taken to be as it was.
const FRESH: Duration = Duration::from_secs(2);
/// How long what was used is gathered before it is one write.
const GATHER: Duration = Duration::from_secs(1);
/// Hosts whose use of one tenant's fuel is summed.
const HOSTS: usize = 10_000;
/// Notes of days gone by that are removed in one go.
const BATCH: usize = 256;

/// Counts for the tenants of one host.
#[derive(Debug)]
pub(crate) struct Tenants {
    quotas: Arc<Quotas>,
    /// Whether there is any quota: every call asks.
    are_bounded: bool,
    store: Arc<dyn Store>,
    worker: WorkerId,
    /// Where it writes: calls may be polled from anywhere.
    runtime: tokio::runtime::Handle,
    counts: Mutex<HashMap<String, Count>>,
}

#[derive(Debug, Default)]
struct Count {
    coming: Load,
    /// What came and is coming no more: it was kept, or was not.
    came: Load,
    /// Whoever brings jobs is inside until they are kept; who must know what the store has is inside alone.
    door: Arc<RwLock<()>>,
    fuel: Fuel,
}

/// What was let in, and is not in the store: not yet, or never, as calls.
#[derive(Clone, Copy, Debug, Default)]
struct Load {
    jobs: u64,
    bytes: u64,
    calls: u64,
}

/// Of one day.
#[derive(Clone, Copy, Debug, Default)]
struct Fuel {
    day: i64,
    own: u64,
    others: u64,
    looked: Option<Instant>,
    /// Whether somebody is about to write what is the host's own.
    gathering: bool,
}

/// What was let in, until this is dropped.
#[derive(Debug)]
pub(crate) struct Coming<'a> {
    tenants: &'a Tenants,
    name: String,
    load: Load,
    _inside: Option<OwnedRwLockReadGuard<()>>,
}

impl Host {
    /// What a tenant has and has used, and how much it may.
    ///
    /// # Errors
    /// What the store says.
    pub async fn usage_of(&self, tenant: &str) -> Result<TenantUsage> {
        self.inner.tenants.usage(tenant, self.inner.now()).await
    }
}

impl Drop for Coming<'_> {
    fn drop(&mut self) {
        if let Some(Count { coming, came, .. }) = self.tenants.counts().get_mut(&self.name) {
            *coming = coming.less(self.load);
            *came = came.and(self.load);
        }
    }
}

impl Load {
    fn and(self, other: Self) -> Self {
        self.with(other, u64::wrapping_add)
    }

    fn less(self, other: Self) -> Self {
        self.with(other, u64::wrapping_sub)
    }

    // Sums that only grow may wrap; what lies between two of them does not.
    fn with(self, other: Self, of: fn(u64, u64) -> u64) -> Self {
        let (jobs, bytes) = (of(self.jobs, other.jobs), of(self.bytes, other.bytes));
        Self { jobs, bytes, calls: of(self.calls, other.calls) }
    }
}

impl Tenants {
    pub(crate) fn new(quotas: Quotas, store: Arc<dyn Store>, worker: WorkerId) -> Self {
        let runtime = tokio::runtime::Handle::current();
        let are_bounded = !quotas.is_empty();
        Self { quotas: Arc::new(quotas), are_bounded, store, worker, runtime, counts: Mutex::default() }
    }

    /// Whether any tenant has a quota.
    pub(crate) fn are_bounded(&self) -> bool {
        self.are_bounded
    }

    pub(crate) fn quotas(&self) -> &Arc<Quotas> {
        &self.quotas
    }

    /// The quota of a tenant and its name, if it has one.
    fn quota<'a>(&self, principal: Option<&'a str>) -> Option<(&'a str, Quota)> {
        if !self.are_bounded {
            return None;
        }
        let quota = self.quotas.of(principal);
        principal.filter(|_| quota != Quota::default()).map(|name| (name, quota))
    }

    /// Lets so many jobs in, which are to be kept before what is returned is dropped. `None`: nobody counts them.
    pub(crate) async fn admit(
        &self,
        principal: Option<&str>,
        jobs: u64,
        bytes: u64,
        now: Timestamp,
    ) -> Result<Option<Coming<'_>>> {
        let Some((name, quota)) = self.quota(principal) else { return Ok(None) };
        // Whether there is any left.
        self.fuel(principal, None, now).await?;
        let load = Load { jobs, bytes, calls: 0 };
        let allows = |held: Held, coming: Load| {
            let pending = held.jobs.pending.saturating_add(coming.jobs);
            let stored = held.stored.saturating_add(coming.bytes);
            quota.allows(name, Held { jobs: Counts { pending, ..held.jobs }, stored }, jobs, bytes)
        };
        let (door, before) = self.door(name);
        let inside = Arc::clone(&door).read_owned().await;
        let held = self.store.held(name).await?;
        // What came meanwhile may be among what is held, or not.
        let seen = |count: &Count| count.coming.and(count.came.less(before));
        let refused = match self.count_in(name, load, Some(inside), |count| allows(held, seen(count))) {
            Ok(coming) => return Ok(Some(coming)),
            Err(refused) => refused,
        };
        if allows(held, Load::default()).is_err() {
            return Err(refused);
        }
        // It depends on that: asked again while nobody is between the door and the store.
        let alone = door.write_owned().await;
        let held = self.store.held(name).await?;
        self.count_in(name, load, Some(alone.downgrade()), |count| allows(held, count.coming)).map(Some)
    }

    /// Lets a call in, which ends before what is returned is dropped.
    pub(crate) async fn admit_call(&self, principal: Option<&str>) -> Result<Option<Coming<'_>>> {
        let Some((name, quota)) = self.quota(principal).filter(|(_, quota)| quota.running.is_some()) else {
            return Ok(None);
        };
        let held = self.store.held(name).await?;
        let load = Load { calls: 1, ..Load::default() };
        self.count_in(name, load, None, |count| quota.allows_call(name, held.jobs.running + count.coming.calls))
            .map(Some)
    }

    /// The door of a tenant, and what came through it until now.
    fn door(&self, name: &str) -> (Arc<RwLock<()>>, Load) {
        let mut counts = self.counts();
        let count = counts.entry(name.to_owned()).or_default();
        (Arc::clone(&count.door), count.came)
    }

    /// Counts it, if that is allowed beside what is coming already.
    fn count_in(
        &self,
        name: &str,
        load: Load,
        inside: Option<OwnedRwLockReadGuard<()>>,
        allows: impl FnOnce(&Count) -> Result<()>,
    ) -> Result<Coming<'_>> {
        let mut counts = self.counts();
        let count = counts.entry(name.to_owned()).or_default();
        allows(count)?;
        count.coming = count.coming.and(load);
        Ok(Coming { tenants: self, name: name.to_owned(), load, _inside: inside })
    }

    /// The most fuel that an attempt may use which asks for this much, `None` being none in particular.
    pub(crate) async fn fuel(
        &self,
        principal: Option<&str>,
        asked: Option<u64>,
        now: Timestamp,
    ) -> Result<Option<u64>> {
        let Some((name, quota)) = self.quota(principal).filter(|(_, quota)| quota.fuel_per_day.is_some()) else {
            return Ok(asked);
        };
        let left = quota.fuel_left(name, self.fuel_used(name, now).await?, now)?;
        Ok(match (asked, left) {
            (Some(asked), Some(left)) => Some(asked.min(left)),
            (asked, left) => asked.or(left),
        })
    }

    /// How much fuel a tenant has used today, as far as is known here.
    pub(crate) async fn fuel_used(&self, name: &str, now: Timestamp) -> Result<u64> {
        let today = day(now);
        // Nobody is remembered for being asked about.
        let known = self.counts().get_mut(name).map(|count| count.fuel.of(today)).unwrap_or_default();
        if known.looked.is_some_and(|at| at.elapsed() < FRESH) {
            return Ok(known.own.saturating_add(known.others));
        }
        let prefix = prefix(today, name);
        let own = format!("{prefix}{}", self.worker);
        let notes = self.store.notes(&prefix, HOSTS).await?;
        let others = notes.iter().filter(|note| note.name != own);
        let others = others.filter_map(|note| <[u8; 8]>::try_from(&*note.bytes).ok().map(u64::from_le_bytes));
        let others = others.fold(0_u64, u64::saturating_add);
        let mut counts = self.counts();
        let Some(Count { fuel, .. }) = counts.get_mut(name) else { return Ok(others) };
        if fuel.day == today {
            (fuel.others, fuel.looked) = (others, Some(Instant::now()));
        }
        Ok(fuel.own.saturating_add(others))
    }

    /// What a tenant has and has used.
    pub(crate) async fn usage(&self, name: &str, now: Timestamp) -> Result<TenantUsage> {
        Ok(TenantUsage {
            tenant: name.to_owned(),
            held: self.store.held(name).await?,
            fuel_today: self.fuel_used(name, now).await?,
            quota: self.quotas.of(Some(name)),
        })
    }

    /// Counts what an attempt used. It is written soon.
    pub(crate) fn used(self: &Arc<Self>, principal: Option<&str>, used: Option<u64>, now: Timestamp) {
        let Some((name, _)) = self.quota(principal).filter(|(_, quota)| quota.fuel_per_day.is_some()) else { return };
        let Some(used) = used.filter(|used| *used > 0) else { return };
        let mut counts = self.counts();
        let fuel = &mut counts.entry(name.to_owned()).or_default().fuel;
        fuel.of(day(now));
        fuel.own = fuel.own.saturating_add(used);
        if !std::mem::replace(&mut fuel.gathering, true) {
            let (tenants, name) = (Arc::clone(self), name.to_owned());
            self.runtime.spawn(async move {
                tokio::time::sleep(GATHER).await;
                tenants.write(&name).await;
            });
        }
    }

    /// Writes what was used and is not written yet: nobody else counts it after this.
    pub(crate) async fn write_all(&self) {
        let unwritten: Vec<_> = {
            let counts = self.counts();
            counts.iter().filter(|(_, count)| count.fuel.gathering).map(|(name, _)| name.clone()).collect()
        };
        for name in unwritten {
            self.write(&name).await;
        }
    }

    async fn write(&self, name: &str) {
        let fuel = {
            let mut counts = self.counts();
            let Some(count) = counts.get_mut(name) else { return };
            count.fuel.gathering = false;
            count.fuel
        };
        let note = format!("{}{}", prefix(fuel.day, name), self.worker);
        if let Err(error) = self.store.put_note(&note, &fuel.own.to_le_bytes()).await {
            tracing::warn!(tenant = name, error = error.chain(), "fuel that was used is not known to other hosts");
        }
    }

    /// Removes what was used on days gone by.
    pub(crate) async fn sweep(&self, now: Timestamp) -> Result<()> {
        if !self.are_bounded {
            return Ok(());
        }
        // Names are in the order of days; yesterday's may still be written.
        let today = day(now);
        for note in self.store.notes(FUEL, BATCH).await? {
            let of = note.name[FUEL.len()..].split('/').next().and_then(|day| day.parse::<i64>().ok());
            if of.is_some_and(|of| of >= today - 1) {
                break;
            }
            self.store.remove_note(&note.name).await?;
        }
        Ok(())
    }

    // Numbers are all that changes under it.
    fn counts(&self) -> MutexGuard<'_, HashMap<String, Count>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Fuel {
    /// That of this day: another day's is forgotten.
    fn of(&mut self, day: i64) -> Self {
        if self.day != day {
            *self = Self { day, gathering: self.gathering, ..Self::default() };
        }
        *self
    }
}

const FUEL: &str = "fuel/";

/// How the names begin of the notes on a tenant's fuel of a day, one of each host. A tenant's name may have any character.
fn prefix(day: i64, name: &str) -> String {
    format!("{FUEL}{day}/{}/", hex::encode(name))
}
/// Has a failure say that it was the tenant's fuel that ended it, of which an attempt is never given more than is left.
pub(crate) fn say_whose_fuel(report: &mut Report, tenant: &str, left: u64) {
    if let Err(failure) = &mut report.outcome
        && failure.kind == FailureKind::OutOfFuel
    {
        failure.limit = Some(LimitHit { name: FUEL_PER_DAY.to_owned(), value: left });
        failure.message =
            format!("tenant {tenant} had {left} fuel left of its fuel_per_day, and this attempt used it up");
    }
}
