//! The children of a backend: those that wait for an attempt, and how many there may be.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use tokio::sync::Semaphore;
use tokio::time::sleep;

use super::line::Line;
use super::start::{Counted, Order, Worker};
use super::{MOST_WORKERS, ProcessConfig, UNSTOPPABLE};
use crate::attempt::Attempt;
use crate::backend::remote::conversation::Transport;
use crate::backend::remote::frame;
use crate::backend::wasm::engine::CodeProfile;
use crate::error::{Error, Result};
use crate::id::Digest;
use crate::registry::{Compiler, Registry};

/// First and longest rest between two starts while children do not start.
const RESTS: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(10)];
/// What a child that is asked to stop has before it is killed: a guest that computes hears nothing.
const GRACE: Duration = Duration::from_millis(250);
/// What a child has beyond the time of an attempt, to make the module ready and to answer: no longer, for the same reason.
const LATE: Duration = Duration::from_secs(1);
/// Modules whose code is known to be there.
const PREPARED: usize = 1024;

/// Runs attempts in child processes.
#[derive(Debug)]
pub struct Processes(Arc<Pool>);

/// The children, and what they are started with.
#[derive(Debug)]
pub(super) struct Pool {
    registry: Arc<Registry>,
    program: PathBuf,
    config: ProcessConfig,
    places: Arc<Semaphore>,
    idle: Mutex<Vec<Worker>>,
    live: Arc<AtomicUsize>,
    starts: Mutex<Starts>,
    prepared: Mutex<HashSet<(CodeProfile, Digest)>>,
}

/// How starts went of late.
#[derive(Debug, Default)]
struct Starts {
    failed: u32,
    /// When the last one failed, and before when nothing is started.
    held: Option<(Instant, Instant)>,
}

impl Starts {
    /// How long nothing is to be started.
    fn rest(&self, now: Instant) -> Duration {
        self.held.map_or(Duration::ZERO, |(_, until)| until.saturating_duration_since(now))
    }

    /// A start that began then has failed now. Those that began side by side fail as one.
    fn failed(&mut self, began: Instant, now: Instant) {
        if self.held.is_some_and(|(failed, _)| began <= failed) {
            return;
        }
        let [first, longest] = RESTS;
        let rest = first.saturating_mul(1 << self.failed.min(16)).min(longest);
        self.failed = self.failed.saturating_add(1);
        self.held = Some((now, now + rest));
    }
}

impl Processes {
    pub(in crate::backend::remote) fn new(registry: Arc<Registry>, mut config: ProcessConfig) -> Result<Self> {
        config.workers = config.workers.clamp(1, MOST_WORKERS);
        let named = config.program.clone().or_else(|| registry.program().map(PathBuf::from));
        let found = named.map_or_else(
            || Compiler::find().map(|found| found.program().map(PathBuf::from)),
            |named| Ok(Some(named)),
        )?;
        let program = found.ok_or_else(|| Error::not_found("program", "au-host"))?;
        // A path is meant from where this process is, and not from `/`; a bare name is looked for on `PATH`.
        let program = match program.components().nth(1) {
            Some(_) => std::path::absolute(program).map_err(|error| Error::fault("worker process", error))?,
            None => program,
        };
        Ok(Self(Arc::new(Pool {
            registry,
            program,
            places: Arc::new(Semaphore::new(config.workers)),
            config,
            idle: Mutex::default(),
            live: Arc::default(),
            starts: Mutex::default(),
            prepared: Mutex::default(),
        })))
    }

    /// Starts a child, to see whether that can be done.
    pub(in crate::backend::remote) async fn check(&self) -> Result<()> {
        let worker = self.0.worker().await?;
        self.0.give_back(worker);
        Ok(())
    }

    /// Starts as many children as there are cores, so that none need be waited for.
    pub(in crate::backend::remote) async fn refill(&self) {
        self.0.refill().await;
    }
}

#[async_trait]
impl Transport for Processes {
    type Line = Line;

    async fn begin(&self, attempt: &Attempt) -> Result<Line> {
        let pool = Arc::clone(&self.0);
        let told = frame::attempt(attempt)?;
        pool.prepare(attempt).await?;
        let places = Arc::clone(&pool.places);
        let place = places.acquire_owned().await.map_err(|error| Error::fault("worker process", error))?;
        loop {
            let mut worker = pool.worker().await?;
            // One that is gone before it has all of the attempt has run nothing of it: another gets it.
            match worker.tell(&told).await {
                Ok(()) => return Ok(Line { worker, pool, place, broken: false }),
                Err(error) => tracing::warn!(%error, "a worker process was gone before it was given an attempt"),
            }
        }
    }

    fn capacity(&self) -> usize {
        self.0.config.workers
    }

    fn grace(&self) -> Duration {
        GRACE
    }

    fn late(&self) -> Duration {
        LATE
    }

    fn silence(&self) -> Duration {
        self.0.config.silence
    }
}

impl Pool {
    /// Has the module compiled here, once: children only map code.
    async fn prepare(&self, attempt: &Attempt) -> Result<()> {
        let fuel = attempt.sandbox.limits.fuel.is_some();
        let profile = CodeProfile { fuel, hardened: self.config.hardened, unstoppable: UNSTOPPABLE };
        let code = (profile, attempt.module);
        if lock(&self.prepared).contains(&code) {
            return Ok(());
        }
        let registry = Arc::clone(&self.registry);
        let preparing = tokio::task::spawn_blocking(move || registry.provide(code.0, code.1));
        preparing.await.map_err(|error| Error::fault("worker process", error))??;
        let mut prepared = lock(&self.prepared);
        if prepared.len() >= PREPARED {
            prepared.clear();
        }
        prepared.insert(code);
        Ok(())
    }

    /// A child that waits, or a new one.
    async fn worker(&self) -> Result<Worker> {
        loop {
            let waiting = lock(&self.idle).pop();
            let Some(mut worker) = waiting else { return self.start().await };
            if worker.lives() {
                return Ok(worker);
            }
            let how = worker.died().await;
            tracing::warn!(how, "a worker process died while it had nothing to do");
        }
    }

    /// A new child, after a rest if the last ones did not start: an attempt is not lost for what another has just seen.
    async fn start(&self) -> Result<Worker> {
        let began = loop {
            let now = Instant::now();
            let rest = lock(&self.starts).rest(now);
            if rest.is_zero() {
                break now;
            }
            sleep(rest).await;
        };
        let order = Order { program: &self.program, modules: self.registry.path(), hardened: self.config.hardened };
        let started = Worker::start(&order, Counted::new(&self.live)).await;
        let mut starts = lock(&self.starts);
        match &started {
            Ok(_) => *starts = Starts::default(),
            Err(error) => {
                // Whoever waits for one is told.
                tracing::info!(error = error.chain(), "a worker process did not start");
                starts.failed(began, Instant::now());
            }
        }
        started
    }

    /// A child that has ended an attempt waits for another.
    pub(super) fn give_back(&self, worker: Worker) {
        lock(&self.idle).push(worker);
    }

    /// Replaces a child that has died, in the background.
    pub(super) fn restart(self: Arc<Self>) {
        // It ends by itself, and with the runtime of this backend.
        drop(tokio::spawn(async move { self.refill().await }));
    }

    async fn refill(&self) {
        let warm = available_parallelism().map_or(1, usize::from).min(self.config.workers);
        while self.live.load(Ordering::SeqCst) < warm {
            match self.start().await {
                Ok(worker) => self.give_back(worker),
                // It was said; whoever needs one tries again.
                Err(_) => return,
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts_that_fail_are_further_and_further_apart_and_those_side_by_side_count_once() {
        let (mut starts, mut now) = (Starts::default(), Instant::now());
        assert_eq!(starts.rest(now), Duration::ZERO);
        for rest in [100, 200, 400].map(Duration::from_millis) {
            let failed = now + Duration::from_millis(1);
            (0..5).for_each(|_| starts.failed(now, failed));
            assert_eq!(starts.rest(failed), rest);
            now = failed + rest;
            assert_eq!(starts.rest(now), Duration::ZERO);
        }
        for _ in 0..100 {
            let failed = now + Duration::from_millis(1);
            starts.failed(now, failed);
            now = failed + starts.rest(failed);
        }
        starts.failed(now, now);
        assert_eq!(starts.rest(now), RESTS[1]);
    }
}
