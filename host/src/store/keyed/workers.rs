//! Who is alive: a worker has a key that says until when, and says so anew before that time has come.

use std::time::Duration;

use bytes::Bytes;

use super::read::{PAGE, Pages, strange};
use super::turn::Lost;
use super::{KeyedStore, keys};
use crate::error::Result;
use crate::id::WorkerId;
use crate::store::Heartbeat;
use crate::time::Timestamp;

/// After this time a worker that is dead is forgotten: it is as unknown as one that never was.
const FORGOTTEN: Duration = Duration::from_secs(24 * 60 * 60);

impl KeyedStore {
    pub(super) async fn beat(&self, worker: WorkerId, until: Timestamp, now: Timestamp) -> Result<Heartbeat> {
        let mut draft = self.draft();
        draft.put(keys::worker(worker), keys::sortable(until).to_vec());
        if !self.commit(draft).await? {
            return Err(strange());
        }
        // It is written that the worker lives, whatever comes after.
        if let Err(error) = self.forget_dead(now.minus(FORGOTTEN)).await {
            tracing::warn!(error = error.chain(), "workers that have long been dead are forgotten later");
        }
        let lost_jobs = match self.lost(worker, now).await {
            Ok(lost) => !lost.is_empty(),
            Err(error) => {
                tracing::warn!(error = error.chain(), "it is not known whose worker is dead; a take looks again");
                true
            }
        };
        Ok(Heartbeat { lost_jobs })
    }

    pub(super) async fn part(&self, worker: WorkerId) -> Result<()> {
        let mut draft = self.draft();
        draft.delete(keys::worker(worker));
        // What it still runs is for others to take up.
        if self.first(&keys::key(keys::RUNNING, &[worker.as_bytes()])).await?.is_some() {
            draft.tell_something();
        }
        if self.commit(draft).await? { Ok(()) } else { Err(strange()) }
    }

    /// Forgets workers that lived until then and no longer, unless one comes back.
    async fn forget_dead(&self, then: Timestamp) -> Result<()> {
        for (key, seen) in self.all(&[keys::WORKER], PAGE).await? {
            if !lives(Some(&seen), then) {
                let mut draft = self.draft();
                draft.expect(key.clone(), Some(seen));
                draft.delete(key);
                self.commit(draft).await?;
            }
        }
        Ok(())
    }

    /// Workers other than this one that run something and are not known to live.
    pub(super) async fn lost(&self, asking: WorkerId, now: Timestamp) -> Result<Vec<Lost>> {
        let mut lost = Vec::new();
        let mut running = Pages::of(&[keys::RUNNING]);
        // One look a worker, however many jobs it runs.
        while let Some((key, _)) = running.next(self, 1).await?.pop() {
            let worker = key[1..].first_chunk().copied().map(WorkerId::from_bytes).ok_or_else(strange)?;
            running.skip_to(keys::end(&keys::key(keys::RUNNING, &[worker.as_bytes()])));
            if worker != asking {
                lost.extend(self.if_lost(worker, now).await?);
            }
        }
        Ok(lost)
    }

    /// This worker, unless it is known to live.
    pub(super) async fn if_lost(&self, worker: WorkerId, now: Timestamp) -> Result<Option<Lost>> {
        let seen = self.read(keys::worker(worker)).await?;
        Ok(if lives(seen.as_ref(), now) { None } else { Some(Lost { worker, seen }) })
    }
}

fn lives(until: Option<&Bytes>, now: Timestamp) -> bool {
    until.and_then(|until| until[..].try_into().ok()).is_some_and(|until| keys::time(until) > now)
}
