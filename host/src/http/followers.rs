//! Requests that wait for a job or follow one: how many there are, in all and of each token.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::config::HttpLimits;
use super::problem::{Problem, Result};
use crate::error::{Error, Misuse};
use crate::token::TokenId;

/// Counts followers.
#[derive(Debug)]
pub(super) struct Followers {
    most: usize,
    all: Arc<Semaphore>,
    per_token: usize,
    by_token: Counts,
}

type Counts = Arc<Mutex<HashMap<TokenId, usize>>>;

/// The place of one follower.
#[derive(Debug)]
pub(super) struct Place {
    _all: OwnedSemaphorePermit,
    token: Option<(TokenId, Counts)>,
}

impl Followers {
    pub(super) fn new(limits: &HttpLimits) -> Self {
        let HttpLimits { followers: most, followers_per_token: per_token, .. } = *limits;
        Self { most, all: Arc::new(Semaphore::new(most)), per_token, by_token: Counts::default() }
    }

    /// Lets one more in, unless there are too many. Those without a token are counted in all only.
    pub(super) fn admit(&self, token: Option<TokenId>) -> Result<Place> {
        let all = Arc::clone(&self.all).try_acquire_owned();
        let all = all.map_err(|_| too_many(format!("{} requests wait for jobs or follow them already", self.most)))?;
        let Some(token) = token else { return Ok(Place { _all: all, token: None }) };
        let mut counts = lock(&self.by_token);
        let count = counts.entry(token).or_default();
        if *count >= self.per_token {
            let why = format!("{} requests with this token wait for jobs or follow them already", self.per_token);
            return Err(too_many(why));
        }
        *count += 1;
        Ok(Place { _all: all, token: Some((token, Arc::clone(&self.by_token))) })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some((token, counts)) = &self.token else { return };
        if let Entry::Occupied(mut held) = lock(counts).entry(*token) {
            *held.get_mut() -= 1;
            if *held.get() == 0 {
                held.remove();
            }
        }
    }
}

fn too_many(why: String) -> Problem {
    Problem(Error::request(Misuse::TooManyFollowers, why))
}

// Numbers are all that changes under it.
fn lock(counts: &Counts) -> MutexGuard<'_, HashMap<TokenId, usize>> {
    counts.lock().unwrap_or_else(PoisonError::into_inner)
}
