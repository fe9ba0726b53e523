//! Where a job stands, and the transitions between: pure functions of a state, its spec and the time.

use serde::{Deserialize, Serialize};

use super::{PastAttempt, Spec, Status};
use crate::attempt::{Outcome, Progress, Report, Usage};
use crate::failure::{Failure, FailureKind};
use crate::id::WorkerId;
use crate::payload::Payload;
use crate::time::Timestamp;

/// Where a job stands.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    /// Grows by one with every transition, from 1.
    pub version: u64,
    /// How many attempts were started.
    pub attempt: u32,
    /// What it is doing.
    pub phase: Phase,
    /// The latest progress of this attempt.
    pub progress: Option<Progress>,
    /// That, when and why somebody asked to cancel it.
    pub cancel: Option<CancelRequest>,
    /// When the first attempt that counts started.
    pub started: Option<Timestamp>,
    /// What the last attempt that ended had used.
    pub usage: Usage,
    /// The failure of the last attempt that ended, when another follows.
    pub last_failure: Option<Failure>,
    /// The attempts that have ended, of a job that had several; of very many the latest.
    pub past: Vec<PastAttempt>,
}

/// Somebody asked to cancel a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CancelRequest {
    /// When.
    pub at: Timestamp,
    /// Why; at most 1 KiB.
    pub reason: String,
}

/// So many attempts that have ended are kept.
const PAST: usize = 16;
/// Longest reason of a cancel that is kept, in bytes.
pub(crate) const REASON_LIMIT: usize = 1024;

/// What a job is doing.
#[derive(Clone, Debug, PartialEq)]
pub enum Phase {
    /// Waiting, until `run_at` at least.
    Pending {
        /// Not to be started before this.
        run_at: Timestamp,
    },
    /// An attempt runs.
    Running {
        /// Who runs it.
        worker: WorkerId,
        /// Since when.
        since: Timestamp,
    },
    /// There is an output.
    Completed {
        /// The output.
        output: Payload,
        /// When.
        at: Timestamp,
    },
    /// There will be no output.
    Failed {
        /// Why.
        failure: Failure,
        /// When.
        at: Timestamp,
    },
    /// Stopped because somebody asked.
    Cancelled {
        /// What they said.
        reason: String,
        /// When.
        at: Timestamp,
    },
}
/// A transition that the state does not allow. Not an error: somebody else was first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Illegal {
    /// The job has finished.
    Finished,
    /// Its time has not come, or another worker has it.
    NotDue,
    /// It is not running, or not by this worker.
    NotYours,
}

/// Whether the worker of a running job is still there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// It renewed its lease, or holds its lock.
    Alive,
    /// It died, or was silent beyond its lease.
    Lost,
}

impl State {
    /// The first state of a job.
    #[must_use]
    pub fn new(spec: &Spec) -> Self {
        Self {
            version: 1,
            attempt: 0,
            phase: Phase::Pending { run_at: spec.options.run_at },
            progress: None,
            cancel: None,
            started: None,
            usage: Usage::default(),
            last_failure: None,
            past: Vec::new(),
        }
    }

    /// The job in a word.
    #[must_use]
    pub fn status(&self) -> Status {
        match self.phase {
            Phase::Pending { .. } => Status::Pending,
            Phase::Running { .. } => Status::Running,
            Phase::Completed { .. } => Status::Completed,
            Phase::Failed { .. } => Status::Failed,
            Phase::Cancelled { .. } => Status::Cancelled,
        }
    }

    /// When it finished, if it has.
    #[must_use]
    pub fn finished(&self) -> Option<Timestamp> {
        match self.phase {
            Phase::Completed { at, .. } | Phase::Failed { at, .. } | Phase::Cancelled { at, .. } => Some(at),
            Phase::Pending { .. } | Phase::Running { .. } => None,
        }
    }

    /// When it may be removed: `ttl` after it finished. Unfinished jobs never expire.
    #[must_use]
    pub fn expires(&self, spec: &Spec) -> Option<Timestamp> {
        Some(self.finished()?.plus(spec.options.ttl?))
    }

    /// Starts an attempt on `worker`: of a pending job whose time has come, or of a running one whose worker is lost.
    ///
    /// A lost job whose cancel was asked for ends as cancelled; one with no attempt left fails as lost. So the state that
    /// comes out is running, or finished.
    ///
    /// # Errors
    /// `Finished`; `NotDue` before its time, or when its worker is alive.
    pub fn start(&self, spec: &Spec, worker: WorkerId, owner: Owner, now: Timestamp) -> Result<Self, Illegal> {
        match self.phase {
            Phase::Pending { run_at } if run_at <= now => Ok(self.running(worker, now)),
            Phase::Running { .. } if owner == Owner::Lost => Ok(self.recovered(spec, worker, now)),
            Phase::Pending { .. } | Phase::Running { .. } => Err(Illegal::NotDue),
            _ => Err(Illegal::Finished),
        }
    }

    fn running(&self, worker: WorkerId, now: Timestamp) -> Self {
        let mut next = self.next(Phase::Running { worker, since: now });
        next.attempt += 1;
        next.progress = None;
        next.started = self.started.or(Some(now));
        next
    }

    fn recovered(&self, spec: &Spec, worker: WorkerId, now: Timestamp) -> Self {
        self.without_worker(spec, worker, now).remembering(self, Some(FailureKind::Lost), now)
    }

    fn without_worker(&self, spec: &Spec, worker: WorkerId, now: Timestamp) -> Self {
        let at = self.not_before_its_start(now);
        if let Some(cancel) = &self.cancel {
            return self.next(Phase::Cancelled { reason: cancel.reason.clone(), at });
        }
        let retry = &spec.options.retry;
        if self.attempt < retry.attempts && retry.applies_to(FailureKind::Lost) {
            return self.running(worker, now);
        }
        let attempts =
            if self.attempt == 1 { "its one attempt".into() } else { format!("each of its {} attempts", self.attempt) };
        let message = format!("the worker died during {attempts}");
        self.next(Phase::Failed { failure: Failure::new(FailureKind::Lost, message), at })
    }

    /// Notes how far the attempt is.
    ///
    /// # Errors
    /// `NotYours` unless `worker` runs it.
    pub fn renew(&self, worker: WorkerId, progress: Progress) -> Result<Self, Illegal> {
        self.require(worker)?;
        let mut next = self.next(self.phase.clone());
        next.progress = Some(progress);
        Ok(next)
    }

    /// Gives the job back, for another worker to start at once: a host that goes down gracefully, or has no slot for it. The
    /// attempt is not counted, and when it was the first, the job is as if it had never started. One whose cancel was asked for is cancelled instead.
    ///
    /// # Errors
    /// `NotYours` unless `worker` runs it.
    pub fn release(&self, worker: WorkerId, now: Timestamp) -> Result<Self, Illegal> {
        self.require(worker)?;
        if let Some(cancel) = &self.cancel {
            return Ok(self.next(Phase::Cancelled { reason: cancel.reason.clone(), at: now }));
        }
        let mut next = self.next(Phase::Pending { run_at: now });
        next.attempt -= 1;
        next.progress = None;
        if next.attempt == 0 {
            next.started = None;
        }
        Ok(next)
    }

    /// Asks to cancel: a pending job is cancelled, a running one remembers it, and will be when its attempt ends.
    ///
    /// Asking again keeps the first reason, and is not a transition: the state comes back as it is.
    ///
    /// # Errors
    /// `Finished`.
    pub fn cancel(&self, reason: &str, now: Timestamp) -> Result<Self, Illegal> {
        let reason = crate::failure::clean(reason, REASON_LIMIT);
        match self.phase {
            Phase::Pending { .. } => Ok(self.next(Phase::Cancelled { reason, at: now })),
            Phase::Running { .. } if self.cancel.is_some() => Ok(self.clone()),
            Phase::Running { .. } => {
                let mut next = self.next(self.phase.clone());
                next.cancel = Some(CancelRequest { at: now, reason });
                Ok(next)
            }
            _ => Err(Illegal::Finished),
        }
    }

    /// Ends the attempt: completed, failed, pending again for the next attempt, or cancelled if that was asked for,
    /// whatever the outcome.
    ///
    /// # Errors
    /// `NotYours` unless `worker` runs it: it was slow, and another has the job by now.
    pub fn finish(&self, spec: &Spec, worker: WorkerId, report: Report, now: Timestamp) -> Result<Self, Illegal> {
        self.require(worker)?;
        let failure = report.outcome.as_ref().err().cloned();
        let kind = failure.as_ref().map(|failure| failure.kind);
        let mut next = self.next(self.settled(spec, report.outcome, now)).remembering(self, kind, now);
        next.usage = report.usage;
        if let Phase::Pending { .. } = next.phase {
            next.progress = None;
            next.last_failure = failure;
        }
        Ok(next)
    }

    fn settled(&self, spec: &Spec, outcome: Outcome, now: Timestamp) -> Phase {
        let at = self.not_before_its_start(now);
        match (outcome, &self.cancel) {
            (_, Some(cancel)) => Phase::Cancelled { reason: cancel.reason.clone(), at },
            (Ok(output), None) => Phase::Completed { output, at },
            (Err(failure), None) => match spec.options.retry.after(failure.kind, self.attempt, spec.id) {
                Some(delay) => Phase::Pending { run_at: now.plus(delay) },
                None => Phase::Failed { failure, at },
            },
        }
    }

    /// A clock may be set back while a job runs, or another host's be behind: nothing ends before it began.
    fn not_before_its_start(&self, now: Timestamp) -> Timestamp {
        self.started.map_or(now, |started| now.max(started))
    }

    /// Notes how the attempt of the state before has ended; not of the only one there was, of which all else tells.
    fn remembering(mut self, before: &Self, failure: Option<FailureKind>, now: Timestamp) -> Self {
        let only = before.attempt == 1 && self.status().is_finished();
        if let (Phase::Running { worker, since: started }, false) = (&before.phase, only) {
            let excess = (self.past.len() + 1).saturating_sub(PAST);
            self.past.drain(..excess);
            let (number, worker, started) = (before.attempt, *worker, *started);
            self.past.push(PastAttempt { number, worker, started, ended: now, failure });
        }
        self
    }

    fn require(&self, worker: WorkerId) -> Result<(), Illegal> {
        match self.phase {
            Phase::Running { worker: owner, .. } if owner == worker => Ok(()),
            _ => Err(Illegal::NotYours),
        }
    }

    fn next(&self, phase: Phase) -> Self {
        Self { version: self.version + 1, phase, ..self.clone() }
    }
}
