//! Starts due jobs: finds whose turn it is and lets `State::start` decide what becomes of each.

use std::cmp::Reverse;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::fault::{self, Meaning};
use super::groups::Waiting;
use super::row::{self, Kept, Whole};
use super::workers::Workers;
use super::writer::{Applied, Work};
use crate::id::{JobId, WorkerId};
use crate::job::{Owner, Phase};
use crate::lanes::{self, Group, Round};
use crate::store::{INPUTS, Take};
use crate::time::Timestamp;

/// How many damaged records may stand before the ones that can be started.
const SPARE: usize = 64;

/// In the order in which due jobs are started.
type Turn = (Reverse<i32>, i64, JobId);

/// With the number of its group, if that may have no room for it.
type Due = (Turn, Option<usize>);

/// Whose jobs are looked at.
#[derive(Clone, Copy, Debug)]
enum Whose<'a> {
    All,
    /// Those of one group.
    Of(&'a [u8]),
}

impl<'a> Whose<'a> {
    fn pick(self, all: &'a str, of: &'a str) -> &'a str {
        match self {
            Self::All => all,
            Self::Of(_) => of,
        }
    }
}

/// Jobs being taken.
#[derive(Debug)]
pub(super) struct Taking {
    pub(super) take: Take,
    pub(super) workers: Arc<Workers>,
    pub(super) round: Arc<Round>,
}

/// What became of a job whose turn it was.
#[derive(Debug)]
enum Became {
    Running,
    /// It runs no more.
    Settled(Group),
    /// What it was.
    Left,
}

/// What was started, the payloads in files still to be read.
#[derive(Debug, Default)]
pub(super) struct Started {
    pub(super) started: Vec<Whole>,
    pub(super) settled: Vec<JobId>,
    pub(super) next_due: Option<Timestamp>,
    /// Bytes of their inputs.
    inputs: u64,
}

impl Work for Taking {
    type Answer = Started;

    fn apply(&mut self, connection: &Connection) -> Applied<Started> {
        let bounds = self.take.bounds.clone().filter(|bounds| !bounds.is_empty());
        let look = || bounds.as_ref().map_or(Ok(None), |bounds| Waiting::of(connection, bounds, &self.round));
        let (mut waiting, turns) = match self.take.only {
            Some(id) => (None, self.turn_of(connection, id)?.map(|turn| (turn, None)).into_iter().collect()),
            None => {
                let waiting = look()?;
                let turns = self.turns(connection, waiting.as_ref())?;
                (waiting, turns)
            }
        };
        let mut answer = Started::default();
        let mut turns = turns.into_iter();
        while answer.started.len() + answer.settled.len() < self.take.limit && answer.inputs < INPUTS {
            let Some(due) = turns.next() else { break };
            self.start_within(connection, due, waiting.as_mut(), &mut answer)?;
        }
        if self.take.only.is_some() {
            waiting = look()?;
        }
        answer.next_due = self.next_due(connection, waiting.as_ref())?;
        // Those that were held back are not left over.
        if turns.any(|(_, group)| group.is_none()) || waiting.is_some_and(|waiting| waiting.more) {
            answer.next_due = Some(answer.next_due.map_or(self.take.now, |at| at.min(self.take.now)));
        }
        Ok(Ok(answer))
    }
}

impl Taking {
    /// Those whose turn it is, in order.
    fn turns(&self, connection: &Connection, waiting: Option<&Waiting<'_>>) -> rusqlite::Result<Vec<Due>> {
        let lost = self.lost(connection)?.into_iter().map(|turn| (turn, None)).collect();
        let mut lists = vec![(lost, false)];
        self.pending(connection, waiting, &mut lists)?;
        Ok(lanes::merged(lists))
    }

    /// The turn of this one job, if it is due.
    fn turn_of(&self, connection: &Connection, id: JobId) -> rusqlite::Result<Option<Turn>> {
        let mut statement = connection.prepare_cached(
            "SELECT priority, due, id, status, worker FROM job WHERE id = ?1 AND (status = 1 OR status = 0 AND due <= ?2)",
        )?;
        let found = statement.query_row(params![id.as_bytes(), self.take.now.as_micros()], |row| {
            Ok((read_turn(row)?, row.get::<_, i64>(3)?, row.get::<_, Option<[u8; 16]>>(4)?))
        });
        Ok(found
            .optional()?
            .filter(|(_, status, worker)| *status == 0 || worker.is_some_and(|id| self.lives_not(id)))
            .map(|(turn, ..)| turn))
    }

    fn lives_not(&self, worker: [u8; 16]) -> bool {
        let worker = WorkerId::from_bytes(worker);
        worker != self.take.worker && !self.workers.is_alive(worker)
    }

    /// The running jobs of workers that died.
    fn lost(&self, connection: &Connection) -> rusqlite::Result<Vec<Turn>> {
        let mut turns = Vec::new();
        for worker in lost_workers(connection, &self.workers, self.take.worker)? {
            let mut statement =
                connection.prepare_cached("SELECT priority, due, id FROM job WHERE status = 1 AND worker = ?1")?;
            let rows = statement.query_map([worker.as_bytes()], read_turn)?;
            for turn in rows {
                turns.push(turn?);
            }
        }
        Ok(turns)
    }

    /// The first of the pending jobs whose time has come, of all who wait or of each group that has room; and whether there may be
    /// more that could be started.
    fn pending(
        &self,
        connection: &Connection,
        waiting: Option<&Waiting<'_>>,
        lists: &mut Vec<(Vec<Due>, bool)>,
    ) -> rusqlite::Result<()> {
        let wanted = self.take.limit.saturating_add(SPARE);
        let Some(waiting) = waiting else {
            let turns = self.pending_of(connection, Whose::All, wanted)?;
            lists.push((turns.into_iter().map(|turn| (turn, None)).collect(), false));
            return Ok(());
        };
        let each = lanes::each(wanted, waiting.groups.len());
        for (at, room) in waiting.open() {
            let room = usize::try_from(room).unwrap_or(usize::MAX);
            let turns = self.pending_of(connection, Whose::Of(&waiting.groups[at].0), room.min(each))?;
            let is_cut = turns.len() == each && each < room;
            lists.push((turns.into_iter().map(|turn| (turn, Some(at))).collect(), is_cut));
        }
        Ok(())
    }

    /// At most so many of them, priority by priority: what is due later is never looked at.
    fn pending_of(&self, connection: &Connection, whose: Whose<'_>, wanted: usize) -> rusqlite::Result<Vec<Turn>> {
        let now = self.take.now.as_micros();
        let mut turns = Vec::new();
        let mut below = i64::MAX;
        while let Some((priority, due)) = next_priority(connection, whose, below)? {
            below = priority;
            if due > now {
                continue;
            }
            let left = i64::try_from(wanted - turns.len()).unwrap_or(i64::MAX);
            let mut statement = connection.prepare_cached(whose.pick(
                "SELECT priority, due, id FROM job WHERE status = 0 AND priority = ?1 AND due <= ?2
                    ORDER BY due, id LIMIT ?3",
                "SELECT priority, due, id FROM job WHERE status = 0 AND lanes = ?4 AND priority = ?1 AND due <= ?2
                    ORDER BY due, id LIMIT ?3",
            ))?;
            let rows = match whose {
                Whose::All => statement.query_map(params![priority, now, left], read_turn)?,
                Whose::Of(who) => statement.query_map(params![priority, now, left, who], read_turn)?,
            };
            for turn in rows {
                turns.push(turn?);
            }
            if turns.len() >= wanted {
                break;
            }
        }
        Ok(turns)
    }

    /// When the first job falls due of those that have room.
    fn next_due(&self, connection: &Connection, waiting: Option<&Waiting<'_>>) -> rusqlite::Result<Option<Timestamp>> {
        let Some(waiting) = waiting else { return next_due(connection, Whose::All) };
        let mut first = None;
        for (at, _) in waiting.open() {
            let next = next_due(connection, Whose::Of(&waiting.groups[at].0))?;
            first = first.into_iter().chain(next).min();
        }
        Ok(first)
    }

    /// Starts a job if there is room for it, and counts it.
    fn start_within(
        &self,
        connection: &Connection,
        ((_, _, id), at): Due,
        waiting: Option<&mut Waiting<'_>>,
        answer: &mut Started,
    ) -> rusqlite::Result<()> {
        let Some(Waiting { groups, rooms, .. }) = waiting else { return self.start(connection, id, answer).map(drop) };
        let group = at.map(|at| &groups[at].1);
        if group.is_some_and(|group| !rooms.start(group)) {
            return Ok(());
        }
        match (self.start(connection, id, answer)?, group) {
            (Became::Running, _) | (Became::Left, None) => {}
            (Became::Left | Became::Settled(_), Some(group)) => rooms.end(group),
            (Became::Settled(group), None) => rooms.end(&group),
        }
        Ok(())
    }

    fn start(&self, connection: &Connection, id: JobId, answer: &mut Started) -> rusqlite::Result<Became> {
        let mut whole = match row::whole(connection, id) {
            Ok(Some(Ok(whole))) => whole,
            Ok(Some(Err((id, damage)))) => return row::set_aside(connection, id, &damage).map(|()| Became::Left),
            Ok(None) => return Ok(Became::Left),
            // A page that cannot be read: its neighbours can.
            Err(error) if fault::meaning(&error) == Meaning::Damaged => return Ok(Became::Left),
            Err(error) => return Err(error),
        };
        let record = &whole.record;
        let Ok(next) = record.state().start(record.spec(), self.take.worker, Owner::Lost, self.take.now) else {
            return Ok(Became::Left);
        };
        if !Kept::new(&next, None).advance(connection, id)? {
            return Ok(Became::Left);
        }
        if let Phase::Running { .. } = next.phase {
            whole.record = whole.record.with_state(next);
            answer.inputs += whole.record.input.length;
            answer.started.push(whole);
            return Ok(Became::Running);
        }
        answer.settled.push(id);
        Ok(Became::Settled(Group::of(whole.record.spec())))
    }
}

/// Workers that died while they ran something; `asking` is alive.
pub(super) fn lost_workers(
    connection: &Connection,
    workers: &Workers,
    asking: WorkerId,
) -> rusqlite::Result<Vec<WorkerId>> {
    // One seek a worker, however many jobs it runs.
    let mut statement =
        connection.prepare_cached("SELECT worker FROM job WHERE status = 1 AND worker > ?1 ORDER BY worker LIMIT 1")?;
    let mut lost = Vec::new();
    let mut after = Vec::new();
    while let Some(worker) = statement.query_row([&after], |row| row.get::<_, [u8; 16]>(0)).optional()? {
        after = worker.to_vec();
        let worker = WorkerId::from_bytes(worker);
        if worker != asking && !workers.is_alive(worker) {
            lost.push(worker);
        }
    }
    Ok(lost)
}

/// When the first pending job falls due.
fn next_due(connection: &Connection, whose: Whose<'_>) -> rusqlite::Result<Option<Timestamp>> {
    let mut below = i64::MAX;
    let mut first: Option<i64> = None;
    while let Some((priority, due)) = next_priority(connection, whose, below)? {
        below = priority;
        first = Some(first.map_or(due, |first| first.min(due)));
    }
    Ok(first.map(Timestamp::from_micros))
}

/// The highest priority below this one that a pending job has, and when its first job falls due.
fn next_priority(connection: &Connection, whose: Whose<'_>, below: i64) -> rusqlite::Result<Option<(i64, i64)>> {
    let mut statement = connection.prepare_cached(whose.pick(
        "SELECT priority, due FROM job WHERE status = 0 AND priority < ?1 ORDER BY priority DESC, due LIMIT 1",
        "SELECT priority, due FROM job WHERE status = 0 AND lanes = ?2 AND priority < ?1
            ORDER BY priority DESC, due LIMIT 1",
    ))?;
    let read = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?));
    match whose {
        Whose::All => statement.query_row([below], read),
        Whose::Of(who) => statement.query_row(params![below, who], read),
    }
    .optional()
}

fn read_turn(row: &Row<'_>) -> rusqlite::Result<Turn> {
    Ok((Reverse(row.get(0)?), row.get(1)?, row::job_id(row, 2)?))
}
