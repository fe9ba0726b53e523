//! Starts due jobs: finds whose turn it is, and commits what becomes of a few of them on the condition that nobody else has changed
//! them. Losers look again, so each attempt is started once and none is left for later.

use super::KeyedStore;
use super::groups::Look;
use super::tries::Tries;
use super::turn::Turn;
use crate::error::{Error, Result};
use crate::id::JobId;
use crate::lanes::Bounds;
use crate::store::record::corrupt;
use crate::store::{INPUTS, Take, Taken, UNREADABLE};
use crate::time::Timestamp;

/// What a take has come to so far.
#[derive(Debug, Default)]
pub(super) struct Progress {
    pub(super) taken: Taken,
    pub(super) inputs: u64,
}

impl Progress {
    /// How many more may be taken.
    pub(super) fn left(&self, take: &Take) -> usize {
        let limit = if self.inputs < INPUTS { take.limit } else { 0 };
        limit.saturating_sub(self.taken.started.len() + self.taken.settled.len())
    }

    /// Whether nothing was started or settled.
    fn is_nothing(&self) -> bool {
        self.taken.started.is_empty() && self.taken.settled.is_empty()
    }
}

/// How it went with the turns of one look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Went {
    /// Nothing was changed.
    Nowhere,
    /// Something was.
    On,
    /// Others were faster.
    Beaten,
}

impl KeyedStore {
    pub(super) async fn start_due(&self, take: &Take) -> Result<Taken> {
        let _alone = self.taking.acquire().await.map_err(|error| Error::fault("store", error))?;
        let mut progress = Progress::default();
        let next = match self.settle_doubts(take, &mut progress).await {
            Ok(()) if progress.is_nothing() => self.start_all(take, &mut progress).await,
            settled => settled.map(|()| Some(take.now)),
        };
        progress.taken.next_due = match next {
            // What is in doubt is looked at again soon.
            Ok(next) if self.doubts.are_left(take) => next.into_iter().chain([take.now.plus(UNREADABLE)]).min(),
            Ok(next) => next,
            // Those that were started must reach their worker, and those that were settled whoever waits for them.
            Err(error) if !progress.is_nothing() => {
                tracing::warn!(error = error.chain(), "a take was cut short");
                Some(take.now)
            }
            Err(error) => return Err(error),
        };
        Ok(progress.taken)
    }

    /// Starts what it can, and says when there is more to start.
    async fn start_all(&self, take: &Take, progress: &mut Progress) -> Result<Option<Timestamp>> {
        let (none, mut tries) = (Bounds::default(), Tries::default());
        let bounds = take.bounds.as_deref().unwrap_or(&none);
        loop {
            let mut look = self.look(take, bounds).await?;
            let (turns, is_cut) = match take.only {
                Some(id) => (self.turn_of(id, take).await?.into_iter().collect(), false),
                None => self.turns(take, &look, progress.left(take)).await?,
            };
            let went = self.start_turns(take, &mut look, &turns, progress).await?;
            let is_done = progress.left(take) == 0;
            match went {
                Went::Beaten if !is_done => {
                    // Whoever was beaten too often lets the next take go on.
                    if tries.again().await.is_err() {
                        return Ok(Some(take.now));
                    }
                }
                Went::On if is_cut && !is_done => {}
                _ => return self.next_due(take, &look).await,
            }
        }
    }

    /// Starts these in their order, a few in one commit.
    async fn start_turns(
        &self,
        take: &Take,
        look: &mut Look<'_>,
        turns: &[Turn],
        progress: &mut Progress,
    ) -> Result<Went> {
        let mut went = Went::Nowhere;
        let mut turns = turns.iter();
        while !turns.as_slice().is_empty() && progress.left(take) > 0 {
            match self.start_some(take, look, &mut turns, progress).await? {
                Went::Nowhere => {}
                Went::On => went = Went::On,
                Went::Beaten => return Ok(Went::Beaten),
            }
        }
        Ok(went)
    }

    /// The turn of this one job, if it is due.
    async fn turn_of(&self, id: JobId, take: &Take) -> Result<Option<Turn>> {
        let Some(found) = self.find(id).await? else { return Ok(None) };
        let facts = found.map_err(corrupt)?.row.facts;
        let Some(turn) = facts.turn(id) else { return Ok(None) };
        match facts.runs_on() {
            None => Ok(Some(turn).filter(|turn| turn.due <= take.now)),
            Some(worker) if worker == take.worker => Ok(None),
            Some(worker) => {
                let lost = self.if_lost(worker, take.now).await?;
                Ok(lost.map(|lost| turn.of_lost(lost)))
            }
        }
    }

    /// When the first job falls due of those that have room; now, when there are jobs of lost workers.
    async fn next_due(&self, take: &Take, look: &Look<'_>) -> Result<Option<Timestamp>> {
        let first = self.first_due(look).await?;
        let is_now = look.more || !self.lost(take.worker, take.now).await?.is_empty();
        Ok(first.into_iter().chain(Some(take.now).filter(|_| is_now)).min())
    }
}
