//! Starts due jobs: a script tells whose turn it is, `State::start` decides, and another script swaps what nobody else has changed
//! meanwhile. Losers look again, so each attempt is started once and none is left for later.

use bytes::Bytes;
use redis::Value;

use super::RedisStore;
use super::answer::{self, decimal, own, random};
use super::get::Whole;
use super::groups::{Line, bounds, packed};
use super::row::{self, Kept};
use super::turns::Turn;
use super::{fault, scripts};
use crate::error::{Error, Result};
use crate::id::JobId;
use crate::job::{Job, Owner, Phase, State};
use crate::lanes::Group;
use crate::store::record::Record;
use crate::store::{INPUTS, Take, Taken, UNREADABLE};
use crate::time::Timestamp;

/// Jobs that one script starts, so that it is short.
const BATCH: usize = 64;
/// Bytes of inputs that one script answers with.
const ANSWER: u64 = 4 << 20;
/// How often a take looks again because others were faster. The next take goes on.
const ROUNDS: u32 = 100;

/// A job that was decided on.
struct Start {
    record: Record,
    next: State,
    /// Its lanes that have bounds, in the words of the script.
    limits: Bytes,
}

/// What a take has come to so far.
#[derive(Default)]
struct Progress {
    taken: Taken,
    inputs: u64,
    /// Whether this round changed anything, or showed that others did.
    moved: bool,
    /// Swaps of this round, and those of them that others were faster with.
    tried: usize,
    beaten: usize,
}

impl Progress {
    fn left(&self, take: &Take) -> usize {
        let limit = if self.inputs < INPUTS { take.limit } else { 0 };
        limit.saturating_sub(self.taken.started.len() + self.taken.settled.len())
    }
}

impl RedisStore {
    pub(super) async fn start_due(&self, take: &Take) -> Result<Taken> {
        let mut progress = Progress::default();
        let next = match self.start_all(take, &mut progress).await {
            Ok(()) => self.next_due(take).await,
            Err(error) => Err(error),
        };
        progress.taken.next_due = match next {
            Ok(next) => next,
            Err(error) if progress.taken.started.is_empty() && progress.taken.settled.is_empty() => return Err(error),
            // Those that were started must reach their worker, and those that were settled whoever waits for them.
            Err(error) => {
                tracing::warn!(error = error.chain(), "a take was cut short");
                Some(take.now)
            }
        };
        Ok(progress.taken)
    }

    async fn start_all(&self, take: &Take, progress: &mut Progress) -> Result<()> {
        for _ in 0..ROUNDS {
            let left = progress.left(take);
            if left == 0 {
                break;
            }
            let turns = match take.only {
                Some(id) => self.turn_of(id, take).await?.into_iter().collect(),
                None => self.turns(take, left, progress.beaten * 2 > progress.tried).await?,
            };
            (progress.moved, progress.tried, progress.beaten) = (false, 0, 0);
            for turns in turns.chunks(BATCH) {
                self.start_batch(take, turns, progress).await?;
                if progress.left(take) == 0 {
                    break;
                }
            }
            if !progress.moved || take.only.is_some() {
                break;
            }
        }
        Ok(())
    }

    /// The turn of this one job, if it is due.
    async fn turn_of(&self, id: JobId, take: &Take) -> Result<Option<Turn>> {
        let args = [own(take.worker.as_bytes()), decimal(take.now.as_micros()), own(id.as_bytes())];
        let found = self.main.run(&scripts::ONLY, &args).await?;
        if found == Value::Nil {
            return Ok(None);
        }
        let [status, turn, is_lost] = answer::parts(found)?;
        let (status, turn) = (answer::bytes(status)?, answer::bytes(turn)?);
        Ok(match &status[..] {
            b"0" => Some(Turn::read(&turn)?).filter(|turn| turn.due <= take.now),
            b"1" if answer::number(&is_lost)? == 1 => Some(Turn { is_lost: true, ..Turn::read(&turn)? }),
            _ => None,
        })
    }

    /// Starts these jobs, or as many as their inputs let.
    async fn start_batch(&self, take: &Take, turns: &[Turn], progress: &mut Progress) -> Result<()> {
        let args: Vec<Bytes> = turns.iter().map(|turn| own(turn.id.as_bytes())).collect();
        let rows = answer::array(self.main.run(&scripts::LOAD, &args).await?)?;
        let mut starts = Vec::new();
        let (mut left, mut bytes, mut answered) = (progress.left(take), progress.inputs, 0);
        for (row, turn) in rows.into_iter().zip(turns) {
            let record = match row::read(row)? {
                None => {
                    progress.moved = true;
                    progress.tried += 1;
                    progress.beaten += 1;
                    continue;
                }
                Some(Ok(record)) => record,
                Some(Err(damaged)) => {
                    self.set_aside(damaged).await?;
                    progress.moved = true;
                    continue;
                }
            };
            let Some(start) = decide(record, turn, take) else {
                progress.moved = true;
                progress.tried += 1;
                progress.beaten += 1;
                continue;
            };
            if left == 0 || bytes >= INPUTS {
                break;
            }
            left -= 1;
            bytes += start.record.input.length;
            answered += start.record.input.length;
            starts.push(start);
            if answered >= ANSWER {
                self.swap_all(take, std::mem::take(&mut starts), progress).await?;
                answered = 0;
            }
        }
        self.swap_all(take, starts, progress).await
    }

    async fn swap_all(&self, take: &Take, starts: Vec<Start>, progress: &mut Progress) -> Result<()> {
        if starts.is_empty() {
            return Ok(());
        }
        let mut args = vec![self.handle.clone(), random(), own(take.worker.as_bytes()), decimal(take.now.as_micros())];
        for Start { record, next, limits } in &starts {
            let kept = Kept::new(next, None);
            args.extend([own(record.spec().id.as_bytes()), decimal(record.state().version), kept.version, kept.state]);
            args.extend([kept.status, kept.due, kept.worker, kept.finished, limits.clone()]);
        }
        let answers = answer::array(self.main.run(&scripts::START, &args).await?)?;
        // Whatever became of them, the next look finds something else.
        progress.moved = true;
        for (start, answer) in starts.into_iter().zip(answers) {
            let mut parts = answer::array(answer)?.into_iter();
            let word = answer::bytes(parts.next().ok_or_else(fault::strange)?)?;
            progress.tried += 1;
            if &word[..] != b"done" {
                progress.beaten += usize::from(&word[..] != b"full");
                continue;
            }
            let id = start.record.spec().id;
            if !matches!(start.next.phase, Phase::Running { .. }) {
                progress.taken.settled.push(id);
                continue;
            }
            progress.inputs += start.record.input.length;
            let input = parts.next().map_or(Ok(Bytes::new()), answer::bytes)?;
            let whole = Whole { record: start.record.with_state(start.next), input, output: Bytes::new() };
            progress.taken.started.extend(self.hand_over(whole, take).await);
        }
        Ok(())
    }

    /// A started job; `None` when its input cannot be read. Then it is given back, for it must not stay with a worker that
    /// never hears of it.
    async fn hand_over(&self, whole: Whole, take: &Take) -> Option<Job> {
        let (id, state) = (whole.record.spec().id, whole.record.state().clone());
        let error = match self.load(whole).await {
            Ok(job) => return Some(job),
            Err(error) => error,
        };
        if let Error::Corrupt { why, .. } = error {
            let version = decimal(state.version);
            let damaged = row::Damaged { id, version, damage: crate::store::codec::Damage::new(why) };
            if let Err(error) = self.set_aside(damaged).await {
                tracing::error!(job = %id, error = error.chain(), "it could not be set aside, and waits for this process to end");
            }
            return None;
        }
        tracing::error!(job = %id, error = error.chain(), "the input of a job cannot be read; trying again soon");
        let given_back = match state.release(take.worker, take.now.plus(UNREADABLE)) {
            Ok(next) => self.swap(id, &next).await,
            Err(_) => Ok(()),
        };
        if let Err(error) = given_back {
            tracing::error!(job = %id, error = error.chain(), "it could not be given back, and waits for this process to end");
        }
        None
    }

    /// Sets a damaged record aside, so that taking does not meet it again.
    async fn set_aside(&self, damaged: row::Damaged) -> Result<()> {
        tracing::error!(job = %damaged.id, why = %damaged.damage, "a record is damaged and set aside");
        self.main.run(&scripts::ASIDE, &[own(damaged.id.as_bytes()), damaged.version]).await.map(drop)
    }

    /// When the first job falls due of those who have room; now, when there are jobs of lost workers.
    async fn next_due(&self, take: &Take) -> Result<Option<Timestamp>> {
        let mut args = vec![own(take.worker.as_bytes()), decimal(take.now.as_micros())];
        let waiting = self.waiting(take).await?;
        args.extend(waiting.lines.into_iter().map(|Line { set, .. }| set));
        let [lost, first] = answer::parts(self.main.run(&scripts::NEXT, &args).await?)?;
        let first = answer::optional(first)?.map(|due| answer::time(&due)).transpose()?;
        let now = waiting.more || answer::number(&lost).is_ok_and(|lost| lost > 0);
        let lost = Some(take.now).filter(|_| now);
        Ok(first.into_iter().chain(lost).min())
    }
}

/// What becomes of a job, unless it has changed since its turn was seen. Whether a lost one still is, the script looks.
fn decide(record: Record, turn: &Turn, take: &Take) -> Option<Start> {
    let owner = if turn.is_lost { Owner::Lost } else { Owner::Alive };
    let next = record.state().start(record.spec(), take.worker, owner, take.now).ok()?;
    let limits = bounds(take).map(|bounds| packed(&Group::of(record.spec()).limits(bounds))).unwrap_or_default();
    Some(Start { record, next, limits })
}
