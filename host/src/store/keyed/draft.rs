//! A commit in the making: rows change together with all that follows from them.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::row::{Found, Row};
use super::tally::Tally;
use super::token::Token;
use super::{Commit, KeyedStore, hints, keys};
use crate::error::{Error, Result};
use crate::id::JobId;
use crate::store::Change;

/// What is to be committed.
#[derive(Debug)]
pub(super) struct Draft {
    commit: Commit,
    tallies: BTreeMap<String, Tally>,
    hint: Option<Change>,
    /// Its name.
    token: Token,
}

impl Draft {
    pub(super) fn expect(&mut self, key: Bytes, value: Option<Bytes>) {
        self.commit.expected.insert(key, value);
    }

    pub(super) fn put(&mut self, key: Bytes, value: impl Into<Bytes>) {
        self.commit.changes.insert(key, Some(value.into()));
    }

    pub(super) fn delete(&mut self, key: Bytes) {
        self.commit.changes.insert(key, None);
    }

    /// The name of the commit, which no other has.
    pub(super) fn token(&self) -> Token {
        self.token
    }

    /// Writes what is known only to be under this key once it is committed, and answers with it.
    pub(super) fn stamp(&mut self, key: Bytes) -> Bytes {
        let stamp = self.token.bytes();
        self.put(key, stamp.clone());
        stamp
    }

    /// Puts a row in place of the one that was found, with all that follows from it. `None`: there is to be none, or there was none.
    pub(super) fn replace(&mut self, id: JobId, found: Option<&Found>, next: Option<&Row>) {
        self.expect(keys::job(id), found.map(|found| found.raw.clone()));
        self.commit.changes.insert(keys::job(id), next.map(Row::to_bytes));
        let old = found.map(|found| found.row.indexes(id)).unwrap_or_default();
        let new = next.map(|row| row.indexes(id)).unwrap_or_default();
        let gone = old.keys().filter(|key| !new.contains_key(*key)).map(|key| (key.clone(), None));
        let come = new.iter().filter(|(key, value)| old.get(*key) != Some(value));
        self.commit.changes.extend(gone.chain(come.map(|(key, value)| (key.clone(), Some(value.clone())))));
        if let Some(row) = found.map(|found| &found.row) {
            self.count(row.facts.principal.as_deref(), |tally| tally.subtract(row.facts.tally()));
        }
        if let Some(row) = next {
            self.count(row.facts.principal.as_deref(), |tally| tally.add(row.facts.tally()));
        }
    }

    /// Changes what a principal has.
    pub(super) fn count(&mut self, principal: Option<&str>, change: impl FnOnce(&mut Tally)) {
        if let Some(principal) = principal {
            change(self.tallies.entry(principal.to_owned()).or_default());
        }
    }

    /// Others are told. Of several jobs, none is named.
    pub(super) fn tell(&mut self, id: JobId) {
        self.hint = Some(if self.hint.is_none() { Change::Job(id) } else { Change::Unknown });
    }

    pub(super) fn tell_something(&mut self) {
        self.hint = Some(Change::Unknown);
    }
}

impl KeyedStore {
    pub(super) fn draft(&self) -> Draft {
        Draft { commit: Commit::default(), tallies: BTreeMap::new(), hint: None, token: self.tokens.next() }
    }

    /// Whether it was committed; else something it rests on has changed.
    pub(super) async fn commit(&self, draft: Draft) -> Result<bool> {
        let Draft { mut commit, tallies, hint, token } = draft;
        self.count(&mut commit, tallies, token).await?;
        if let Some(change) = hint {
            let (key, value) = hints::hint(self.tokens.next_hint(), change);
            commit.changes.insert(key, Some(value));
        }
        let traces = traces(&commit);
        match self.keyed.commit(commit).await {
            Err(error @ Error::Fault { .. }) if self.are_there(traces).await => {
                tracing::debug!(error = error.chain(), "the engine did not say so, but the commit was made");
                Ok(true)
            }
            made => made,
        }
    }

    /// Whether a commit of which nothing is known left these traces. When that cannot be told either, it is as if it had not.
    async fn are_there(&self, traces: Traces) -> bool {
        let keys = traces.changes.iter().map(|(key, _)| key.clone()).collect();
        let Ok(found) = self.read_all(keys).await else { return false };
        let mut is_there = traces.changes.iter().zip(found).map(|((_, value), found)| *value == found);
        if traces.are_own { is_there.any(|it| it) } else { !traces.changes.is_empty() && is_there.all(|it| it) }
    }
}

/// What tells that a commit was made.
struct Traces {
    changes: Vec<(Bytes, Option<Bytes>)>,
    /// Whether nobody else writes these values: then one of them is enough, for a commit is made whole, and others may have changed since.
    are_own: bool,
}

/// Rows and ends of logs, if it writes some; else all that it found otherwise and changed, but for what others change all the time.
fn traces(Commit { expected, changes }: &Commit) -> Traces {
    let found = changes.iter().filter(|(key, _)| expected.contains_key(*key));
    let found = found.filter(|(key, _)| **key != keys::GATE && !key.starts_with(&[keys::HELD]));
    let changes: Vec<_> = found.map(|(key, value)| (key.clone(), value.clone())).collect();
    let is_own = |(key, value): &(Bytes, Option<Bytes>)| {
        value.is_some() && [keys::JOB, keys::LOG].iter().any(|kind| key.starts_with(&[*kind]))
    };
    let own: Vec<_> = changes.iter().filter(|change| is_own(change)).cloned().collect();
    if own.is_empty() { Traces { changes, are_own: false } } else { Traces { changes: own, are_own: true } }
}
