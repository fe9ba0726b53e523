//! Requests that wait for a job or follow one: how many there are, in all, of each token and of each tenant.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::config::HttpLimits;
use super::principal::Caller;
use super::problem::{Problem, Result};
use crate::error::{Error, Misuse};
use crate::token::TokenId;

/// Counts followers.
#[derive(Debug)]
pub(super) struct Followers {
    most: usize,
    all: Arc<Semaphore>,
    by_token: Shares<TokenId>,
    by_tenant: Shares<String>,
}

/// How many each may be, and how many each is.
#[derive(Debug)]
struct Shares<K: Eq + Hash> {
    most: usize,
    held: Held<K>,
}

type Held<K> = Arc<Mutex<HashMap<K, usize>>>;

/// One of those that somebody is.
#[derive(Debug)]
struct Share<K: Eq + Hash> {
    of: K,
    held: Held<K>,
}

/// The place of one follower.
#[derive(Debug)]
pub(super) struct Place {
    _all: OwnedSemaphorePermit,
    _of_token: Option<Share<TokenId>>,
    _of_tenant: Option<Share<String>>,
}

impl Followers {
    pub(super) fn new(limits: &HttpLimits) -> Self {
        let HttpLimits { followers: most, followers_per_token, followers_per_tenant, .. } = *limits;
        let (by_token, by_tenant) = (Shares::new(followers_per_token), Shares::new(followers_per_tenant));
        Self { most, all: Arc::new(Semaphore::new(most)), by_token, by_tenant }
    }

    /// Lets one more in, unless there are too many. Those without a token are counted in all only.
    pub(super) fn admit(&self, caller: &Caller) -> Result<Place> {
        let all = Arc::clone(&self.all).try_acquire_owned().map_err(|_| too_many(self.most, ""))?;
        let of_token = self.by_token.take(caller.token.as_ref(), " with this token")?;
        let of_tenant = self.by_tenant.take(caller.principal.as_ref(), " of this tenant")?;
        Ok(Place { _all: all, _of_token: of_token, _of_tenant: of_tenant })
    }
}

impl<K: Clone + Eq + Hash> Shares<K> {
    fn new(most: usize) -> Self {
        Self { most, held: Held::default() }
    }

    /// One more of these; nobody is counted where nobody is named.
    fn take(&self, of: Option<&K>, which: &str) -> Result<Option<Share<K>>> {
        let Some(of) = of else { return Ok(None) };
        let mut held = lock(&self.held);
        let count = held.get(of).copied().unwrap_or(0);
        if count >= self.most {
            return Err(too_many(self.most, which));
        }
        held.insert(of.clone(), count + 1);
        Ok(Some(Share { of: of.clone(), held: Arc::clone(&self.held) }))
    }
}

impl<K: Eq + Hash> Drop for Share<K> {
    fn drop(&mut self) {
        let mut held = lock(&self.held);
        if let Some(count) = held.get_mut(&self.of) {
            *count -= 1;
            if *count == 0 {
                held.remove(&self.of);
            }
        }
    }
}

fn too_many(most: usize, which: &str) -> Problem {
    Problem(Error::request(
        Misuse::TooManyFollowers,
        format!("{most} requests{which} wait for jobs or follow them already"),
    ))
}

// Numbers are all that changes under it.
fn lock<K: Eq + Hash>(held: &Held<K>) -> MutexGuard<'_, HashMap<K, usize>> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}
