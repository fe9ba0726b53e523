//! Which groups of jobs wait and run, how much of each may be started, and whose turn it is in each.

use std::collections::HashMap;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};

use super::read::{PAGE, Pages, strange};
use super::turn::{Lost, Turn};
use super::{KeyedStore, keys};
use crate::error::Result;
use crate::lanes::{self, Bounds, GROUPS, Group, Rooms};
use crate::store::Take;
use crate::time::Timestamp;

/// Lines that are read at one time.
const AT_ONCE: usize = 16;
/// Keys that are first looked at to see which groups they are of.
const STEP: usize = 16;

/// Jobs that wait in line.
#[derive(Clone, Debug)]
struct Line {
    /// What the keys of their turns begin with.
    prefix: Bytes,
    /// Their group; `None`: all there are.
    group: Option<Group>,
}

/// What a take found that may be started.
#[derive(Debug)]
pub(super) struct Look<'a> {
    bounds: &'a Bounds,
    lost: Vec<Lost>,
    lines: Vec<Line>,
    /// `None`: nothing bounds it.
    rooms: Option<Rooms<'a>>,
    /// What was at the gate before anything was counted.
    pub(super) gate: Option<Bytes>,
    /// Whether there may be other groups.
    pub(super) more: bool,
}

impl Look<'_> {
    /// Counts a job of this group as running, unless there is no room for it; says whether there was.
    pub(super) fn admits(&mut self, group: &Group) -> bool {
        self.rooms.as_mut().is_none_or(|rooms| rooms.start(group))
    }

    /// Counts one less of this group.
    pub(super) fn ends(&mut self, group: &Group) {
        if let Some(rooms) = &mut self.rooms {
            rooms.end(group);
        }
    }

    /// Whether no more may run of this group than the bounds say.
    pub(super) fn is_bounded(&self, group: &Group) -> bool {
        self.rooms.is_some() && group.is_bounded(self.bounds)
    }

    /// Lines that there is room for, and how much.
    fn open(&self) -> Vec<(Bytes, usize)> {
        let room = |line: &Line| {
            let room = line.group.as_ref().and_then(|group| self.rooms.as_ref()?.room(group));
            room.map_or(usize::MAX, |room| usize::try_from(room).unwrap_or(usize::MAX))
        };
        let lines = self.lines.iter().map(|line| (line.prefix.clone(), room(line)));
        lines.filter(|(_, room)| *room > 0).collect()
    }
}

impl KeyedStore {
    /// Looks for what may be started within these bounds.
    pub(super) async fn look<'a>(&self, take: &Take, bounds: &'a Bounds) -> Result<Look<'a>> {
        // Before anything is counted: whoever goes through it meanwhile is noticed by it.
        let gate = if bounds.is_empty() { None } else { self.read(keys::GATE).await? };
        let lost = self.lost(take.worker, take.now).await?;
        let all = vec![Line { prefix: Bytes::from_static(&[keys::WAITING]), group: None }];
        let mut look = Look { bounds, lost, lines: all, rooms: None, gate, more: false };
        if bounds.is_empty() {
            return Ok(look);
        }
        look.rooms = Some(Rooms::new(bounds, self.running().await?));
        let (groups, more) = self.waiting_groups().await?;
        look.more = more;
        if more || groups.iter().any(|(_, group)| group.is_bounded(bounds)) {
            let line = |(prefix, group)| Line { prefix, group: Some(group) };
            look.lines = groups.into_iter().map(line).collect();
        }
        Ok(look)
    }

    /// The first turns of lost workers and of each line that is open, in one order, so many of each at most; and whether there may
    /// be others.
    pub(super) async fn turns(&self, take: &Take, look: &Look<'_>, limit: usize) -> Result<(Vec<Turn>, bool)> {
        let mut lists = Vec::new();
        for lost in &look.lost {
            let found = self.all(&keys::key(keys::RUNNING, &[lost.worker.as_bytes()]), limit).await?;
            let turns = found.into_iter().filter_map(|(key, group)| Turn::read(&key, group));
            let turns: Vec<_> = turns.map(|turn| turn.of_lost(lost.clone())).collect();
            let is_cut = turns.len() >= limit;
            lists.push((turns, is_cut));
        }
        let open = look.open();
        let each = lanes::each(limit, open.len());
        let due = stream::iter(open).map(|(prefix, room)| self.due_within(prefix, room, each, take.now));
        lists.extend(due.buffered(AT_ONCE).try_collect::<Vec<_>>().await?);
        let is_cut = lists.iter().any(|(_, is_cut)| *is_cut);
        Ok((lanes::merged(lists), is_cut))
    }

    /// When the first job falls due of those that there is room for.
    pub(super) async fn first_due(&self, look: &Look<'_>) -> Result<Option<Timestamp>> {
        let firsts = stream::iter(look.open()).map(|(prefix, _)| self.first_of(prefix));
        let firsts: Vec<_> = firsts.buffered(AT_ONCE).try_collect().await?;
        Ok(firsts.into_iter().flatten().min())
    }

    /// The first turns of a line, no more than there is room for, and whether others of it could be started.
    async fn due_within(&self, prefix: Bytes, room: usize, each: usize, now: Timestamp) -> Result<(Vec<Turn>, bool)> {
        let turns = self.due(&prefix, room.min(each), now).await?;
        let is_cut = turns.len() >= each && each < room;
        Ok((turns, is_cut))
    }

    /// The first jobs of a line whose time has come, priority by priority: what is due later is hardly looked at.
    async fn due(&self, prefix: &[u8], most: usize, now: Timestamp) -> Result<Vec<Turn>> {
        let (mut pages, mut found) = (Pages::of(prefix), Vec::new());
        while found.len() < most && !pages.is_over() {
            let to = keys::end(prefix);
            for (key, value) in pages.next(self, most - found.len()).await? {
                let turn = Turn::read(&key, group_of(&key, value)).ok_or_else(strange)?;
                if turn.due > now {
                    pages = Pages::between(keys::end(&[prefix, turn.priority()].concat()), to);
                    break;
                }
                found.push(turn);
            }
        }
        Ok(found)
    }

    /// When the first job of a line falls due: the first of each priority is looked at.
    async fn first_of(&self, prefix: Bytes) -> Result<Option<Timestamp>> {
        let (mut pages, mut first) = (Pages::of(&prefix), None);
        while let Some((key, _)) = pages.next(self, 1).await?.pop() {
            let turn = Turn::read(&key, Bytes::new()).ok_or_else(strange)?;
            pages.skip_to(keys::end(&[&prefix, turn.priority()].concat()));
            first = first.into_iter().chain([turn.due]).min();
        }
        Ok(first)
    }

    /// Groups of jobs that wait, with what the keys of their turns begin with, from where the take before this one ended; and whether
    /// there may be others.
    async fn waiting_groups(&self) -> Result<(Vec<(Bytes, Group)>, bool)> {
        let behind = self.round.begin();
        let (mut groups, mut is_first) = (self.groups_behind(&behind).await?, behind.is_empty());
        if groups.is_empty() && !is_first {
            (groups, is_first) = (self.groups_behind(&[]).await?, true);
        }
        let is_full = groups.len() >= GROUPS;
        let last = groups.last().filter(|_| is_full).map(|(prefix, _)| keys::end(prefix).to_vec());
        self.round.went(last.as_ref());
        Ok((groups, is_full || !is_first))
    }

    /// The first groups whose turns are at this key or behind it.
    async fn groups_behind(&self, from: &[u8]) -> Result<Vec<(Bytes, Group)>> {
        let (mut pages, mut groups, mut step) = (Pages::of(&[keys::GROUP]), Vec::new(), STEP);
        if !from.is_empty() {
            pages.skip_to(Bytes::copy_from_slice(from));
        }
        while !pages.is_over() && groups.len() < GROUPS {
            let before = groups.len();
            for (key, _) in pages.next(self, step).await? {
                let bytes = keys::group_of(&key).ok_or_else(strange)?;
                let prefix = keys::group(bytes);
                if groups.last().is_none_or(|(last, _)| *last != prefix) && groups.len() < GROUPS {
                    groups.push((prefix, Group::from_bytes(bytes).ok_or_else(strange)?));
                }
            }
            // Where groups are large their jobs are not all looked at; where they are small it takes few reads to see many.
            step = if groups.len() > before + 1 { (step * 2).min(PAGE) } else { (step / 2).max(1) };
            if let Some((last, _)) = groups.last().filter(|_| !pages.is_over()) {
                pages.skip_to(keys::end(last));
            }
        }
        Ok(groups)
    }

    /// How many jobs run of each group.
    pub(super) async fn running(&self) -> Result<HashMap<Group, u64>> {
        self.sum_groups(keys::RUNNING).await
    }

    /// How many keys of this kind there are of each group, which is what is under them.
    pub(super) async fn sum_groups(&self, kind: u8) -> Result<HashMap<Group, u64>> {
        let (mut pages, mut sums) = (Pages::of(&[kind]), HashMap::<Bytes, u64>::new());
        while !pages.is_over() {
            for (_, group) in pages.next(self, PAGE).await? {
                *sums.entry(group).or_default() += 1;
            }
        }
        let read = |(group, sum): (Bytes, u64)| Some((Group::from_bytes(&group)?, sum));
        Ok(sums.into_iter().filter_map(read).collect())
    }
}

/// The group of a turn, which is under its key or in it.
fn group_of(key: &[u8], value: Bytes) -> Bytes {
    keys::group_of(key).map_or(value, Bytes::copy_from_slice)
}
