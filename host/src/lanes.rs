//! Lanes: what a job shares with others that may not all run at once. Plain data and plain decisions, no IO.
//!
//! A job is in the lane of its queue, of its function, of its function within the queue, of its key within the queue, and of its
//! principal. Jobs that are in the same lanes are a [`Group`]: a store finds what waits and what runs by it.

use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroU64;
use std::sync::Arc;
#[cfg(feature = "records")]
use std::sync::{Mutex, PoisonError};

use crate::id::Digest;
use crate::job::Spec;
use crate::quota::Quotas;

/// The queue of jobs that name none.
pub const DEFAULT_QUEUE: &str = "default";
/// Longest text of a group that stands in it as it is. Requests have no longer ones, but a store is to keep whatever it is given.
const TEXT: usize = 255;
/// No text has this byte.
const END: u8 = 0xff;
/// Most groups that one take looks at; the next goes on behind them.
#[cfg(feature = "records")]
pub(crate) const GROUPS: usize = 1000;
/// Turns that one take looks at in all, or one of each group.
#[cfg(feature = "records")]
const LOOK: usize = 8192;

/// How many jobs of a queue may run at one time, over all hosts of a store. What is `None` has no bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueBounds {
    /// Of all its jobs.
    pub concurrency: Option<NonZeroU64>,
    /// Of those of each function.
    pub per_function: Option<NonZeroU64>,
    /// Of those of each concurrency key. Jobs without one are not bounded by it.
    pub per_key: Option<NonZeroU64>,
    /// None at all.
    pub paused: bool,
}

/// How many jobs of a function may run at one time, in whatever queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FunctionBounds {
    /// Of all its jobs.
    pub concurrency: Option<NonZeroU64>,
    /// None at all.
    pub paused: bool,
}

/// How many jobs may run at one time: of queues, of functions, and of principals.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    /// Of queues, by their names.
    pub queues: BTreeMap<String, QueueBounds>,
    /// Of functions, by [`Group::function`].
    pub functions: BTreeMap<String, FunctionBounds>,
    /// Of principals.
    pub tenants: Arc<Quotas>,
}

impl From<Arc<Quotas>> for Bounds {
    fn from(tenants: Arc<Quotas>) -> Self {
        Self { tenants, ..Self::default() }
    }
}

impl Bounds {
    /// Whether nothing is bounded.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.queues.values().all(|queue| *queue == QueueBounds::default())
            && self.functions.values().all(|function| *function == FunctionBounds::default())
            && !self.tenants.bound_running()
    }
}

/// Jobs that are in the same lanes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Group {
    /// Their queue.
    pub queue: String,
    /// Their function, after the name that their module was asked for by, or its digest: `math/add`.
    pub function: String,
    /// Whose they are.
    pub principal: Option<String>,
    /// Their concurrency key.
    pub key: Option<String>,
}

impl Group {
    /// That of a job.
    #[must_use]
    pub fn of(spec: &Spec) -> Self {
        let options = &spec.options;
        let module = options.module_name.clone().unwrap_or_else(|| spec.module.to_string());
        Self {
            queue: short(options.queue.as_deref().unwrap_or(DEFAULT_QUEUE)),
            function: function_lane(&module, &spec.function),
            principal: options.principal.as_deref().map(short),
            key: options.concurrency_key.as_deref().map(short),
        }
    }

    /// As a store keeps it. No two are written alike.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = [self.queue_text().as_bytes(), &[END], self.function.as_bytes()].concat();
        for (mark, text) in [(b'p', &self.principal), (b'k', &self.key)] {
            bytes.push(END);
            if let Some(text) = text {
                bytes.push(mark);
                bytes.extend(text.as_bytes());
            }
        }
        bytes
    }

    /// What [`to_bytes`](Self::to_bytes) wrote; `None`: it did not.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut parts = bytes.split(|byte| *byte == END).map(|part| std::str::from_utf8(part).ok());
        let (queue, function, principal, key) = (parts.next()??, parts.next()??, parts.next()??, parts.next()??);
        let queue = if queue.is_empty() { DEFAULT_QUEUE } else { queue };
        Some(Self {
            queue: queue.to_owned(),
            function: function.to_owned(),
            principal: principal.strip_prefix('p').map(str::to_owned),
            key: key.strip_prefix('k').map(str::to_owned),
        })
    }

    /// Its lanes that have bounds, and how many may run in each.
    #[must_use]
    pub fn limits(&self, bounds: &Bounds) -> Vec<(Lane, u64)> {
        let mut limits = Vec::new();
        let mut limit = |most: Option<NonZeroU64>, lane: &dyn Fn() -> Lane| {
            limits.extend(most.map(|most| (lane(), most.get())));
        };
        limit(bounds.tenants.of(self.principal.as_deref()).running, &|| self.tenant_lane());
        let (mut closed, name) = (false, self.queue_text());
        let queue = || Lane::of(b'q', &[name]);
        if let Some(of) = bounds.queues.get(&self.queue) {
            limit(of.concurrency, &queue);
            limit(of.per_function, &|| Lane::of(b'i', &[name, &self.function]));
            if let Some(key) = &self.key {
                limit(of.per_key, &|| Lane::of(b'k', &[name, key]));
            }
            closed = of.paused;
        }
        if let Some(of) = bounds.functions.get(&self.function) {
            limit(of.concurrency, &|| Lane::of(b'f', &[&self.function]));
            closed |= of.paused;
        }
        if closed {
            limits.push((queue(), 0));
        }
        limits
    }

    /// Whether anything bounds how many of its jobs may run.
    #[must_use]
    pub fn is_bounded(&self, bounds: &Bounds) -> bool {
        !self.limits(bounds).is_empty()
    }

    /// All its lanes.
    fn lanes(&self) -> Vec<Lane> {
        let (queue, function) = (self.queue_text(), self.function.as_str());
        let mut lanes = vec![Lane::of(b'q', &[queue]), Lane::of(b'f', &[function]), Lane::of(b'i', &[queue, function])];
        lanes.extend(self.key.as_ref().map(|key| Lane::of(b'k', &[queue, key])));
        lanes.extend(self.principal.is_some().then(|| self.tenant_lane()));
        lanes
    }

    fn tenant_lane(&self) -> Lane {
        Lane::of(b'p', &[self.principal.as_deref().unwrap_or_default()])
    }

    /// The queue as it stands in [`to_bytes`](Self::to_bytes), and so in lanes: what a script makes of a group must be the same.
    fn queue_text(&self) -> &str {
        if self.queue == DEFAULT_QUEUE { "" } else { &self.queue }
    }
}

/// How [`Group::function`] names a function of a module.
#[must_use]
pub fn function_lane(module: &str, function: &str) -> String {
    short(&format!("{module}/{function}"))
}

/// A text, or what stands for one that is too long.
fn short(text: &str) -> String {
    if text.len() <= TEXT { text.to_owned() } else { Digest::of(text.as_bytes()).to_string() }
}

/// A lane, by a name of its own.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Lane(Vec<u8>);

impl Lane {
    fn of(kind: u8, names: &[&str]) -> Self {
        let names = names.iter().flat_map(|name| name.bytes().chain([END]));
        Self(std::iter::once(kind).chain(names).collect())
    }

    /// Its name.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// How many more may be started in which lane.
#[derive(Clone, Debug)]
pub struct Rooms<'a> {
    bounds: &'a Bounds,
    running: HashMap<Lane, u64>,
}

impl<'a> Rooms<'a> {
    /// What is left where so many of each group run.
    #[must_use]
    pub fn new(bounds: &'a Bounds, running: impl IntoIterator<Item = (Group, u64)>) -> Self {
        let mut rooms = Self { bounds, running: HashMap::new() };
        for (group, count) in running {
            rooms.change(&group, |running| running.saturating_add(count));
        }
        rooms
    }

    /// How many more of this group may be started; `None`: as many as there are.
    #[must_use]
    pub fn room(&self, group: &Group) -> Option<u64> {
        let room = |(lane, most): (Lane, u64)| most.saturating_sub(self.running.get(&lane).copied().unwrap_or(0));
        group.limits(self.bounds).into_iter().map(room).min()
    }

    /// Counts one more of this group as running, unless there is no room for it; says whether there was.
    pub fn start(&mut self, group: &Group) -> bool {
        let fits = self.room(group).is_none_or(|room| room > 0);
        if fits {
            self.change(group, |running| running.saturating_add(1));
        }
        fits
    }

    /// Counts one less.
    pub fn end(&mut self, group: &Group) {
        self.change(group, |running| running.saturating_sub(1));
    }

    fn change(&mut self, group: &Group, by: impl Fn(u64) -> u64) {
        for lane in group.lanes() {
            let running = self.running.entry(lane).or_default();
            *running = by(*running);
        }
    }
}

/// How many jobs of a queue wait and run.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Load {
    /// The queue.
    pub queue: String,
    /// Whose function, by [`Group::function`].
    pub function: String,
    /// Jobs that wait for a worker, for room, or for their time.
    pub pending: u64,
    /// Jobs that a worker has, dead or alive.
    pub running: u64,
}

/// Sums what waits and runs of groups by queue and function, in their order.
#[must_use]
pub fn loads(groups: impl IntoIterator<Item = (Group, u64, u64)>) -> Vec<Load> {
    let mut sums: BTreeMap<(String, String), (u64, u64)> = BTreeMap::new();
    for (group, pending, running) in groups {
        let sum = sums.entry((group.queue, group.function)).or_default();
        *sum = (sum.0 + pending, sum.1 + running);
    }
    sums.into_iter().map(|((queue, function), (pending, running))| Load { queue, function, pending, running }).collect()
}

/// Where the next take begins to look, where there are more groups than one looks at.
#[cfg(feature = "records")]
#[derive(Debug, Default)]
pub(crate) struct Round(Mutex<Vec<u8>>);

#[cfg(feature = "records")]
impl Round {
    /// Behind this group.
    pub(crate) fn begin(&self) -> Vec<u8> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A take has looked up to this group; `None`: to the last.
    pub(crate) fn went(&self, to: Option<&Vec<u8>>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = to.cloned().unwrap_or_default();
    }
}

/// How many turns a take looks at of each of so many groups.
#[cfg(feature = "records")]
pub(crate) fn each(limit: usize, groups: usize) -> usize {
    limit.min(LOOK / groups.max(1)).max(1)
}

/// The first turns of several groups in one order. Beyond the last turn of a list that was cut short, there may be others of it
/// before those of other lists: what is there is left for the next look.
#[cfg(feature = "records")]
pub(crate) fn merged<T: Ord + Clone>(lists: Vec<(Vec<T>, bool)>) -> Vec<T> {
    let cut = lists.iter().filter(|(_, is_cut)| *is_cut);
    let certain = cut.filter_map(|(turns, _)| turns.last().cloned()).min();
    let all = lists.into_iter().flat_map(|(turns, _)| turns);
    let mut all: Vec<_> = all.filter(|turn| certain.as_ref().is_none_or(|certain| turn <= certain)).collect();
    all.sort_unstable();
    all
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn some(count: u64) -> Option<NonZeroU64> {
        NonZeroU64::new(count)
    }

    fn text() -> impl Strategy<Value = String> {
        prop::sample::select(vec!["", "a", "b", "pa", "k", "default", "a/b", "\u{0}", "ÿ"]).prop_map(str::to_owned)
    }

    fn group() -> impl Strategy<Value = Group> {
        (prop::sample::select(vec!["default", "a", "b"]), text(), prop::option::of(text()), prop::option::of(text()))
            .prop_map(|(queue, function, principal, key)| Group { queue: queue.into(), function, principal, key })
    }

    fn bounds() -> Bounds {
        let queue = QueueBounds { concurrency: some(5), per_function: some(3), per_key: some(2), paused: false };
        let shut = QueueBounds { paused: true, ..QueueBounds::default() };
        let function = FunctionBounds { concurrency: some(4), paused: false };
        let usual = crate::quota::Quota { running: some(3), ..crate::quota::Quota::default() };
        Bounds {
            queues: [("a".to_owned(), queue), ("b".to_owned(), shut)].into(),
            functions: [("a".to_owned(), function)].into(),
            tenants: Arc::new(Quotas { usual, ..Quotas::default() }),
        }
    }

    /// How many of these are in a lane, by its meaning.
    fn count(groups: &[Group], of: impl Fn(&Group) -> bool) -> u64 {
        groups.iter().filter(|group| of(group)).count() as u64
    }

    proptest! {
        #[test]
        fn a_group_reads_back_as_it_was_written_and_no_two_are_written_alike(one in group(), other in group()) {
            prop_assert_eq!(Group::from_bytes(&one.to_bytes()), Some(one.clone()));
            prop_assert_eq!(one.to_bytes() == other.to_bytes(), one == other);
        }

        #[test]
        fn nothing_starts_over_a_bound_and_all_that_fits_does(asked in prop::collection::vec(group(), 0..60)) {
            let bounds = bounds();
            let mut rooms = Rooms::new(&bounds, []);
            let mut running = Vec::new();
            for group in asked {
                let open = group.queue != "b"
                    && (group.queue != "a" || count(&running, |other: &Group| other.queue == "a") < 5)
                    && (group.queue != "a" || count(&running, |other| other.queue == "a" && other.function == group.function) < 3)
                    && (group.queue != "a" || group.key.is_none() || count(&running, |other| other.queue == "a" && other.key == group.key) < 2)
                    && (group.function != "a" || count(&running, |other| other.function == "a") < 4)
                    && (group.principal.is_none() || count(&running, |other| other.principal == group.principal) < 3);
                prop_assert_eq!(rooms.room(&group).is_none_or(|room| room > 0), open);
                prop_assert_eq!(rooms.start(&group), open);
                if open {
                    running.push(group);
                }
            }
            // One that begins with what runs says the same, and what ends gives its place back.
            let again = Rooms::new(&bounds, running.iter().map(|group| (group.clone(), 1)));
            prop_assert_eq!(&again.running, &rooms.running);
            running.iter().for_each(|group| rooms.end(group));
            prop_assert!(rooms.running.values().all(|running| *running == 0));
        }

        #[test]
        fn lists_that_were_cut_short_keep_the_order(lists in prop::collection::vec(prop::collection::vec(0..1000_u32, 0..20), 0..6), each in 1..8_usize) {
            let mut whole: Vec<u32> = lists.iter().flatten().copied().collect();
            whole.sort_unstable();
            let cut = lists.into_iter().map(|mut list| {
                list.sort_unstable();
                let is_cut = list.len() > each;
                list.truncate(each);
                (list, is_cut)
            });
            let merged = merged(cut.collect());
            prop_assert_eq!(&merged[..], &whole[..merged.len()], "the first, and none left out");
            prop_assert_eq!(merged.is_empty(), whole.is_empty());
        }
    }

    #[test]
    fn what_names_no_queue_is_in_the_default_one_and_long_texts_are_told_apart() {
        let named = Group { queue: DEFAULT_QUEUE.into(), function: "m/f".into(), principal: None, key: None };
        assert_eq!(named.to_bytes(), b"\xffm/f\xff\xff");
        let (one, other) = ("x".repeat(300) + "1", "x".repeat(300) + "2");
        assert_ne!(short(&one), short(&other));
        assert!(short(&one).len() <= TEXT);
    }

    #[test]
    fn bounds_that_say_nothing_are_none() {
        let mut bounds = Bounds::default();
        bounds.queues.insert("a".into(), QueueBounds::default());
        bounds.functions.insert("a".into(), FunctionBounds::default());
        assert!(bounds.is_empty());
        bounds.functions.insert("a".into(), FunctionBounds { paused: true, ..FunctionBounds::default() });
        assert!(!bounds.is_empty());
    }
}
