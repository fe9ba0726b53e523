//! Keeps jobs in this process's memory: the reference the other stores are tested against, and what a throw-away host uses.
//!
//! Nothing outlives the process. Logs and payloads are as large as the sandbox let them grow.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::{self, BoxStream};

use super::{Change, Depth, Heartbeat, Inserted, Note, Query, Store, Take, Taken, logged};
use crate::attempt::LogEntry;
use crate::error::{Error, Result};
use crate::id::{JobId, WorkerId};
use crate::job::{Counts, Job, KeyHolds, Owner, Phase, State, Summary};
use crate::lanes::{self, Bounds, Group, Load, Rooms};
use crate::quota::Held;
use crate::time::Timestamp;

/// Jobs in memory. See [`Store`] for what it promises; it survives nothing.
#[derive(Default)]
pub struct MemoryStore(Mutex<Jobs>);

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    // Every method leaves `Jobs` whole before it can panic, so a poisoned lock protects nothing.
    fn jobs(&self) -> MutexGuard<'_, Jobs> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MemoryStore({} jobs)", self.jobs().kept.len())
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn insert(&self, job: &Job) -> Result<Inserted> {
        self.jobs().insert(job)
    }

    async fn get(&self, id: JobId, now: Timestamp) -> Result<Job> {
        self.jobs().live(id, now).cloned()
    }

    async fn peek(&self, id: JobId, now: Timestamp) -> Result<Summary> {
        self.jobs().live(id, now).map(Job::summary)
    }

    async fn take(&self, take: &Take) -> Result<Taken> {
        Ok(self.jobs().take(take))
    }

    async fn advance(&self, id: JobId, next: &State) -> Result<()> {
        self.jobs().advance(id, next)
    }

    async fn scan(&self, query: &Query) -> Result<Vec<Summary>> {
        Ok(self.jobs().scan(query))
    }

    async fn remove(&self, ids: &[JobId]) -> Result<u64> {
        let mut jobs = self.jobs();
        Ok(ids.iter().filter(|id| jobs.remove(**id)).count() as u64)
    }

    async fn append_log(&self, id: JobId, entries: &[LogEntry]) -> Result<()> {
        let mut jobs = self.jobs();
        let kept = jobs.kept_mut(id)?;
        kept.log.extend_from_slice(entries);
        let (principal, bytes) = (kept.job.spec.options.principal.clone(), logged(entries));
        if let Some(held) = principal.and_then(|principal| jobs.held.get_mut(&principal)) {
            held.stored += bytes;
        }
        Ok(())
    }

    async fn read_log(&self, id: JobId, from: u64, limit: usize) -> Result<Vec<LogEntry>> {
        let mut jobs = self.jobs();
        let from = usize::try_from(from).unwrap_or(usize::MAX);
        Ok(jobs.kept_mut(id)?.log.iter().skip(from).take(limit).cloned().collect())
    }

    async fn heartbeat(&self, worker: WorkerId, until: Timestamp, now: Timestamp) -> Result<Heartbeat> {
        let mut jobs = self.jobs();
        jobs.workers.insert(worker, until);
        Ok(Heartbeat { lost_jobs: jobs.lost(worker, now).next().is_some() })
    }

    async fn leave(&self, worker: WorkerId) -> Result<()> {
        self.jobs().workers.remove(&worker);
        Ok(())
    }

    /// Nobody else can change what is in this process's memory.
    fn changes(&self) -> BoxStream<'static, Change> {
        stream::pending().boxed()
    }

    async fn put_note(&self, name: &str, note: &[u8]) -> Result<()> {
        self.jobs().notes.insert(name.to_owned(), note.to_owned());
        Ok(())
    }

    async fn remove_note(&self, name: &str) -> Result<bool> {
        Ok(self.jobs().notes.remove(name).is_some())
    }

    async fn notes(&self, prefix: &str, limit: usize) -> Result<Vec<Note>> {
        let jobs = self.jobs();
        let from = jobs.notes.range(prefix.to_owned()..).take_while(|(name, _)| name.starts_with(prefix));
        Ok(from.take(limit).map(|(name, bytes)| Note { name: name.clone(), bytes: bytes.clone() }).collect())
    }

    async fn put_blob(&self, name: &str, blob: &Bytes) -> Result<()> {
        self.jobs().blobs.insert(name.to_owned(), blob.clone());
        Ok(())
    }

    async fn blob(&self, name: &str) -> Result<Option<Bytes>> {
        Ok(self.jobs().blobs.get(name).cloned())
    }

    async fn remove_blob(&self, name: &str) -> Result<bool> {
        Ok(self.jobs().blobs.remove(name).is_some())
    }

    async fn depth(&self, now: Timestamp) -> Result<Depth> {
        let jobs = self.jobs();
        let due = || jobs.pending.iter().map(|(_, at, _)| *at).filter(|at| *at <= now);
        let (pending, running) = (jobs.pending.len() as u64, jobs.running.len() as u64);
        Ok(Depth { pending, due: due().count() as u64, oldest_due: due().min(), running })
    }

    async fn loads(&self) -> Result<Vec<Load>> {
        let jobs = self.jobs();
        let waits = jobs.pending.iter().filter_map(|(_, _, id)| Some((jobs.group(*id)?, 1, 0)));
        let runs = jobs.running.iter().filter_map(|(_, _, id)| Some((jobs.group(*id)?, 0, 1)));
        Ok(lanes::loads(waits.chain(runs)))
    }

    async fn held(&self, principal: &str) -> Result<Held> {
        Ok(self.jobs().held.get(principal).copied().unwrap_or_default())
    }

    async fn counts(&self) -> Result<Counts> {
        let mut counts = Counts::default();
        self.jobs().kept.values().for_each(|kept| *counts.of(kept.job.state.status()) += 1);
        Ok(counts)
    }

    async fn ready(&self) -> Result<()> {
        Ok(())
    }
}

struct Kept {
    job: Job,
    log: Vec<LogEntry>,
}

/// In the order in which due jobs are started.
type Turn = (Reverse<i32>, Timestamp, JobId);

#[derive(Default)]
struct Jobs {
    kept: BTreeMap<JobId, Kept>,
    keys: HashMap<Vec<u8>, JobId>,
    notes: BTreeMap<String, Vec<u8>>,
    blobs: HashMap<String, Bytes>,
    workers: HashMap<WorkerId, Timestamp>,
    pending: BTreeSet<Turn>,
    running: BTreeSet<Turn>,
    held: HashMap<String, Held>,
    expiring: BTreeSet<(Timestamp, JobId)>,
}

impl Jobs {
    fn kept_mut(&mut self, id: JobId) -> Result<&mut Kept> {
        self.kept.get_mut(&id).ok_or_else(|| Error::not_found("job", id))
    }

    fn live(&self, id: JobId, now: Timestamp) -> Result<&Job> {
        let job = &self.kept.get(&id).ok_or_else(|| Error::not_found("job", id))?.job;
        if expired(job, now) { Err(Error::Expired(id)) } else { Ok(job) }
    }

    fn insert(&mut self, job: &Job) -> Result<Inserted> {
        let (id, key) = (job.spec.id, job.spec.options.scoped_key());
        let holder = key.as_ref().and_then(|key| self.holder(key, job.spec.created));
        if let Some(holder) = holder.filter(|holder| *holder != id) {
            return Ok(Inserted::Existing(holder));
        }
        if self.kept.contains_key(&id) {
            return Err(Error::Conflict(id));
        }
        self.index(job);
        self.kept.insert(id, Kept { job: job.clone(), log: Vec::new() });
        if let Some(key) = key {
            self.keys.insert(key, id);
        }
        Ok(Inserted::New)
    }

    fn holder(&self, key: &[u8], now: Timestamp) -> Option<JobId> {
        let job = &self.kept.get(self.keys.get(key)?)?.job;
        let holds = job.spec.options.key.as_ref()?.holds;
        let let_go = holds == KeyHolds::UntilFinished && job.state.status().is_finished();
        (!let_go && !expired(job, now)).then_some(job.spec.id)
    }

    fn advance(&mut self, id: JobId, next: &State) -> Result<()> {
        let mut job = self.kept_mut(id)?.job.clone();
        if job.state.version.checked_add(1) != Some(next.version) {
            return Err(Error::Conflict(id));
        }
        if job.state.status().is_finished() {
            return Err(Error::Finished(id));
        }
        self.unindex(&job);
        job.state = next.clone();
        self.index(&job);
        self.kept_mut(id)?.job = job;
        Ok(())
    }

    fn remove(&mut self, id: JobId) -> bool {
        let Some(Kept { job, log }) = self.kept.remove(&id) else { return false };
        self.unindex(&job);
        if let Some(held) = self.held_of(&job) {
            held.stored -= logged(&log);
        }
        if let Some(key) = job.spec.options.scoped_key().filter(|key| self.keys.get(key) == Some(&id)) {
            self.keys.remove(&key);
        }
        true
    }

    fn take(&mut self, take: &Take) -> Taken {
        let mut turns: Vec<Turn> = match take.only {
            Some(id) => self.turn_of(id, take).into_iter().collect(),
            None => {
                let mut rooms = self.rooms(take.bounds.as_deref());
                let mut fits = |id: JobId| match (&mut rooms, self.group(id)) {
                    (Some(rooms), Some(group)) => rooms.start(&group),
                    _ => true,
                };
                let due = self.pending.iter().filter(|(_, due, id)| *due <= take.now && fits(*id)).take(take.limit);
                due.chain(self.lost(take.worker, take.now)).copied().collect()
            }
        };
        turns.sort_unstable();
        turns.truncate(take.limit);
        let mut taken = Taken::default();
        for (_, _, id) in turns {
            self.start(id, take, &mut taken);
        }
        let lost_left = self.lost(take.worker, take.now).next().map(|_| take.now);
        let rooms = self.rooms(take.bounds.as_deref());
        let is_open = |id: JobId| match (&rooms, self.group(id)) {
            (Some(rooms), Some(group)) => rooms.room(&group).is_none_or(|room| room > 0),
            _ => true,
        };
        let pending = self.pending.iter().filter(|(_, _, id)| is_open(*id)).map(|(_, due, _)| *due);
        taken.next_due = pending.chain(lost_left).min();
        taken
    }

    /// What may be started within these bounds.
    fn rooms<'a>(&self, bounds: Option<&'a Bounds>) -> Option<Rooms<'a>> {
        let running = self.running.iter().filter_map(|(_, _, id)| Some((self.group(*id)?, 1)));
        bounds.filter(|bounds| !bounds.is_empty()).map(|bounds| Rooms::new(bounds, running))
    }

    fn group(&self, id: JobId) -> Option<Group> {
        self.kept.get(&id).map(|kept| Group::of(&kept.job.spec))
    }

    /// What the principal of a job has, if it has one.
    fn held_of(&mut self, job: &Job) -> Option<&mut Held> {
        let principal = job.spec.options.principal.as_ref()?;
        if !self.held.contains_key(principal) {
            self.held.insert(principal.clone(), Held::default());
        }
        self.held.get_mut(principal)
    }

    /// The turn of this one job, if it is due.
    fn turn_of(&self, id: JobId, take: &Take) -> Option<Turn> {
        let job = &self.kept.get(&id)?.job;
        match job.state.phase {
            Phase::Pending { run_at } => turn(job).filter(|_| run_at <= take.now),
            _ => self.lost(take.worker, take.now).find(|(_, _, lost)| *lost == id).copied(),
        }
    }

    fn start(&mut self, id: JobId, take: &Take, taken: &mut Taken) {
        let Some(Kept { job, .. }) = self.kept.get(&id) else { return };
        let mut job = job.clone();
        let Ok(next) = job.state.start(&job.spec, take.worker, Owner::Lost, take.now) else { return };
        if self.advance(id, &next).is_err() {
            return;
        }
        job.state = next;
        match job.state.phase {
            Phase::Running { .. } => taken.started.push(job),
            _ => taken.settled.push(id),
        }
    }

    /// Running jobs whose worker is neither `asking` nor known to live.
    fn lost(&self, asking: WorkerId, now: Timestamp) -> impl Iterator<Item = &Turn> {
        let lives =
            move |worker: &WorkerId| *worker == asking || self.workers.get(worker).is_some_and(|until| *until > now);
        self.running.iter().filter(move |(_, _, id)| {
            let job = self.kept.get(id).map(|kept| &kept.job);
            job.is_some_and(|job| matches!(&job.state.phase, Phase::Running { worker, .. } if !lives(worker)))
        })
    }

    fn scan(&self, query: &Query) -> Vec<Summary> {
        match query {
            Query::List { filter, before, limit, now } => {
                let end = before.unwrap_or(JobId::from_bytes([0xff; 16]));
                let jobs = self.kept.range(..end).rev().map(|(_, kept)| &kept.job);
                let live = jobs.filter(|job| !expired(job, *now)).map(Job::summary);
                live.filter(|job| filter.passes(job)).take(*limit).collect()
            }
            Query::Expired { now, limit } => {
                let expired = self.expiring.iter().take_while(|(at, _)| at <= now).take(*limit);
                expired.filter_map(|(_, id)| self.kept.get(id)).map(|kept| kept.job.summary()).collect()
            }
        }
    }

    fn index(&mut self, job: &Job) {
        if let Some(held) = self.held_of(job) {
            *held.jobs.of(job.state.status()) += 1;
            held.stored += bytes(job);
        }
        let Some(turn) = turn(job) else {
            self.expiring.extend(job.state.expires(&job.spec).map(|at| (at, job.spec.id)));
            return;
        };
        match job.state.phase {
            Phase::Pending { .. } => self.pending.insert(turn),
            _ => self.running.insert(turn),
        };
    }

    fn unindex(&mut self, job: &Job) {
        if let Some(held) = self.held_of(job) {
            *held.jobs.of(job.state.status()) -= 1;
            held.stored -= bytes(job);
        }
        if let Some(turn) = turn(job) {
            self.pending.remove(&turn);
            self.running.remove(&turn);
        }
        if let Some(at) = job.state.expires(&job.spec) {
            self.expiring.remove(&(at, job.spec.id));
        }
    }
}

fn turn(job: &Job) -> Option<Turn> {
    let due = match job.state.phase {
        Phase::Pending { run_at } => run_at,
        Phase::Running { since, .. } => since,
        _ => return None,
    };
    Some((Reverse(job.spec.options.priority), due, job.spec.id))
}

fn bytes(job: &Job) -> u64 {
    let output = match &job.state.phase {
        Phase::Completed { output, .. } => output.len(),
        _ => 0,
    };
    job.spec.bytes() + output
}

fn expired(job: &Job, now: Timestamp) -> bool {
    job.state.expires(&job.spec).is_some_and(|at| at <= now)
}
