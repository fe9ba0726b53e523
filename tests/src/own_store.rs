//! A store of one's own, as short as one can be: everything in one map behind one lock, found by looking at all of it.
//!
//! It does all that [`Store`] promises, but survives nothing and is slow where there are many jobs. A real one keeps the same
//! facts where they last, and has an index for each question. What decides about jobs is [`State`]; a store compares versions
//! and keeps what it is given. `tests/tests/conformance.rs` runs the conformance suite over it: do the same with yours.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard};

use async_trait::async_trait;
use au_host::lanes::{self, Bounds, Group, Load, Rooms};
use au_host::store::{Change, Depth, Heartbeat, Inserted, Note, Query, Take, Taken};
use au_host::{Counts, Error, Held, Job, JobId, KeyHolds, LogEntry, Owner, Phase, Result, State, Store, Summary};
use au_host::{Timestamp, WorkerId};
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::{self, BoxStream};

/// The store.
#[derive(Debug, Default)]
pub struct OwnStore(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    jobs: BTreeMap<JobId, (Job, Vec<LogEntry>)>,
    workers: HashMap<WorkerId, Timestamp>,
    notes: BTreeMap<String, Vec<u8>>,
    blobs: HashMap<String, Bytes>,
}

impl OwnStore {
    /// Never waits for long: nothing is awaited while it is held.
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Kept {
    fn job(&mut self, id: JobId) -> Result<&mut (Job, Vec<LogEntry>)> {
        self.jobs.get_mut(&id).ok_or_else(|| Error::not_found("job", id))
    }

    /// Past its time to live a job is gone, removed or not.
    fn live(&mut self, id: JobId, now: Timestamp) -> Result<&Job> {
        let (job, _) = self.job(id)?;
        if is_expired(job, now) { Err(Error::Expired(id)) } else { Ok(job) }
    }

    /// The one primitive: the state takes the place of the one before it, or nothing happens.
    fn swap(&mut self, id: JobId, next: &State) -> Result<()> {
        let (job, _) = self.job(id)?;
        if job.state.version.checked_add(1) != Some(next.version) {
            return Err(Error::Conflict(id));
        }
        if job.state.status().is_finished() {
            return Err(Error::Finished(id));
        }
        job.state = next.clone();
        Ok(())
    }

    /// Since when a job is due, if it is: its time has come, or whoever ran it is dead.
    fn due(&self, job: &Job, asking: WorkerId, now: Timestamp) -> Option<Timestamp> {
        let lives = |worker: &WorkerId| *worker == asking || self.workers.get(worker).is_some_and(|until| *until > now);
        match &job.state.phase {
            Phase::Pending { run_at } => Some(*run_at).filter(|at| *at <= now),
            Phase::Running { worker, since } => Some(*since).filter(|_| !lives(worker)),
            _ => None,
        }
    }

    /// What waits and what runs.
    fn unfinished(&self) -> impl Iterator<Item = (Group, &Phase)> {
        let unfinished = self.jobs.values().filter(|(job, _)| !job.state.status().is_finished());
        unfinished.map(|(job, _)| (Group::of(&job.spec), &job.state.phase))
    }

    /// How many more may be started within these bounds.
    fn rooms<'a>(&self, bounds: &'a Bounds) -> Rooms<'a> {
        let running = self.unfinished().filter(|(_, phase)| matches!(phase, Phase::Running { .. }));
        Rooms::new(bounds, running.map(|(group, _)| (group, 1)))
    }

    fn held(&self, principal: &str) -> Held {
        let mut held = Held::default();
        for (job, log) in self.jobs.values().filter(|(job, _)| job.spec.options.principal.as_deref() == Some(principal))
        {
            *held.jobs.of(job.state.status()) += 1;
            let output = if let Phase::Completed { output, .. } = &job.state.phase { output.len() } else { 0 };
            held.stored += job.spec.bytes() + output;
            held.stored += log.iter().map(|entry| entry.message.len() as u64).sum::<u64>();
        }
        held
    }
}

fn is_expired(job: &Job, now: Timestamp) -> bool {
    job.state.expires(&job.spec).is_some_and(|at| at <= now)
}

#[async_trait]
impl Store for OwnStore {
    async fn insert(&self, job: &Job) -> Result<Inserted> {
        let (mut kept, id, key) = (self.kept(), job.spec.id, job.spec.options.scoped_key());
        let holder = kept.jobs.values().map(|(other, _)| other).find(|other| {
            let holds = other.spec.options.key.as_ref().map(|key| key.holds);
            let let_go = holds == Some(KeyHolds::UntilFinished) && other.state.status().is_finished();
            key.is_some() && other.spec.options.scoped_key() == key && !let_go && !is_expired(other, job.spec.created)
        });
        match holder.map(|holder| holder.spec.id) {
            Some(holder) if holder != id => Ok(Inserted::Existing(holder)),
            _ if kept.jobs.contains_key(&id) => Err(Error::Conflict(id)),
            _ => {
                kept.jobs.insert(id, (job.clone(), Vec::new()));
                Ok(Inserted::New)
            }
        }
    }

    async fn get(&self, id: JobId, now: Timestamp) -> Result<Job> {
        self.kept().live(id, now).cloned()
    }

    async fn peek(&self, id: JobId, now: Timestamp) -> Result<Summary> {
        self.kept().live(id, now).map(Job::summary)
    }

    async fn take(&self, take: &Take) -> Result<Taken> {
        let mut kept = self.kept();
        let is_asked_for = |job: &&Job| take.only.is_none_or(|only| only == job.spec.id);
        let asked_for = kept.jobs.values().map(|(job, _)| job).filter(is_asked_for);
        let due = asked_for.filter_map(|job| Some((kept.due(job, take.worker, take.now)?, job.clone())));
        let mut due: Vec<_> = due.collect();
        due.sort_by_key(|(at, job)| (std::cmp::Reverse(job.spec.options.priority), *at, job.spec.id));
        let bounds = take.bounds.clone().unwrap_or_default();
        let mut rooms = kept.rooms(&bounds);
        let mut taken = Taken::default();
        for (_, mut job) in due {
            let full = taken.started.len() + taken.settled.len() >= take.limit;
            // What runs already is counted, and one that is asked for by its name is not held back.
            let is_bound = take.only.is_none() && matches!(job.state.phase, Phase::Pending { .. });
            if full || is_bound && !rooms.start(&Group::of(&job.spec)) {
                continue;
            }
            let Ok(next) = job.state.start(&job.spec, take.worker, Owner::Lost, take.now) else { continue };
            kept.swap(job.spec.id, &next)?;
            job.state = next;
            match job.state.phase {
                Phase::Running { .. } => taken.started.push(job),
                _ => taken.settled.push(job.spec.id),
            }
        }
        let rooms = kept.rooms(&bounds);
        let next = |(job, _): &(Job, _)| match &job.state.phase {
            Phase::Pending { run_at } => Some(*run_at).filter(|_| rooms.room(&Group::of(&job.spec)) != Some(0)),
            _ => kept.due(job, take.worker, take.now).map(|_| take.now),
        };
        taken.next_due = kept.jobs.values().filter_map(next).min();
        Ok(taken)
    }

    async fn advance(&self, id: JobId, next: &State) -> Result<()> {
        self.kept().swap(id, next)
    }

    async fn scan(&self, query: &Query) -> Result<Vec<Summary>> {
        let kept = self.kept();
        let jobs = kept.jobs.values().rev().map(|(job, _)| job);
        Ok(match query {
            Query::List { filter, before, limit, now } => jobs
                .filter(|job| before.is_none_or(|before| job.spec.id < before) && !is_expired(job, *now))
                .map(Job::summary)
                .filter(|job| filter.passes(job))
                .take(*limit)
                .collect(),
            Query::Expired { now, limit } => {
                let mut expired: Vec<_> = jobs.filter(|job| is_expired(job, *now)).map(Job::summary).collect();
                expired.sort_by_key(|job| (job.expires, job.id));
                expired.truncate(*limit);
                expired
            }
        })
    }

    async fn remove(&self, ids: &[JobId]) -> Result<u64> {
        let mut kept = self.kept();
        Ok(ids.iter().filter(|id| kept.jobs.remove(id).is_some()).count() as u64)
    }

    async fn append_log(&self, id: JobId, entries: &[LogEntry]) -> Result<()> {
        self.kept().job(id)?.1.extend_from_slice(entries);
        Ok(())
    }

    async fn read_log(&self, id: JobId, from: u64, limit: usize) -> Result<Vec<LogEntry>> {
        let from = usize::try_from(from).unwrap_or(usize::MAX);
        Ok(self.kept().job(id)?.1.iter().skip(from).take(limit).cloned().collect())
    }

    async fn heartbeat(&self, worker: WorkerId, until: Timestamp, now: Timestamp) -> Result<Heartbeat> {
        let mut kept = self.kept();
        kept.workers.insert(worker, until);
        let is_lost = |(job, _): &(Job, _)| {
            matches!(job.state.phase, Phase::Running { .. }) && kept.due(job, worker, now).is_some()
        };
        Ok(Heartbeat { lost_jobs: kept.jobs.values().any(is_lost) })
    }

    async fn leave(&self, worker: WorkerId) -> Result<()> {
        self.kept().workers.remove(&worker);
        Ok(())
    }

    /// Nobody else has it open. A store that others have open says what they change, or at least that something did.
    fn changes(&self) -> BoxStream<'static, Change> {
        stream::pending().boxed()
    }

    async fn put_note(&self, name: &str, note: &[u8]) -> Result<()> {
        self.kept().notes.insert(name.to_owned(), note.to_owned());
        Ok(())
    }

    async fn remove_note(&self, name: &str) -> Result<bool> {
        Ok(self.kept().notes.remove(name).is_some())
    }

    async fn notes(&self, prefix: &str, limit: usize) -> Result<Vec<Note>> {
        let kept = self.kept();
        let found = kept.notes.iter().filter(|(name, _)| name.starts_with(prefix)).take(limit);
        Ok(found.map(|(name, bytes)| Note { name: name.clone(), bytes: bytes.clone() }).collect())
    }

    async fn put_blob(&self, name: &str, blob: &Bytes) -> Result<()> {
        self.kept().blobs.insert(name.to_owned(), blob.clone());
        Ok(())
    }

    async fn blob(&self, name: &str) -> Result<Option<Bytes>> {
        Ok(self.kept().blobs.get(name).cloned())
    }

    async fn remove_blob(&self, name: &str) -> Result<bool> {
        Ok(self.kept().blobs.remove(name).is_some())
    }

    async fn depth(&self, now: Timestamp) -> Result<Depth> {
        let mut depth = Depth::default();
        for (job, _) in self.kept().jobs.values() {
            match job.state.phase {
                Phase::Pending { run_at } => {
                    depth.pending += 1;
                    if run_at <= now {
                        depth.due += 1;
                        depth.oldest_due = Some(depth.oldest_due.map_or(run_at, |oldest| oldest.min(run_at)));
                    }
                }
                Phase::Running { .. } => depth.running += 1,
                _ => {}
            }
        }
        Ok(depth)
    }

    async fn loads(&self) -> Result<Vec<Load>> {
        Ok(lanes::loads(self.kept().unfinished().map(|(group, phase)| {
            let runs = u64::from(matches!(phase, Phase::Running { .. }));
            (group, 1 - runs, runs)
        })))
    }

    async fn held(&self, principal: &str) -> Result<Held> {
        Ok(self.kept().held(principal))
    }

    async fn counts(&self) -> Result<Counts> {
        let mut counts = Counts::default();
        self.kept().jobs.values().for_each(|(job, _)| *counts.of(job.state.status()) += 1);
        Ok(counts)
    }

    async fn ready(&self) -> Result<()> {
        Ok(())
    }
}
