//! What a principal has, as numbers that are only added to.
//!
//! It is the sum of a few keys, of which each commit changes one, so that commits of one principal are seldom in each other's way.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::{Commit, KeyedStore, keys, token::Token};
use crate::error::{Error, Result};
use crate::job::Status;
use crate::quota::Held;
use crate::store::codec::{Damage, Decoder, Encoder};
use crate::store::record::status_code;

const TALLY: u8 = 1;
/// How many keys the count of a principal is spread over.
const SLOTS: u8 = 32;

/// How many more jobs there are of each status, and bytes of all of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    jobs: [i64; 5],
    pub(super) stored: i64,
}

impl Tally {
    /// One job with this status code and so many bytes. What is set aside is of no status.
    pub(super) fn of(status: i64, bytes: u64) -> Self {
        let jobs = Status::ALL.map(|one| i64::from(status_code(one) == status));
        Self { jobs, stored: signed(bytes) }
    }

    pub(super) fn add(&mut self, other: Self) {
        self.jobs.iter_mut().zip(other.jobs).for_each(|(count, more)| *count = count.saturating_add(more));
        self.stored = self.stored.saturating_add(other.stored);
    }

    pub(super) fn subtract(&mut self, other: Self) {
        self.add(Self { jobs: other.jobs.map(i64::wrapping_neg), stored: -other.stored });
    }

    fn to_bytes(self) -> Bytes {
        let mut to = Encoder::new(TALLY);
        self.jobs.into_iter().for_each(|count| to.signed(count));
        to.signed(self.stored);
        to.seal().into()
    }

    fn read(sealed: &[u8]) -> Result<Self> {
        Self::decode(sealed).map_err(|damage| Error::Corrupt {
            what: "the count of what a principal has".into(),
            why: damage.to_string(),
        })
    }

    fn decode(sealed: &[u8]) -> Result<Self, Damage> {
        let from = &mut Decoder::open(sealed, TALLY)?;
        let mut tally = Self::default();
        for count in &mut tally.jobs {
            *count = from.signed()?;
        }
        tally.stored = from.signed()?;
        Ok(tally)
    }
}

/// Bytes as they are counted.
pub(super) fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

impl KeyedStore {
    /// Adds these counts to a commit.
    pub(super) async fn count(
        &self,
        commit: &mut Commit,
        tallies: BTreeMap<String, Tally>,
        token: Token,
    ) -> Result<()> {
        let slot = token.slot(SLOTS);
        let tallies = tallies.into_iter().filter(|(_, tally)| *tally != Tally::default());
        let key = |name: String| keys::key(keys::HELD, &[&keys::short(name.as_bytes()), &[slot]]);
        let (slots, tallies): (Vec<_>, Vec<_>) = tallies.map(|(name, tally)| (key(name), tally)).unzip();
        if slots.is_empty() {
            return Ok(());
        }
        let found = self.read_all(slots.clone()).await?;
        for ((key, found), more) in slots.into_iter().zip(found).zip(tallies) {
            let mut tally = found.as_deref().map_or(Ok(Tally::default()), Tally::read)?;
            tally.add(more);
            commit.expected.insert(key.clone(), found);
            commit.changes.insert(key, (tally != Tally::default()).then(|| tally.to_bytes()));
        }
        Ok(())
    }

    pub(super) async fn held_by(&self, principal: &str) -> Result<Held> {
        let mut sum = Tally::default();
        let prefix = keys::key(keys::HELD, &[&keys::short(principal.as_bytes())]);
        for (_, value) in self.all(&prefix, SLOTS.into()).await? {
            sum.add(Tally::read(&value)?);
        }
        // While somebody counts, one key may be read before and another after: no less than nothing.
        let count = |count: i64| u64::try_from(count).unwrap_or_default();
        let mut held = Held { stored: count(sum.stored), ..Held::default() };
        Status::ALL.into_iter().zip(sum.jobs).for_each(|(status, jobs)| *held.jobs.of(status) = count(jobs));
        Ok(held)
    }
}
