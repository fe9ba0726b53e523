//! Submits what schedules say, once it is due. Every host that takes everything does; the key of each time lets one of them make the job.
//!
//! What was submitted is written down after the job is kept: a host that dies in between leaves the time due, and the next look of any
//! other finds the job by its key. A time comes twice only if the job of its first was forgotten before a host that had looked before
//! that came to submit it.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use super::keep::{self, ALL, FIRED, Fired, KEPT};
use super::{Firing, Missed, Overlap, ScheduleInfo};
use crate::error::{Error, Result};
use crate::host::Inner;
use crate::id::JobId;
use crate::job::{IdempotencyKey, KeyHolds};
use crate::store::{Inserted, Note};
use crate::time::Timestamp;

/// Between two looks: so late is known what others scheduled.
const LOOK: Duration = Duration::from_secs(1);
/// It rests so many times as long as it looked.
const IDLE: u32 = 10;
/// A time that passed longer ago was missed.
const LATE: Duration = Duration::from_secs(60);
/// Schedules of which it is remembered that they could not be read, so that it is told once.
const TOLD: usize = 1000;

/// Starts to submit what is due, until the host closes.
pub(crate) fn begin(inner: &Arc<Inner>) {
    inner.chores.spawn_on(run(Arc::downgrade(inner)), &inner.runtime);
}

async fn run(host: Weak<Inner>) {
    let Some(closing) = host.upgrade().map(|inner| inner.closing.clone()) else { return };
    let (mut rest, mut told) = (LOOK, BTreeMap::new());
    while closing.run_until_cancelled(tokio::time::sleep(rest)).await.is_some() {
        let Some(inner) = host.upgrade() else { return };
        let began = tokio::time::Instant::now();
        let next = inner.submit_due(&mut told).await.unwrap_or_else(|error| {
            tracing::warn!(error = error.chain(), "schedules could not be looked at; trying again");
            None
        });
        let until_next = next.map_or(LOOK, |at| at.since(inner.now()));
        rest = until_next.min(LOOK).max(began.elapsed() * IDLE);
    }
}

impl Inner {
    /// Submits what is due, and says when the next will be, if that is soon known.
    async fn submit_due(self: &Arc<Self>, told: &mut BTreeMap<String, String>) -> Result<Option<Timestamp>> {
        let kept = self.store.notes(KEPT, ALL).await?;
        if kept.is_empty() {
            return Ok(None);
        }
        let fired = self.store.notes(FIRED, ALL).await?;
        let mut next: Option<Timestamp> = None;
        for note in &kept {
            let known = Fired::of(keep::of(note, &fired));
            let schedule = match keep::read(note) {
                Ok(schedule) => schedule.with(known.clone()),
                Err(error) => {
                    tell(told, note, &error);
                    continue;
                }
            };
            let due = self.consider(note, schedule, known).await?;
            next = next.into_iter().chain(due).min();
        }
        Ok(next)
    }

    /// Looks whether a schedule is due, does what it says, and answers when it is due again.
    async fn consider(
        self: &Arc<Self>,
        note: &Note,
        schedule: ScheduleInfo,
        before: Fired,
    ) -> Result<Option<Timestamp>> {
        let now = self.now();
        let Some(due) = schedule.next.filter(|next| *next <= now) else { return Ok(schedule.next) };
        // Of all that have passed, the last.
        let at = schedule.schedule.cron.latest(due.minus(Duration::from_secs(1)), now).unwrap_or(due);
        let after = match self.fire(&schedule, before.job(), at, now).await {
            Ok(firing) => before.then(firing),
            Err(error) if is_passing(&error) => before.waiting(error.chain()),
            Err(error) => {
                tracing::warn!(schedule = %schedule.name, %at, error = error.chain(), "a scheduled job was refused");
                before.then(Firing { at, job: None, skipped: Some(error.chain()) })
            }
        };
        if after != before {
            let bytes = serde_json::to_vec(&after).map_err(|error| Error::fault("schedule", error))?;
            self.store.put_note(&note.name.replacen(KEPT, FIRED, 1), &bytes).await?;
        }
        Ok(schedule.schedule.cron.next(at))
    }

    async fn fire(
        self: &Arc<Self>,
        schedule: &ScheduleInfo,
        before: Option<JobId>,
        at: Timestamp,
        now: Timestamp,
    ) -> Result<Firing> {
        let skipped = |why: &str| Ok(Firing { at, job: None, skipped: Some(why.to_owned()) });
        if schedule.schedule.missed == Missed::Skip && now.since(at) > LATE {
            return skipped("nobody was there when it was due");
        }
        if schedule.schedule.overlap == Overlap::Skip && self.is_under_way(before).await? {
            return skipped("the job before had not finished");
        }
        let mut request = schedule.schedule.request.clone();
        request.key =
            Some(IdempotencyKey { name: format!("schedule/{}/{at}", schedule.name), holds: KeyHolds::WhileKept });
        request.run_at = Some(at);
        let _comes = self.asked(&request, 1, request.bytes()).await?;
        let spec = self.spec(request).await?;
        let id = spec.id;
        let job = match self.keep(spec).await?.0 {
            Inserted::New => id,
            Inserted::Existing(job) => job,
        };
        Ok(Firing { at, job: Some(job), skipped: None })
    }

    /// Whether the job that was submitted last has not finished.
    async fn is_under_way(&self, last: Option<JobId>) -> Result<bool> {
        let Some(job) = last else { return Ok(false) };
        match self.store.peek(job, self.now()).await {
            Ok(job) => Ok(!job.status.is_finished()),
            Err(Error::NotFound { .. } | Error::Expired(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// Whether the same may well be done a little later.
fn is_passing(error: &Error) -> bool {
    matches!(
        error,
        Error::Busy { .. }
            | Error::RateLimited { .. }
            | Error::Quota { .. }
            | Error::StorageFull { .. }
            | Error::ShuttingDown
            | Error::Unreachable { .. }
            | Error::Fault { .. }
    )
}

fn tell(told: &mut BTreeMap<String, String>, note: &Note, error: &Error) {
    let why = error.chain();
    if told.get(&note.name) != Some(&why) {
        tracing::warn!(schedule = note.name, error = why, "nothing is submitted of a schedule that cannot be read");
        if told.len() < TOLD {
            told.insert(note.name.clone(), why);
        }
    }
}
