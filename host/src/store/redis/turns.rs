//! Whose turn it is: those that the server lists for each lost worker and each line of those that wait, in one order.

use super::RedisStore;
use super::answer::{self, decimal, own, sortable};
use super::groups::{Line, Waiting};
use super::{fault, scripts};
use crate::error::Result;
use crate::id::JobId;
use crate::lanes;
use crate::store::Take;
use crate::time::Timestamp;

/// Turns that one look asks for in all, or one of each line.
const LOOK: usize = 8192;

/// How far a crowd spreads: so many times what each wants.
const CROWD: usize = 8;

/// In the order in which due jobs are started.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Turn {
    pub(super) priority: [u8; 4],
    pub(super) due: Timestamp,
    pub(super) id: JobId,
    /// Whether it was found running, with a worker that is lost.
    pub(super) is_lost: bool,
    /// The number of the line it was found in.
    pub(super) line: Option<usize>,
}

impl Turn {
    pub(super) fn read(bytes: &[u8]) -> Result<Self> {
        let (priority, rest) = bytes.split_first_chunk().ok_or_else(fault::strange)?;
        let (due, id) = rest.split_at_checked(8).ok_or_else(fault::strange)?;
        Ok(Self { priority: *priority, due: answer::time(due)?, id: answer::id(id)?, is_lost: false, line: None })
    }
}

impl RedisStore {
    /// The first turns, at most so many. In a crowd, where others were faster with the very first, some a little further on
    /// that are of the same priority: else all hosts would try for the same, and all but one in vain.
    pub(super) async fn turns(&self, take: &Take, limit: usize, crowd: bool) -> Result<Vec<Turn>> {
        let Waiting { lines, mut rooms, .. } = self.waiting(take).await?;
        let each = limit.saturating_mul(if crowd { CROWD } else { 1 }).min(LOOK / lines.len().max(1)).max(1);
        let now = take.now.as_micros();
        let mut args = vec![own(take.worker.as_bytes()), decimal(now), own(sortable(now)), decimal(each)];
        let most = |room: u64| usize::try_from(room).unwrap_or(usize::MAX).min(each);
        for Line { set, room, .. } in &lines {
            args.extend([set.clone(), decimal(most(*room))]);
        }
        let [lost, found] = answer::parts(self.main.run(&scripts::DUE, &args).await?)?;
        let lost = usize::try_from(answer::number(&lost)?).unwrap_or(usize::MAX);
        let mut lists = Vec::new();
        for (number, turns) in answer::array(found)?.into_iter().enumerate() {
            let line = number.checked_sub(lost);
            let mut read = Vec::new();
            for turn in answer::array(turns)? {
                let turn = Turn::read(&answer::bytes(turn)?)?;
                read.push(Turn { is_lost: line.is_none(), line, ..turn });
            }
            let all_of_it = line.and_then(|line| lines.get(line)).map_or(u64::MAX, |line| line.room);
            let is_cut = read.len() == each && (read.len() as u64) < all_of_it;
            lists.push((read, is_cut));
        }
        let mut all = lanes::merged(lists);
        if crowd && let Some(first) = all.first() {
            let priority = first.priority;
            let alike = all.partition_point(|turn| turn.priority == priority);
            all.drain(..rand::random_range(0..=alike.saturating_sub(limit)));
        }
        if let Some(rooms) = &mut rooms {
            let group = |turn: &Turn| turn.line.and_then(|line| lines.get(line)?.group.as_ref());
            all.retain(|turn| group(turn).is_none_or(|group| rooms.start(group)));
        }
        all.truncate(limit);
        Ok(all)
    }
}
