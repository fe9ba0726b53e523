//! One attempt of a job, from its start to its outcome in the store.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::{Duration, Instant};

use futures::FutureExt;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::attempt::{Attempt, Report};
use crate::backend::Context;
use crate::error::{Error, Result, ShutOut};
use crate::failure::{Failure, FailureKind};
use crate::host::Inner;
use crate::job::{Job, Phase, Spec, State};
use crate::place::Places;
use crate::recorder::Recorder;
use crate::running::{Run, Stop};
use crate::scheduler::Told;
use crate::span::{self, About};
use crate::store::Inserted;
use crate::webhook;

/// First and longest rest between two tries to write an outcome.
const RESTS: [Duration; 2] = [Duration::from_millis(50), Duration::from_secs(5)];
/// Rest before a module is fetched again.
const REST: Duration = Duration::from_secs(1);
/// A job that runs longer may be cancelled by another process, which must be heard.
const LISTEN_AFTER: Duration = Duration::from_millis(50);

/// Runs the attempt of a job that is kept as running, and writes what came of it. The slot is free again as soon as the attempt
/// has ended.
pub(crate) async fn run(inner: Arc<Inner>, job: Job, run: Run, place: Places) {
    let recorder = Recorder::new(&inner, job.spec.id, job.state.clone());
    let slot = place.slot(&inner.slots, &run.stop).await;
    let report = match &slot {
        Some(_) => execute(&inner, &job, &run.stop, &recorder).await,
        None => not_begun(),
    };
    let _finishing = inner.over(slot).await;
    conclude(&inner, job.spec, run, &recorder, report).await;
}

/// Runs a job that is expected to end at once, before it is kept, and keeps it as it is then: with its outcome, or, should it
/// take longer after all, as running.
pub(crate) async fn run_first(inner: Arc<Inner>, job: Job, run: Run, slot: OwnedSemaphorePermit, told: Told) {
    let recorder = Recorder::new(&inner, job.spec.id, job.state.clone());
    // What it says is written after it is kept.
    let unwritten = recorder.hold().await;
    let stop = run.stop.clone();
    let mut executing = Box::pin(execute(&inner, &job, &stop, &recorder));
    let Poll::Ready(report) = futures::poll!(&mut executing) else {
        inner.brief.disappointed(&job.spec);
        let held = (executing, run, slot);
        let Some((executing, run, slot)) = inner.insert_running(&job, held, told).await else {
            return recorder.forget();
        };
        drop(unwritten);
        let report = executing.await;
        let _finishing = inner.over(Some(slot)).await;
        return conclude(&inner, job.spec, run, &recorder, report).await;
    };
    drop(executing);
    let _finishing = inner.over(Some(slot)).await;
    let outcome = recorder.close_silent().and_then(|progress| {
        let state = State { progress, ..job.state.clone() };
        inner.settled(&job.spec, &state, &report, &stop)
    });
    match outcome {
        Some(state) => inner.insert_ended(Job { state, ..job }, run, told).await,
        None => {
            let Some(run) = inner.insert_running(&job, run, told).await else { return recorder.forget() };
            drop(unwritten);
            conclude(&inner, job.spec, run, &recorder, report).await;
        }
    }
}

/// Writes what came of an attempt.
async fn conclude(inner: &Inner, spec: Spec, run: Run, recorder: &Recorder, report: Report) {
    let state = recorder.close().await;
    let outcome = inner.settle(&spec, state, report, &run.stop).await;
    inner.leave(spec, outcome, run);
}

async fn execute(inner: &Arc<Inner>, job: &Job, stop: &Stop, recorder: &Recorder) -> Report {
    let context = Context { events: Arc::new(recorder.clone()), cancel: stop.cancel.clone() };
    let began = Instant::now();
    let executing = async {
        match stop.cancel.run_until_cancelled(inner.modules.fetch(job.spec.module)).await {
            None => Ok(not_begun()),
            Some(Ok(())) => inner.metered(attempt(inner, job), About::job(&job.spec.options), &context).await,
            Some(Err(error @ (Error::Busy { .. } | Error::Fault { .. } | Error::StorageFull { .. }))) => {
                tracing::warn!(job = %job.spec.id, error = error.chain(), "its module could not be fetched; trying again");
                // Nobody is to blame who has attempts to lose.
                stop.postpone(inner.now().plus(REST));
                Ok(not_begun())
            }
            Some(Err(error)) => Err(error),
        }
    };
    let executing = AssertUnwindSafe(executing).catch_unwind();
    tokio::pin!(executing);
    let ended = match tokio::time::timeout(LISTEN_AFTER, &mut executing).await {
        Ok(ended) => ended,
        Err(_) => {
            inner.listen();
            executing.await
        }
    };
    let took = began.elapsed();
    inner.ahead.ended(&job.spec, took);
    inner.brief.took(&job.spec, took);
    match ended {
        Ok(Ok(report)) => report,
        // It waits for its tenant's next day; this was no attempt.
        Ok(Err(Error::Quota { retry_after, .. })) => {
            stop.postpone(inner.now().plus(retry_after));
            not_begun()
        }
        // Nobody else runs what is kept nowhere, and whoever waits for it may know better where it should run.
        Ok(Err(error @ Error::Unreachable { .. })) if inner.settings.forgets => Report::failed(not_run(&error)),
        // There was no room for it, or nobody: nothing of it ran, and the job loses no attempt.
        Ok(Err(error @ (Error::Busy { .. } | Error::Unreachable { .. } | Error::ShuttingDown))) => {
            tracing::warn!(job = %job.spec.id, error = error.chain(), "its backend takes nothing now; trying again");
            stop.postpone(inner.now().plus(rest_after(&error)));
            not_begun()
        }
        Ok(Err(error)) => Report::failed(not_run(&error)),
        Err(_panic) => {
            tracing::error!(job = %job.spec.id, "the backend panicked; a bug of au-host");
            Report::failed(Failure::new(
                FailureKind::Transient,
                "the host failed while it ran this attempt; its log has more",
            ))
        }
    }
}

/// The attempt that the job is at.
fn attempt(inner: &Inner, job: &Job) -> Attempt {
    let Spec { id, module, function, input, options, .. } = &job.spec;
    let (function, input, sandbox) = (function.clone(), input.clone(), options.sandbox.clone());
    let (labels, module_name) = (options.labels.clone(), inner.routed_name(options.module_name.as_deref()));
    Attempt {
        job: *id,
        number: job.state.attempt,
        module: *module,
        function,
        input,
        sandbox,
        labels,
        module_name,
        hops: 0,
    }
}

fn not_begun() -> Report {
    Report::failed(Failure::new(FailureKind::Cancelled, "the attempt was cancelled before it began"))
}

impl Inner {
    /// An attempt has ended, and its slot is free. Unwritten outcomes are bounded as well: beyond that, the slot is held until
    /// there is room.
    async fn over(&self, slot: Option<OwnedSemaphorePermit>) -> Option<OwnedSemaphorePermit> {
        // Never closed.
        let finishing = Arc::clone(&self.finishing).acquire_owned().await;
        drop(slot);
        self.woken();
        finishing.ok()
    }

    /// Keeps a job; with it comes its end, if it has ended already.
    pub(crate) async fn keep(self: &Arc<Self>, spec: Spec) -> Result<(Inserted, Option<Job>)> {
        span::submitted(spec.id);
        // In a task of its own: once begun, insert and start belong together, whether or not the caller stays.
        let (told, kept) = oneshot::channel();
        let inner = Arc::clone(self);
        match spec.options.webhook {
            None => self.runtime.spawn(inner.insert(spec, told)),
            Some(_) => self.runtime.spawn(webhook::insert(inner, spec, told)),
        };
        kept.await.map_err(|error| Error::fault("host", error))?
    }

    /// Keeps a job that runs here and tells what became of that. What is held for it is given back when it is to go on; else it
    /// goes, before anybody is told.
    pub(crate) async fn insert_running<T>(self: &Arc<Self>, job: &Job, held: T, told: Told) -> Option<T> {
        let inserted = match self.live().await {
            Ok(()) => self.store.insert(job).await,
            Err(error) => Err(error),
        };
        let held = match inserted {
            Ok(Inserted::New) => Some(held),
            _ => {
                drop(held);
                self.woken();
                None
            }
        };
        // Whoever asked may have gone: the job is kept all the same.
        drop(told.send(inserted.map(|inserted| (inserted, None))));
        held
    }

    /// Keeps a job whose attempt has ended. Nobody has heard of it yet, so nobody waits for it.
    async fn insert_ended(&self, job: Job, run: Run, told: Told) {
        let inserted = self.store.insert(&job).await;
        if matches!(inserted, Ok(Inserted::New)) {
            match job.state.phase {
                Phase::Pending { run_at } => self.enqueue(&job.spec, run_at),
                _ => self.webhooks.finished(&job.spec),
            }
        }
        drop(run);
        self.woken();
        drop(told.send(inserted.map(|inserted| (inserted, Some(job)))));
    }

    /// A job runs here no more.
    fn leave(&self, spec: Spec, outcome: Option<State>, run: Run) {
        let id = spec.id;
        if let Some(State { phase: Phase::Pending { run_at }, .. }) = &outcome {
            self.enqueue(&spec, *run_at);
        }
        drop(run);
        self.woken();
        match outcome {
            Some(state) if state.status().is_finished() => {
                self.webhooks.finished(&spec);
                self.hub.finished(id, || Job { spec, state });
            }
            _ => self.hub.look(id),
        }
    }

    /// Writes the outcome, however long that takes: the job has run, and that must not be for nothing. `None` when it is not
    /// this worker's to write any more, or the host goes down.
    async fn settle(&self, spec: &Spec, mut state: State, report: Report, stop: &Stop) -> Option<State> {
        let [mut rest, longest] = RESTS;
        loop {
            let Some(next) = self.settled(spec, &state, &report, stop) else {
                tracing::warn!(job = %spec.id, "an outcome came late and was dropped: the job is another worker's by now");
                return None;
            };
            let error = match self.store.advance(spec.id, &next).await {
                Ok(()) => return Some(next),
                Err(Error::Conflict(_)) => match self.reread(spec, &mut state).await {
                    Ok(()) => continue,
                    Err(error) => error,
                },
                Err(error) => error,
            };
            if matches!(error, Error::NotFound { .. } | Error::Expired(_) | Error::Finished(_)) {
                tracing::warn!(job = %spec.id, error = error.chain(), "an outcome was dropped: the job has gone or finished");
                return None;
            }
            tracing::error!(job = %spec.id, error = error.chain(), "an outcome could not be written; trying again");
            // Whoever waits for it sees that the store is in trouble.
            self.hub.look(spec.id);
            tokio::time::sleep(rest).await;
            rest = (rest * 2).min(longest);
            if self.closing.is_cancelled() && stop.released.load(Ordering::Acquire) {
                return None;
            }
        }
    }

    fn settled(&self, spec: &Spec, state: &State, report: &Report, stop: &Stop) -> Option<State> {
        let cancelled = matches!(&report.outcome, Err(failure) if failure.kind == FailureKind::Cancelled);
        let next = if cancelled && stop.released.load(Ordering::Acquire) {
            let at = if state.cancel.is_some() { self.now() } else { stop.again(self.now()) };
            state.release(self.worker, at)
        } else {
            state.finish(spec, self.worker, report.clone(), self.now())
        };
        next.ok()
    }

    /// The state as it is now: somebody asked to cancel, or another worker has the job.
    async fn reread(&self, spec: &Spec, state: &mut State) -> Result<()> {
        let progress = state.progress.take();
        *state = self.store.get(spec.id, self.now()).await?.state;
        state.progress = progress.or(state.progress.take());
        Ok(())
    }
}

/// How long to wait for a backend that takes nothing.
fn rest_after(error: &Error) -> Duration {
    match error {
        Error::Busy { retry_after } => *retry_after,
        _ => REST,
    }
}

/// Why an attempt could not be run; whether another may be is up to the retry policy.
fn not_run(error: &Error) -> Failure {
    let kind = match error {
        Error::NotFound { .. } | Error::Module { .. } | Error::Corrupt { .. } | Error::Missing { .. } => {
            FailureKind::Module
        }
        Error::Unreachable { source, .. } if source.is::<ShutOut>() => FailureKind::NotPermitted,
        Error::Refused { .. } | Error::Invalid { .. } | Error::Request { .. } => FailureKind::NotPermitted,
        _ => FailureKind::Transient,
    };
    Failure::new(kind, error.chain())
}
