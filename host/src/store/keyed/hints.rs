//! Tells others that something has changed, and hears it of them.
//!
//! Each commit that others want to know of writes a key that few share, without a condition, so that it is in nobody's way. Who
//! listens reads all of these keys whenever the engine says that there may be news, and now and then.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use tokio::time::Instant;

use super::token::{Handle, Token};
use super::{Keyed, Order, Range, keys};
use crate::error::Result;
use crate::id::JobId;
use crate::store::Change;

/// Keys that handles write their last hint to. Where two share one, some are heard of late.
const SLOTS: u8 = 64;
/// An own hint may stand where another's did that nobody heard of: what may have changed is looked at after so long, and no more often,
/// for own ones are many.
const HIDDEN: Duration = Duration::from_secs(2);
/// How long an engine that says nothing is waited for.
const REST: Duration = Duration::from_millis(500);

/// What a commit writes so that others hear of it.
pub(super) fn hint(token: Token, change: Change) -> (Bytes, Bytes) {
    let slot = token.handle()[0] % SLOTS;
    let id = if let Change::Job(id) = &change { &id.as_bytes()[..] } else { &[] };
    (keys::key(keys::HINT, &[&[slot]]), [&token.to_bytes()[..], id].concat().into())
}

/// Hints from now on, `Unknown` first: once it is certain that none is missed after it.
pub(super) fn changes(keyed: Arc<dyn Keyed>, own: Handle) -> BoxStream<'static, Change> {
    let listener = Listener { keyed, own, heard: None, hidden: None };
    let heard = stream::unfold(listener, |mut listener| async {
        let news = listener.next().await;
        Some((stream::iter(news), listener))
    });
    heard.flatten().boxed()
}

struct Listener {
    keyed: Arc<dyn Keyed>,
    own: Handle,
    /// What each slot had; `None`: nothing was heard yet.
    heard: Option<HashMap<Bytes, Bytes>>,
    /// Since when a hint may be hidden by an own one.
    hidden: Option<Instant>,
}

impl Listener {
    /// Waits until there is news.
    async fn next(&mut self) -> Vec<Change> {
        loop {
            if self.heard.is_some() {
                // Whether the engine said something or the time is over: there may be news.
                drop(tokio::time::timeout(REST, self.keyed.changed()).await);
            }
            match self.look().await {
                Ok(changes) if changes.is_empty() => {}
                Ok(changes) => return changes,
                Err(error) => {
                    tracing::warn!(error = error.chain(), "changes by other hosts will be noticed late");
                    self.heard = None;
                    tokio::time::sleep(REST).await;
                }
            }
        }
    }

    async fn look(&mut self) -> Result<Vec<Change>> {
        let prefix = [keys::HINT];
        let (from, to) = (Bytes::copy_from_slice(&prefix), keys::end(&prefix));
        let found = self.keyed.range(Range { from, to, order: Order::Forwards, limit: SLOTS.into() }).await?;
        let found: HashMap<_, _> = found.into_iter().collect();
        let mut changes = match &self.heard {
            None => vec![Change::Unknown],
            Some(heard) => found.iter().filter_map(|(slot, value)| self.news(heard.get(slot), value)).collect(),
        };
        if self.heard.as_ref().is_some_and(|heard| found.iter().any(|(slot, value)| self.hides(heard.get(slot), value)))
        {
            self.hidden.get_or_insert_with(Instant::now);
        }
        if self.hidden.is_some_and(|since| since.elapsed() >= HIDDEN) {
            changes.push(Change::Unknown);
        }
        if changes.contains(&Change::Unknown) {
            self.hidden = None;
        }
        self.heard = Some(found);
        Ok(changes)
    }

    /// Whether between these two, which are own, there may have been another's.
    fn hides(&self, before: Option<&Bytes>, now: &Bytes) -> bool {
        before != Some(now) && read(now).is_some_and(|(token, _)| token.handle() == self.own)
    }

    /// What it means that a slot had the one and has the other.
    fn news(&self, before: Option<&Bytes>, now: &Bytes) -> Option<Change> {
        let (before_token, _) = before.and_then(read).unzip();
        let Some((token, id)) = read(now) else { return Some(Change::Unknown) };
        let is_own = |token: Token| token.handle() == self.own;
        if before == Some(now) || is_own(token) && before_token.is_none_or(is_own) {
            return None;
        }
        let is_next = before_token.is_some_and(|before| token.follows(before)) && !is_own(token);
        Some(id.filter(|_| is_next).map_or(Change::Unknown, Change::Job))
    }
}

/// Whose hint it is, and of which job, if it says so.
fn read(value: &Bytes) -> Option<(Token, Option<JobId>)> {
    let (token, id) = value.split_at_checked(16)?;
    Some((Token::read(token)?, id.try_into().ok().map(JobId::from_bytes)))
}
