//! Starts a few jobs whose turn it is, in one commit, and hands them over.

use std::slice::Iter;

use bytes::Bytes;

use super::doubts::Doubt;
use super::draft::Draft;
use super::groups::Look;
use super::row::Found;
use super::take::{Progress, Went};
use super::turn::{Lost, Turn};
use super::{KeyedStore, keys};
use crate::error::{Error, Result};
use crate::id::JobId;
use crate::job::{Owner, Phase, State};
use crate::lanes::Group;
use crate::store::codec::Damage;
use crate::store::record::Record;
use crate::store::{INPUTS, Take, UNREADABLE};

/// Jobs that one commit starts.
const BATCH: usize = 8;
/// Bytes of their rows: with what becomes of them that is twice as much.
const BYTES: usize = 256 << 10;

/// A job that was decided on.
#[derive(Debug)]
pub(super) struct Start {
    /// As it will be.
    pub(super) found: Found,
    pub(super) record: Record,
}

/// Jobs that are started together.
#[derive(Debug)]
struct Batch {
    draft: Draft,
    starts: Vec<Start>,
    inputs: u64,
    went: Went,
    /// Whether it goes through the gate.
    is_bounded: bool,
}

impl KeyedStore {
    /// Starts the first few of these turns, as many as there is room for.
    pub(super) async fn start_some(
        &self,
        take: &Take,
        look: &mut Look<'_>,
        turns: &mut Iter<'_, Turn>,
        progress: &mut Progress,
    ) -> Result<Went> {
        let (some, mut bytes) = (turns.clone().take(BATCH.min(progress.left(take))), 0);
        let rows = self.read_all(some.clone().map(|turn| keys::job(turn.id)).collect()).await?;
        let (draft, went) = (self.draft(), Went::Nowhere);
        let mut batch = Batch { draft, starts: Vec::new(), inputs: progress.inputs, went, is_bounded: false };
        for (turn, raw) in some.zip(rows) {
            bytes += raw.as_ref().map_or(0, Bytes::len);
            // What is left is of the next commit.
            if batch.inputs >= INPUTS || bytes > BYTES && !batch.starts.is_empty() {
                break;
            }
            turns.next();
            self.decide(take, look, turn, raw, &mut batch).await?;
        }
        let Batch { mut draft, starts, went, is_bounded, .. } = batch;
        if starts.is_empty() {
            return Ok(went);
        }
        if is_bounded {
            draft.expect(keys::GATE, look.gate.take());
            look.gate = Some(draft.stamp(keys::GATE));
        }
        match self.commit(draft).await {
            Ok(true) => {}
            Ok(false) => return Ok(Went::Beaten),
            Err(error) => {
                if matches!(error, Error::Fault { .. }) {
                    starts.iter().for_each(|start| self.doubt(take, start.found.id, start.record.state()));
                }
                return Err(error);
            }
        }
        for start in starts {
            // Whether it was this commit or one before.
            self.doubts.forget(start.found.id);
            self.hand_over(take, start, progress).await;
        }
        Ok(if went == Went::Beaten { went } else { Went::On })
    }

    /// What becomes of a job whose turn it is.
    async fn decide(
        &self,
        take: &Take,
        look: &mut Look<'_>,
        turn: &Turn,
        raw: Option<Bytes>,
        batch: &mut Batch,
    ) -> Result<()> {
        let Some(found) = raw.clone().and_then(|raw| Found::read(turn.id, raw).ok()) else {
            batch.went = Went::On;
            return self.strike(turn, raw).await;
        };
        let record = match found.record() {
            Ok(record) => record,
            Err(damage) => {
                batch.went = Went::On;
                return self.set_aside(&found, &damage).await.map(drop);
            }
        };
        let Some(next) = next(&record, turn, take) else {
            batch.went = Went::Beaten;
            return Ok(());
        };
        let group = Group::of(record.spec());
        // What is lost runs already, and one that is asked for by its name is counted but not held back.
        if turn.lost.is_none() && !look.admits(&group) && take.only.is_none() {
            return Ok(());
        }
        if turn.lost.is_some() && next.finished().is_some() {
            look.ends(&group);
        }
        batch.is_bounded |= look.is_bounded(&group);
        if let Some(Lost { worker, seen }) = &turn.lost {
            batch.draft.expect(keys::worker(*worker), seen.clone());
        }
        let row = found.row.advanced(&next, None);
        batch.draft.replace(turn.id, Some(&found), Some(&row));
        batch.draft.tell(turn.id);
        batch.inputs += record.input.length;
        let found = Found { id: turn.id, raw: row.to_bytes(), row };
        batch.starts.push(Start { found, record: record.with_state(next) });
        Ok(())
    }

    /// Takes a turn out of the indexes whose job is not there, or nothing is known of any more.
    async fn strike(&self, turn: &Turn, raw: Option<Bytes>) -> Result<()> {
        if raw.is_some() {
            tracing::error!(job = %turn.id, "a row is damaged and set aside");
        }
        let mut draft = self.draft();
        draft.expect(keys::job(turn.id), raw);
        match &turn.lost {
            Some(lost) => draft.delete(keys::key(keys::RUNNING, &[lost.worker.as_bytes(), turn.as_bytes()])),
            None => {
                draft.delete(keys::key(keys::WAITING, &[turn.as_bytes()]));
                draft.delete([&keys::group(&turn.group)[..], turn.as_bytes()].concat().into());
            }
        }
        self.commit(draft).await.map(drop)
    }

    /// Adds a started job with its input, or a settled one, to what was taken.
    pub(super) async fn hand_over(&self, take: &Take, start: Start, progress: &mut Progress) {
        let Start { found, record } = start;
        if !matches!(record.state().phase, Phase::Running { .. }) {
            progress.taken.settled.push(found.id);
            return;
        }
        progress.inputs += record.input.length;
        let state = record.state().clone();
        match self.load(record, &found).await {
            Ok(job) => progress.taken.started.push(job),
            Err(error) => self.give_back(take, &found, &state, error).await,
        }
    }

    /// Gives back a started job whose input cannot be read: it must not stay with a worker that never hears of it.
    async fn give_back(&self, take: &Take, found: &Found, state: &State, error: Error) {
        let id = found.id;
        let given_back = if let Error::Corrupt { why, .. } = error {
            self.set_aside(found, &Damage::new(why)).await
        } else {
            tracing::error!(job = %id, error = error.chain(), "the input of a job cannot be read; trying again soon");
            match state.release(take.worker, take.now.plus(UNREADABLE)) {
                Ok(next) => self.swap(id, &next).await.map(|()| true),
                Err(_) => Ok(true),
            }
        };
        match given_back {
            Ok(true) => return,
            Ok(false) => tracing::debug!(job = %id, "it has changed meanwhile; looking again soon"),
            Err(error) => {
                tracing::error!(job = %id, error = error.chain(), "it could not be given back; looking again soon");
            }
        }
        self.doubt(take, id, state);
    }

    /// The job may run on the worker, which does not hear of it yet.
    fn doubt(&self, take: &Take, id: JobId, state: &State) {
        self.doubts.add(Doubt::of(id, state, take));
    }
}

/// What becomes of a job, unless it has changed since its turn was seen.
fn next(record: &Record, turn: &Turn, take: &Take) -> Option<State> {
    let owner = match (&turn.lost, &record.state().phase) {
        (Some(lost), Phase::Running { worker, .. }) if *worker == lost.worker => Owner::Lost,
        (None, Phase::Pending { .. }) => Owner::Alive,
        _ => return None,
    };
    record.state().start(record.spec(), take.worker, owner, take.now).ok()
}
