//! Starts what is due when there is a slot for it. Woken, never polling: by a submit, a freed slot, a hint, or the clock.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};

use crate::ahead::is_light;
use crate::builder::Takes;
use crate::error::{Error, Result};
use crate::host::Inner;
use crate::id::JobId;
use crate::job::{Job, Owner, Spec, State};
use crate::place::Places;
use crate::queue::Turn;
use crate::run;
use crate::running::Starting;
use crate::store::{Inserted, Take, Taken};
use crate::time::Timestamp;

/// Rest after the store failed, or had something due that could not be started.
const REST: Duration = Duration::from_secs(1);
/// Most jobs that are taken in one go.
const TAKE: usize = 512;
/// Longest sleep, for clocks that are set.
const NAP: Duration = Duration::from_secs(60);

/// Where to tell what became of an insert, with the job, if its attempt had ended by then.
pub(crate) type Told = oneshot::Sender<Result<(Inserted, Option<Job>)>>;

/// Runs as long as the host is there.
pub(crate) async fn schedule(host: Weak<Inner>, wake: Arc<Notify>) {
    loop {
        let Some(inner) = host.upgrade() else { return };
        if inner.closing.is_cancelled() {
            return;
        }
        let pause = match inner.start_due().await {
            Ok(next) => inner.pause(next),
            Err(error) => {
                tracing::warn!(error = error.chain(), "due jobs could not be taken; trying again");
                REST
            }
        };
        drop(inner);
        // Woken or not, it is time to look.
        drop(tokio::time::timeout(pause, wake.notified()).await);
    }
}

impl Inner {
    /// A place for a job that is being submitted, unless others must be started first.
    fn reserve(&self, spec: &Spec) -> Option<Places> {
        let due = spec.options.run_at <= spec.created;
        // How many it has running only the store knows, which minds that when it starts what waits.
        let bound = self.policies.bound(spec);
        let takes_none = self.takes() == Takes::Nothing || self.draining.is_cancelled();
        if takes_none || !due || bound || self.backlog.load(Ordering::Acquire) {
            return None;
        }
        let ahead = if is_light(spec) { self.ahead(1) } else { None };
        ahead.or_else(|| self.free_slots(1))
    }

    /// Inserts a job, tells what became of that, and runs it: when there is a place for it right now it is inserted as started,
    /// which saves a write, and a task.
    pub(crate) async fn insert(self: Arc<Self>, spec: Spec, told: Told) {
        match self.reserve(&spec) {
            Some(place) => self.insert_started(spec, place, told).await,
            // Whoever asked may have gone: the job is kept all the same.
            None => drop(told.send(self.insert_pending(spec).await.map(|inserted| (inserted, None)))),
        }
    }

    /// Inserts a job that is started already, and runs it; or the other way round, when it is expected to end at once.
    async fn insert_started(self: Arc<Self>, spec: Spec, place: Places, told: Told) {
        let state = State::new(&spec);
        let state = state.start(&spec, self.worker, Owner::Alive, spec.created).unwrap_or(state);
        // Before the insert: whoever cancels it after that finds it running.
        let Some(run) = self.running.enter(spec.id) else { return drop(told.send(Err(Error::ShuttingDown))) };
        let job = Job { spec, state };
        let place = match self.brief.expects(&job.spec) {
            true => match place.slot_now(&self.slots) {
                Ok(slot) => return run::run_first(self, job, run, slot, told).await,
                Err(place) => place,
            },
            false => place,
        };
        if let Some((run, place)) = self.insert_running(&job, (run, place), told).await {
            run::run(self, job, run, place).await;
        }
    }

    async fn insert_pending(&self, spec: Spec) -> Result<Inserted> {
        let job = Job::new(spec);
        let inserted = self.store.insert(&job).await?;
        if inserted == Inserted::New {
            self.enqueue(&job.spec, job.spec.options.run_at);
        }
        Ok(inserted)
    }

    /// Notes that a job waits.
    pub(crate) fn enqueue(&self, spec: &Spec, run_at: Timestamp) {
        match self.takes() {
            Takes::Nothing => return,
            Takes::Own => self.own().push(turn(spec, run_at)),
            Takes::Everything => {}
        }
        if run_at <= self.now() {
            self.backlog.store(true, Ordering::Release);
        }
        self.stir();
    }

    /// Notes that a job that waited does not any more.
    pub(crate) fn forgo(&self, spec: &Spec, run_at: Timestamp) {
        self.own().remove(turn(spec, run_at));
        self.woken();
    }

    /// Something may be left to run that no look so far has seen.
    pub(crate) fn stir(&self) {
        self.stirred.fetch_add(1, Ordering::AcqRel);
        self.quiet.send_replace(false);
        self.woken();
    }

    /// Lets the scheduler look again.
    pub(crate) fn woken(&self) {
        self.wake.notify_one();
    }

    /// Starts as many due jobs as there are places, and says when to look again.
    async fn start_due(self: &Arc<Self>) -> Result<Option<Timestamp>> {
        loop {
            if self.draining.is_cancelled() {
                return Ok(None);
            }
            // Held before anything is taken: submits want slots too, and a shutdown waits for what is found.
            let (Some(starting), Some(places)) = (self.running.starting(), self.places()) else { return Ok(None) };
            let stirred = self.stirred.load(Ordering::Acquire);
            // A submit that comes while we look sets it again, and wakes.
            self.backlog.store(false, Ordering::Release);
            let now = self.now();
            let taken = match self.takes() {
                Takes::Everything => self.take_due(now, places.count()).await,
                Takes::Own => self.take_own(now).await,
                Takes::Nothing => return Ok(None),
            };
            let taken = taken.inspect_err(|_| self.backlog.store(true, Ordering::Release))?;
            let (next, found) = (taken.next_due, taken.started.len() + taken.settled.len());
            let due = next.is_some_and(|at| at <= self.now());
            self.backlog.fetch_or(due, Ordering::AcqRel);
            self.start(taken, places, &starting);
            drop(starting);
            if found == 0 || !due {
                self.note_quiet(next.is_none(), stirred);
                // Due, and not to be had: to ask at once would be to ask for ever.
                return Ok(next.map(|at| if at <= now { now.plus(REST) } else { at }));
            }
        }
    }

    /// Room for the next jobs: ahead, where slots are soon free again, or all slots that are free, up to a limit.
    fn places(&self) -> Option<Places> {
        self.ahead(TAKE).or_else(|| self.free_slots(TAKE))
    }

    /// Room ahead for at most `wanted` jobs, unless all slots are taken now.
    fn ahead(&self, wanted: usize) -> Option<Places> {
        let any_free = self.slots.available_permits() > 0;
        any_free.then(|| self.ahead.lead(wanted)).flatten().map(Places::Ahead)
    }

    /// At most `wanted` of the slots that are free.
    fn free_slots(&self, wanted: usize) -> Option<Places> {
        loop {
            let free = u32::try_from(self.slots.available_permits().min(wanted)).unwrap_or(u32::MAX);
            if free == 0 {
                return None;
            }
            // A submit may have been quicker; then there are fewer.
            if let Ok(slots) = Arc::clone(&self.slots).try_acquire_many_owned(free) {
                return Some(Places::Slots(slots));
            }
        }
    }

    /// Says whether nothing is left, unless something came since that look began.
    fn note_quiet(&self, nothing_left: bool, stirred: u64) {
        self.quiet.send_if_modified(|quiet| {
            *quiet = nothing_left && self.stirred.load(Ordering::Acquire) == stirred;
            // Sent even when it stays: whoever waits looks at what runs, too.
            *quiet
        });
    }

    fn start(self: &Arc<Self>, taken: Taken, mut places: Places, starting: &Starting) {
        if !taken.started.iter().all(|job| is_light(&job.spec)) {
            self.ahead.stop();
        }
        for job in taken.started {
            let id = job.spec.id;
            let run = starting.enter(id);
            self.hub.look(id);
            // There is one for each that was taken.
            if let Some(place) = places.split() {
                self.runtime.spawn(run::run(Arc::clone(self), job, run, place));
            }
        }
        for id in taken.settled {
            self.webhooks.may_have_finished(id);
            self.hub.look(id);
        }
    }

    /// Takes the next of the jobs that were handed to this host. Somebody else may have taken it.
    async fn take_own(self: &Arc<Self>, now: Timestamp) -> Result<Taken> {
        let Some(turn) = self.own().pop(now) else {
            return Ok(Taken { next_due: self.own().next_due(), ..Taken::default() });
        };
        let take = Take { worker: self.worker, limit: 1, now, only: Some(turn.id), bounds: None };
        let taken = match self.live().await {
            Ok(()) => self.store.take(&take).await,
            Err(error) => Err(error),
        };
        match taken {
            Ok(taken) => {
                let none = taken.started.is_empty() && taken.settled.is_empty();
                let is_mine = |id: &JobId| *id == turn.id;
                if !none && !taken.started.iter().map(|job| &job.spec.id).chain(&taken.settled).any(is_mine) {
                    // What a take before this one had started without a word came first.
                    self.own().push(turn);
                }
                // An answer with something in it, so that the caller asks again for the next.
                let settled = if none { vec![turn.id] } else { taken.settled };
                Ok(Taken { started: taken.started, settled, next_due: self.own().next_due() })
            }
            Err(error) => {
                self.own().push(turn);
                Err(error)
            }
        }
    }

    async fn take_due(&self, now: Timestamp, limit: usize) -> Result<Taken> {
        let bounds = self.policies.current().await?.bounds.clone();
        self.store.take(&Take { worker: self.worker, limit, now, only: None, bounds }).await
    }

    fn pause(&self, next: Option<Timestamp>) -> Duration {
        // A timer that fires a little early would find nothing and look again.
        next.map_or(NAP, |at| at.since(self.now()) + Duration::from_millis(1)).min(NAP)
    }
}

fn turn(spec: &Spec, run_at: Timestamp) -> Turn {
    Turn { id: spec.id, priority: spec.options.priority, run_at }
}
