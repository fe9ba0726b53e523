//! Which groups of jobs wait and run, and how much of each may be started.
//!
//! Whoever asks so has a lock until its takes are committed, so that no two start what there is room for once.

use std::cmp::Reverse;
use std::collections::HashMap;

use tokio_postgres::Row;

use super::lines::Lines;
use super::row::{self, column, count, head};
use super::session::{Session, Step, params};
use super::turns::{Candidate, Turn, levels};
use crate::error::Result;
use crate::id::JobId;
use crate::lanes::{self, Bounds, GROUPS, Group, Load, Rooms, Round};
use crate::store::Take;
use crate::store::columns::signed;
use crate::store::postgres::fault::Trouble;

const LOCK: &str = "SELECT pg_advisory_xact_lock($1, hashtext(current_schema()))";
/// "auqu".
const BOUNDS: i32 = 0x6175_7175;

/// The groups behind this one, by one look into the index for each, however many jobs wait in it.
const WAITING: &str = "WITH RECURSIVE waiting AS (
        (SELECT lanes FROM job WHERE status = 0 AND lanes > $1 ORDER BY lanes LIMIT 1)
        UNION ALL
        SELECT (SELECT lanes FROM job WHERE status = 0 AND lanes > waiting.lanes ORDER BY lanes LIMIT 1)
        FROM waiting WHERE waiting.lanes IS NOT NULL
    ) SELECT lanes FROM waiting WHERE lanes IS NOT NULL LIMIT $2";
const RUNNING: &str = "SELECT lanes, count(*) FROM job WHERE status = 1 AND lanes IS NOT NULL GROUP BY lanes";
const LOADS: &str = "SELECT lanes, count(*) FILTER (WHERE status = 0), count(*) FILTER (WHERE status = 1)
    FROM job WHERE status IN (0, 1) AND lanes IS NOT NULL GROUP BY lanes";

/// The first turns of each of these groups. None is locked: most are not started.
const TURNS: &str = concat!(
    "SELECT of_each.number, due.priority, due.due, due.id
        FROM unnest($2::bytea[], $3::int8[]) WITH ORDINALITY AS of_each(lanes, most, number) CROSS JOIN LATERAL (",
    levels!(" AND lanes = of_each.lanes"),
    "SELECT turn.* FROM level CROSS JOIN LATERAL (
            SELECT priority, due, id FROM job WHERE status = 0 AND lanes = of_each.lanes
                AND priority = level.priority AND due <= $1 ORDER BY due, id LIMIT of_each.most
        ) turn LIMIT of_each.most) due"
);
const CHOSEN: &str = concat!(
    "SELECT ",
    head!(),
    " FROM job WHERE id = ANY($1::uuid[]) AND status = 0 AND due <= $2 FOR UPDATE SKIP LOCKED"
);

/// Groups whose jobs wait, and what may be started of them.
#[derive(Debug)]
pub(super) struct Waiting<'a> {
    groups: Vec<(Vec<u8>, Group)>,
    pub(super) rooms: Rooms<'a>,
    /// Whether there may be others.
    pub(super) more: bool,
}

/// What locks, and reads what waits and runs.
pub(super) fn steps(round: &Round) -> [Step; 3] {
    [Step::bound(LOCK, params![BOUNDS]), behind(round.begin()), Step::bound(RUNNING, params![])]
}

fn behind(from: Vec<u8>) -> Step {
    Step::bound(WAITING, params![from, signed(GROUPS as u64)])
}

impl<'a> Waiting<'a> {
    /// As they are where the last two of those steps answered so; `None`: nothing bounds what waits.
    pub(super) async fn of(
        session: &Session,
        (waiting, running): (Vec<Row>, Vec<Row>),
        bounds: &'a Bounds,
        round: &Round,
    ) -> Result<Option<Self>, Trouble> {
        let (mut rows, mut is_first) = (waiting, round.begin().is_empty());
        if rows.is_empty() && !is_first {
            is_first = true;
            rows = session.run(&[behind(Vec::new())]).await?.pop().unwrap_or_default();
        }
        let (mut groups, mut counts) = (Vec::new(), Vec::new());
        for row in &rows {
            let bytes: Vec<u8> = column(row, 0).map_err(Trouble::Refused)?;
            groups.extend(Group::from_bytes(&bytes).map(|group| (bytes, group)));
        }
        for row in &running {
            let (bytes, count) = named(row, 1).map_err(Trouble::Refused)?;
            counts.extend(Group::from_bytes(&bytes).map(|group| (group, count)));
        }
        let is_full = rows.len() == GROUPS;
        round.went(groups.last().filter(|_| is_full).map(|(bytes, _)| bytes));
        let more = is_full || !is_first;
        if !more && !groups.iter().any(|(_, group)| group.is_bounded(bounds)) {
            return Ok(None);
        }
        Ok(Some(Self { groups, rooms: Rooms::new(bounds, counts), more }))
    }

    /// The groups that something may be started of.
    pub(super) fn open(&self) -> Vec<Vec<u8>> {
        self.with_room().into_iter().map(|(at, _)| self.groups[at].0.clone()).collect()
    }

    /// The number of each, and how much.
    fn with_room(&self) -> Vec<(usize, u64)> {
        let rooms = self.groups.iter().map(|(_, group)| self.rooms.room(group).unwrap_or(u64::MAX));
        rooms.enumerate().filter(|(_, room)| *room > 0).collect()
    }

    /// The due jobs that may be started beside these lost ones, locked.
    pub(super) async fn due(
        &self,
        session: &Session,
        take: &Take,
        lost: &[Candidate],
    ) -> Result<Vec<Candidate>, Trouble> {
        let open = self.with_room();
        let each = lanes::each(take.limit, self.groups.len());
        let most: Vec<_> = open.iter().map(|(_, room)| signed((*room).min(each as u64))).collect();
        let names: Vec<_> = open.iter().map(|(at, _)| self.groups[*at].0.clone()).collect();
        let now = take.now.as_micros();
        let mut lists = vec![(Vec::new(), false); open.len()];
        for row in session.query(TURNS.into(), &[&now, &names, &most]).await? {
            let (number, turn) = turn(&row).map_err(Trouble::Refused)?;
            if let (Some((turns, _)), Some((at, _))) = (lists.get_mut(number), open.get(number)) {
                turns.push((turn, Some(*at)));
            }
        }
        for ((turns, is_cut), (_, room)) in lists.iter_mut().zip(&open) {
            turns.sort_unstable();
            *is_cut = turns.len() == each && (each as u64) < *room;
        }
        lists.push((lost.iter().map(|lost| (lost.turn, None)).collect(), false));
        let chosen = self.choose(lanes::merged(lists), take.limit);
        if chosen.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<_> = chosen.keys().map(|id| row::job_uuid(*id)).collect();
        let rows = session.query(CHOSEN.into(), &[&ids, &now]).await?;
        let candidates = rows.iter().map(Candidate::of).collect::<Result<Vec<_>>>().map_err(Trouble::Refused)?;
        let of = |candidate: &Candidate| chosen.get(&candidate.turn.2).map(|at| self.groups[*at].1.clone());
        Ok(candidates.into_iter().map(|candidate| Candidate { group: of(&candidate), ..candidate }).collect())
    }

    /// The pending ones among the first so many that there is room for, and the number of the group of each.
    fn choose(&self, turns: Vec<(Turn, Option<usize>)>, limit: usize) -> HashMap<JobId, usize> {
        let mut rooms = self.rooms.clone();
        let fits = turns.into_iter().filter(|(_, at)| at.is_none_or(|at| rooms.start(&self.groups[at].1)));
        fits.take(limit).filter_map(|((_, _, id), at)| Some((id, at?))).collect()
    }
}

fn turn(row: &Row) -> Result<(usize, Turn)> {
    let number = usize::try_from(column::<i64>(row, 0)? - 1).unwrap_or(usize::MAX);
    Ok((number, (Reverse(column(row, 1)?), column(row, 2)?, row::job_id(row, 3)?)))
}

fn named(row: &Row, number: usize) -> Result<(Vec<u8>, u64)> {
    Ok((column(row, 0)?, count(row, number)?))
}

/// How many jobs wait and run in each queue.
pub(super) async fn loads(lines: &Lines) -> Result<Vec<Load>> {
    let mut groups = Vec::new();
    for row in lines.read(LOADS, &[]).await? {
        let (bytes, pending) = named(&row, 1)?;
        let running = count(&row, 2)?;
        groups.extend(Group::from_bytes(&bytes).map(|group| (group, pending, running)));
    }
    Ok(lanes::loads(groups))
}
