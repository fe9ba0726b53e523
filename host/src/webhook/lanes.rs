//! What is to be sent now, in a lane for each destination: one that is slow holds up nothing but its own lane. No IO.

use std::collections::{HashMap, HashSet, VecDeque};

use super::target::Destination;
use crate::id::JobId;

/// Most that is under way at once, and to one destination.
const UNDER_WAY: usize = 128;
const IN_A_LANE: usize = 4;
/// Most that waits. What is beyond is found again when it is looked for.
const WAITING: usize = 10_000;

/// What is to be sent, and what is being sent.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    lanes: HashMap<Destination, Lane>,
    /// Lanes that wait for nothing but their turn, each once.
    ready: VecDeque<Destination>,
    known: HashSet<JobId>,
    under_way: usize,
}

#[derive(Debug, Default)]
struct Lane {
    waiting: VecDeque<JobId>,
    under_way: usize,
    is_ready: bool,
}

impl Lanes {
    pub(super) fn has(&self, id: JobId) -> bool {
        self.known.contains(&id)
    }

    /// Takes one more in, unless it is known already; whether there was room.
    pub(super) fn push(&mut self, to: Destination, id: JobId) -> bool {
        if self.has(id) {
            return true;
        }
        if self.known.len() - self.under_way >= WAITING {
            return false;
        }
        self.known.insert(id);
        let lane = self.lanes.entry(to.clone()).or_default();
        lane.waiting.push_back(id);
        self.offer(to);
        true
    }

    /// The next to be sent, which is under way from now on.
    pub(super) fn next(&mut self) -> Option<(Destination, JobId)> {
        if self.under_way >= UNDER_WAY {
            return None;
        }
        let to = self.ready.pop_front()?;
        let lane = self.lanes.get_mut(&to)?;
        lane.is_ready = false;
        let id = lane.waiting.pop_front()?;
        lane.under_way += 1;
        self.under_way += 1;
        self.offer(to.clone());
        Some((to, id))
    }

    /// This one is not under way any more.
    pub(super) fn ended(&mut self, to: Destination, id: JobId) {
        self.known.remove(&id);
        self.under_way -= 1;
        let Some(lane) = self.lanes.get_mut(&to) else { return };
        lane.under_way -= 1;
        if lane.under_way == 0 && lane.waiting.is_empty() {
            self.lanes.remove(&to);
        } else {
            self.offer(to);
        }
    }

    /// Puts a lane in the row, if it has something to send and may.
    fn offer(&mut self, to: Destination) {
        let Some(lane) = self.lanes.get_mut(&to) else { return };
        if !lane.is_ready && !lane.waiting.is_empty() && lane.under_way < IN_A_LANE {
            lane.is_ready = true;
            self.ready.push_back(to);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    fn id() -> JobId {
        JobId::new(Timestamp::from_micros(1))
    }

    fn to(name: impl ToString) -> Destination {
        Destination(name.to_string())
    }

    #[test]
    fn one_destination_cannot_take_all_the_places() {
        let mut lanes = Lanes::default();
        for _ in 0..100 {
            assert!(lanes.push(to("slow"), id()));
        }
        let slow: Vec<_> = std::iter::from_fn(|| lanes.next()).collect();
        assert_eq!(slow.len(), IN_A_LANE);
        let quick = id();
        lanes.push(to("quick"), quick);
        assert_eq!(lanes.next(), Some((to("quick"), quick)));
        assert_eq!(lanes.next(), None);
        lanes.ended(slow[0].0.clone(), slow[0].1);
        assert_eq!(lanes.next().unwrap().0, to("slow"));
    }

    #[test]
    fn lanes_take_turns_and_all_that_came_goes_once() {
        let mut lanes = Lanes::default();
        let ids: Vec<_> = (0..1000).map(|n| (to(n % 7), id())).collect();
        for (to, id) in &ids {
            assert!(lanes.push(to.clone(), *id) && lanes.push(to.clone(), *id));
        }
        let mut seen = HashSet::new();
        let first: Vec<_> = std::iter::from_fn(|| lanes.next()).collect();
        assert_eq!(first.len(), 7 * IN_A_LANE);
        assert_eq!(first[..7].iter().map(|(to, _)| to.0.clone()).collect::<HashSet<_>>().len(), 7);
        let mut under_way = VecDeque::from(first);
        while let Some((to, id)) = under_way.pop_front() {
            assert!(lanes.has(id) && seen.insert(id));
            lanes.ended(to, id);
            under_way.extend(lanes.next());
        }
        assert_eq!(seen.len(), ids.len());
        assert!(lanes.lanes.is_empty() && lanes.known.is_empty() && lanes.ready.is_empty());
    }

    #[test]
    fn what_waits_and_what_is_under_way_is_bounded() {
        let mut lanes = Lanes::default();
        let taken = (0..WAITING + 10).filter(|n| lanes.push(to(n % 1000), id())).count();
        assert_eq!(taken, WAITING);
        assert_eq!(std::iter::from_fn(|| lanes.next()).count(), UNDER_WAY);
    }
}
