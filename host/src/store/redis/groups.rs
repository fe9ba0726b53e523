//! Which groups of jobs wait and run, and how much of each may be started.

use bytes::Bytes;
use redis::Value;

use super::RedisStore;
use super::answer::{self, decimal, own};
use super::{fault, scripts};
use crate::error::Result;
use crate::lanes::{self, Bounds, GROUPS, Group, Lane, Load, Rooms};
use crate::store::Take;

/// Jobs that wait in line.
#[derive(Debug)]
pub(super) struct Line {
    /// Their index.
    pub(super) set: Bytes,
    /// How many of them may be started.
    pub(super) room: u64,
    /// Their group; `None`: all there are.
    pub(super) group: Option<Group>,
}

/// What waits and may be started.
#[derive(Debug)]
pub(super) struct Waiting<'a> {
    pub(super) lines: Vec<Line>,
    /// `None`: nothing bounds it.
    pub(super) rooms: Option<Rooms<'a>>,
    /// Whether there may be other groups.
    pub(super) more: bool,
}

/// The bounds of a take, if there are any.
pub(super) fn bounds(take: &Take) -> Option<&Bounds> {
    take.bounds.as_deref().filter(|bounds| take.only.is_none() && !bounds.is_empty())
}

/// Lanes, each after its length and before how many may run in it.
pub(super) fn packed(limits: &[(Lane, u64)]) -> Bytes {
    let mut bytes = Vec::new();
    for (lane, most) in limits {
        let name = lane.as_bytes();
        bytes.extend(u32::try_from(name.len()).unwrap_or(u32::MAX).to_be_bytes());
        bytes.extend(name);
        bytes.extend(u32::try_from(*most).unwrap_or(u32::MAX).to_be_bytes());
    }
    bytes.into()
}

impl RedisStore {
    /// The lines of those that may be started.
    pub(super) async fn waiting<'a>(&self, take: &'a Take) -> Result<Waiting<'a>> {
        let all = || vec![Line { set: Bytes::from_static(b"pend"), room: u64::MAX, group: None }];
        let Some(bounds) = bounds(take) else { return Ok(Waiting { lines: all(), rooms: None, more: false }) };
        let (mut found, mut is_first) = (self.groups(&self.round.begin()).await?, self.round.begin().is_empty());
        if found.0.is_empty() && !is_first {
            is_first = true;
            found = self.groups(&[]).await?;
        }
        let (groups, running) = found;
        let is_full = groups.len() == GROUPS;
        self.round.went(groups.last().filter(|_| is_full).map(|(bytes, _)| bytes));
        let more = is_full || !is_first;
        if !more && !groups.iter().any(|(_, group)| group.is_bounded(bounds)) {
            return Ok(Waiting { lines: all(), rooms: None, more });
        }
        let rooms = Rooms::new(bounds, running);
        let line = |(bytes, group): (Vec<u8>, Group)| {
            let room = rooms.room(&group).unwrap_or(u64::MAX);
            Line { set: own([b"pend:", &bytes[..]].concat()), room, group: Some(group) }
        };
        let lines = groups.into_iter().map(line).filter(|line| line.room > 0).collect();
        Ok(Waiting { lines, rooms: Some(rooms), more })
    }

    /// The groups behind this one that have jobs that wait, and how many run of each that has some.
    async fn groups(&self, behind: &[u8]) -> Result<(Vec<(Vec<u8>, Group)>, Vec<(Group, u64)>)> {
        let from = if behind.is_empty() { Bytes::from_static(b"-") } else { own([b"(", behind].concat()) };
        let [waiting, running] = answer::parts(self.main.run(&scripts::GROUPS, &[from, decimal(GROUPS)]).await?)?;
        let mut groups = Vec::new();
        for bytes in answer::array(waiting)? {
            let bytes = answer::bytes(bytes)?;
            groups.extend(Group::from_bytes(&bytes).map(|group| (bytes.to_vec(), group)));
        }
        Ok((groups, counted(running)?))
    }

    /// How many jobs wait and run in each queue.
    pub(super) async fn sum_loads(&self) -> Result<Vec<Load>> {
        let (mut groups, mut from) = (Vec::new(), Bytes::from_static(b"-"));
        loop {
            let [waiting, next, running] =
                answer::parts(self.main.run(&scripts::LOADS, &[from, decimal(GROUPS)]).await?)?;
            let waiting = counted(waiting)?.into_iter().map(|(group, pending)| (group, pending, 0));
            groups.extend(lanes::loads(waiting).into_iter().map(load));
            match answer::optional(next)? {
                Some(next) => from = next,
                None => {
                    groups.extend(counted(running)?.into_iter().map(|(group, running)| (group, 0, running)));
                    return Ok(lanes::loads(groups));
                }
            }
        }
    }
}

/// A sum that more is added to.
fn load(load: Load) -> (Group, u64, u64) {
    let Load { queue, function, pending, running } = load;
    (Group { queue, function, principal: None, key: None }, pending, running)
}

/// Groups, each before its count.
fn counted(pairs: Value) -> Result<Vec<(Group, u64)>> {
    let (mut values, mut counts) = (answer::array(pairs)?.into_iter(), Vec::new());
    while let Some(group) = values.next() {
        let count = answer::number(&values.next().ok_or_else(fault::strange)?)?;
        counts.extend(Group::from_bytes(&answer::bytes(group)?).map(|group| (group, count)));
    }
    Ok(counts)
}
