//! Starts due jobs: locks those whose turn it is and lets `State::start` decide what becomes of each.
//!
//! One at a time for each handle, on a connection of its own.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tokio_postgres::Row;

use super::advance::{self, Advance};
use super::door::{Door, PATIENCE};
use super::fault::{self, Trouble};
use super::groups::{self, Waiting};
use super::lines::{Lent, Lines, SOON};
use super::operation::Operation;
use super::row::{self, Whole, column};
use super::session::{Session, Step, params};
use super::turns::{self, Candidate};
use super::watch::Notice;
use crate::error::{Error, Result};
use crate::id::{JobId, WorkerId};
use crate::job::{Owner, Phase};
use crate::lanes::{Bounds, Group, Round};
use crate::store::record::Record;
use crate::store::{INPUTS, Take};
use crate::time::Timestamp;

/// Takes that wait for their turn.
const WAITING: usize = 16;

/// What was started, large payloads still to be read.
#[derive(Debug, Default)]
pub(super) struct Started {
    pub(super) started: Vec<Whole>,
    pub(super) settled: Vec<JobId>,
    pub(super) next_due: Option<Timestamp>,
    /// Bytes of their inputs.
    inputs: u64,
}

type Ask = (Take, oneshot::Sender<Result<Started>>);

/// Hands takes to the one who takes. Dropping it lets that one end.
#[derive(Debug)]
pub(super) struct Taker(mpsc::Sender<Ask>);

impl Taker {
    pub(super) fn start(door: &Arc<Door>, notice: &Notice) -> Self {
        let (queue, mut asked) = mpsc::channel::<Ask>(WAITING);
        let mut hand = Hand {
            lines: Lines::new(Arc::clone(door), 1),
            notice: notice.clone(),
            doubts: None,
            round: Round::default(),
        };
        drop(tokio::spawn(async move {
            while let Some((take, reply)) = asked.recv().await {
                // Whoever asked may have gone: what was started is then taken up once the worker has.
                drop(reply.send(hand.take(&take).await));
            }
        }));
        Self(queue)
    }

    pub(super) async fn take(&self, take: Take) -> Result<Started> {
        let (reply, answer) = oneshot::channel();
        self.0.send((take, reply)).await.map_err(|_| Error::ShuttingDown)?;
        answer.await.unwrap_or(Err(Error::ShuttingDown))
    }
}

/// What becomes of a job that is taken.
#[derive(Debug)]
struct Decided {
    next: Advance,
    /// In its next state.
    record: Record,
    runs: bool,
}

/// Jobs that may have been started on a connection that was lost before it said so.
#[derive(Debug)]
struct Doubts {
    worker: WorkerId,
    jobs: Vec<Decided>,
    /// The name of the connection.
    session: String,
}

struct Hand {
    lines: Lines,
    notice: Notice,
    doubts: Option<Doubts>,
    round: Round,
}

impl Hand {
    async fn take(&mut self, take: &Take) -> Result<Started> {
        let until = Instant::now() + PATIENCE;
        loop {
            let lent = self.lines.lend(until).await?;
            let trouble = match self.attempt(&lent, take).await {
                Ok(started) => {
                    lent.give_back();
                    return Ok(started);
                }
                Err(trouble) => trouble,
            };
            let error = self.recover(lent, trouble).await?;
            if Instant::now() + SOON >= until {
                return Err(error);
            }
            tokio::time::sleep(SOON).await;
        }
    }

    /// Leaves the connection as it was found, if it is any use; the error to give when there is no time to try again.
    async fn recover(&self, lent: Lent, trouble: Trouble) -> Result<Error> {
        let undone = match &trouble {
            Trouble::Lost(_) => false,
            Trouble::Again(_) | Trouble::Refused(_) => lent.text("ROLLBACK").await.is_ok(),
        };
        if undone {
            lent.give_back();
        }
        match trouble {
            Trouble::Lost(why) => {
                tracing::debug!(why, "a connection to PostgreSQL was lost while it took jobs; trying again");
                Ok(fault::unknown(&why))
            }
            Trouble::Again(_) => Ok(fault::contended()),
            Trouble::Refused(error) => Err(error),
        }
    }

    async fn attempt(&mut self, session: &Session, take: &Take) -> Result<Started, Trouble> {
        if let Some(started) = self.settle_doubts(session, take).await? {
            return Ok(started);
        }
        let bounds = take.bounds.as_ref().filter(|bounds| !bounds.is_empty());
        let (candidates, mut waiting) = self.find(session, take, bounds.map(|bounds| &**bounds)).await?;
        let mut answer = Started::default();
        let (decided, damaged, left) = decide(candidates, take, waiting.as_mut(), &mut answer);
        let (steps, asked) = self.steps(&decided, damaged, waiting.as_ref());
        let mut rows = match session.run(&steps).await {
            Ok(rows) => rows,
            Err(Trouble::Lost(why)) => {
                if !decided.is_empty() {
                    self.doubts =
                        Some(Doubts { worker: take.worker, jobs: decided, session: session.name().to_owned() });
                }
                return Err(Trouble::Lost(why));
            }
            Err(trouble) => return Err(trouble),
        };
        let inputs = if asked.starts { rows.remove(0) } else { Vec::new() };
        answer.hand_out(decided, inputs.iter()).map_err(Trouble::Refused)?;
        let due = rows.iter().skip(asked.due_at - usize::from(asked.starts)).take(1).flatten();
        let left = left || waiting.is_some_and(|waiting| waiting.more);
        answer.next_due = earliest(due, left.then_some(take.now)).map_err(Trouble::Refused)?;
        Ok(answer)
    }

    /// The due jobs, locked by a transaction that has begun, and which groups have how much room.
    async fn find<'a>(
        &self,
        session: &Session,
        take: &Take,
        bounds: Option<&'a Bounds>,
    ) -> Result<(Vec<Candidate>, Option<Waiting<'a>>), Trouble> {
        let begin = Step::text("BEGIN");
        let Some(bounds) = bounds.filter(|_| take.only.is_none()) else {
            let rows = match take.only {
                Some(id) => session.run(&[begin, turns::only(take, id)]).await?,
                None => session.run(&[begin, turns::lost(take), turns::due(take)]).await?,
            };
            return Ok((candidates(rows.iter().flatten())?, None));
        };
        let [lock, groups, running] = groups::steps(&self.round);
        let mut rows = session.run(&[begin, lock, groups, running, turns::lost(take)]).await?;
        let mut next = || rows.pop().unwrap_or_default();
        let (lost, running, groups) = (next(), next(), next());
        let mut found = candidates(lost.iter())?;
        let waiting = Waiting::of(session, (groups, running), bounds, &self.round).await?;
        let due = match &waiting {
            Some(waiting) => waiting.due(session, take, &found).await?,
            None => candidates(session.run(&[turns::due(take)]).await?.iter().flatten())?,
        };
        found.extend(due);
        Ok((found, waiting))
    }

    /// What writes what was decided and reads what is left; all at once, for a failed one undoes it all.
    fn steps(&self, decided: &[Decided], damaged: Vec<JobId>, waiting: Option<&Waiting<'_>>) -> (Vec<Step>, Asked) {
        let mut steps = Vec::new();
        if !decided.is_empty() {
            steps.push(advance::start(&decided.iter().map(|decided| &decided.next).collect::<Vec<_>>()));
        }
        let starts = !steps.is_empty();
        steps.extend(damaged.into_iter().flat_map(|id| Operation::SetAside(id).alone()));
        let due_at = steps.len();
        steps.push(turns::next_due(waiting.map(Waiting::open)));
        steps.push(Step::text("COMMIT"));
        if starts {
            steps.push(self.notice.step(&decided.iter().map(|decided| decided.next.id).collect::<Vec<_>>()));
        }
        (steps, Asked { starts, due_at })
    }

    /// Looks what became of jobs of this worker whose start nobody saw, if there are any: they run on it, so it must hear of them.
    async fn settle_doubts(&mut self, session: &Session, take: &Take) -> Result<Option<Started>, Trouble> {
        let Some(doubts) = self.doubts.as_ref().filter(|doubts| doubts.worker == take.worker) else { return Ok(None) };
        // What the server has of that connection could still be done: it must be over first.
        let end = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = $1";
        session.query(end.into(), &[&doubts.session]).await?;
        let ids: Vec<_> = doubts.jobs.iter().map(|job| row::job_uuid(job.next.id)).collect();
        let states: Vec<_> = doubts.jobs.iter().map(|job| job.next.state.clone()).collect();
        let look = Step::bound(
            "SELECT j.id, j.input FROM unnest($1::uuid[], $2::bytea[]) AS n(id, state)
                JOIN job j ON j.id = n.id AND j.state = n.state",
            params![ids, states],
        );
        let rows = session.run(&[look]).await?;
        let Some(doubts) = self.doubts.take() else { return Ok(None) };
        let mut answer = Started { next_due: Some(take.now), ..Started::default() };
        answer.hand_out(doubts.jobs, rows.iter().flatten()).map_err(Trouble::Refused)?;
        Ok((!answer.started.is_empty() || !answer.settled.is_empty()).then_some(answer))
    }
}

/// Which of the steps answer what.
struct Asked {
    starts: bool,
    due_at: usize,
}

fn candidates<'a>(rows: impl Iterator<Item = &'a Row>) -> Result<Vec<Candidate>, Trouble> {
    rows.map(Candidate::of).collect::<Result<_>>().map_err(Trouble::Refused)
}

/// What becomes of each, which are damaged, and whether some are left.
fn decide(
    mut candidates: Vec<Candidate>,
    take: &Take,
    mut waiting: Option<&mut Waiting<'_>>,
    answer: &mut Started,
) -> (Vec<Decided>, Vec<JobId>, bool) {
    candidates.sort_unstable_by_key(|candidate| candidate.turn);
    let (mut decided, mut damaged) = (Vec::new(), Vec::new());
    let mut candidates = candidates.into_iter();
    while decided.len() < take.limit && answer.inputs < INPUTS {
        let Some(Candidate { record, group, ran, .. }) = candidates.next() else { break };
        let record = match record {
            Ok(record) => record,
            Err((id, damage)) => {
                tracing::error!(job = %id, why = %damage, "a record is damaged and set aside");
                damaged.push(id);
                continue;
            }
        };
        let Ok(next) = record.state().start(record.spec(), take.worker, Owner::Lost, take.now) else { continue };
        let runs = matches!(next.phase, Phase::Running { .. });
        if let Some(Waiting { rooms, .. }) = &mut waiting {
            let is_held_back = runs && group.is_some_and(|group| !rooms.start(&group));
            if is_held_back {
                continue;
            }
            if ran && !runs {
                rooms.end(&Group::of(record.spec()));
            }
        }
        answer.inputs += if runs { record.input.length } else { 0 };
        let advance = Advance::new(record.spec().id, &next);
        decided.push(Decided { next: advance, record: record.with_state(next), runs });
    }
    // Those of groups with bounds are looked for again.
    let left = candidates.any(|candidate| candidate.group.is_none());
    (decided, damaged, left)
}

impl Started {
    /// Takes in those that are among these rows, which have an id and the input.
    fn hand_out<'a>(&mut self, decided: Vec<Decided>, rows: impl Iterator<Item = &'a Row>) -> Result<()> {
        let mut inputs = HashMap::new();
        for row in rows {
            inputs.insert(row::job_id(row, 0)?, row::bytes(row, 1)?);
        }
        for Decided { next, record, runs } in decided {
            match inputs.remove(&next.id) {
                Some(input) if runs => self.started.push(Whole { record, input, output: None }),
                Some(_) => self.settled.push(next.id),
                None => {}
            }
        }
        Ok(())
    }
}

fn earliest<'a>(rows: impl Iterator<Item = &'a Row>, now: Option<Timestamp>) -> Result<Option<Timestamp>> {
    let mut first = now;
    for row in rows {
        let due = column::<Option<i64>>(row, 0)?.map(Timestamp::from_micros);
        first = first.into_iter().chain(due).min();
    }
    Ok(first)
}
