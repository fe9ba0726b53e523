//! From an attempt to its report: a place, the code, the first slice here and the others elsewhere.

use std::sync::{Arc, Weak};
use std::task::{self, Poll};
use std::time::Instant;

use async_trait::async_trait;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use super::compute::Compute;
use super::config::WasmConfig;
use super::describe;
use super::log::Log;
use super::pool::{Needs, Place, Pools};
use super::prepared::Prepared;
use super::run::{self, Seat};
use super::settle;
use super::stop::{Ended, LongRun, Running, Turns, Waiting, Watch, Why, slice_of};
use super::ticker::{Expires, Ticker};
use crate::attempt::{Attempt, Report, Usage};
use crate::backend::{Backend, Context};
use crate::error::{Error, Result};
use crate::failure::{Failure, FailureKind};
use crate::id::Digest;
use crate::registry::{Function, Kind, ModuleInfo, Registry};
use crate::sandbox::Limits;

const STRIPES: usize = 64;

/// Runs attempts in this process. Share it in an `Arc`; nothing of an attempt outlives it.
#[derive(Debug)]
pub struct WasmBackend {
    registry: Arc<Registry>,
    pools: Pools,
    compute: Compute,
    /// So that a module is loaded once, however many wait for it.
    loading: Vec<Mutex<()>>,
    capacity: usize,
    _ticker: Ticker,
}

impl WasmBackend {
    /// A backend that runs the modules of this registry. Engines and threads are made when they are first needed.
    ///
    /// # Errors
    /// `Fault` when a thread cannot be started.
    pub fn new(registry: Arc<Registry>, config: WasmConfig) -> Result<Self> {
        let config = config.sound();
        let ticker = Ticker::start()?;
        let waker = ticker.waker().ok_or_else(|| Error::fault("wasm ticker", "it has no thread"))?;
        let (capacity, compute) = (config.attempts, Compute::new(config.threads));
        let loading = (0..STRIPES).map(|_| Mutex::default()).collect();
        Ok(Self { registry, pools: Pools::new(config, waker), compute, loading, capacity, _ticker: ticker })
    }

    /// Asks a module what can be called, in a sandbox of its own. Nothing, for a module that is not [`Kind::Compute`].
    ///
    /// # Errors
    /// `Module` when the guest fails, or describes what cannot be; else as for [`Registry::component`].
    pub async fn describe(&self, info: &ModuleInfo) -> Result<Vec<Function>> {
        if info.kind != Kind::Compute {
            return Ok(Vec::new());
        }
        let (sandbox, context) = (describe::sandbox(), Context::default());
        let place = self.pools.place(Needs::of(&sandbox.limits)).await?;
        let prepared = self.prepared(&place, info.digest).await?;
        let log = Arc::new(Log::new(context.events.clone(), &sandbox.limits));
        let watch = Arc::new(Watch::new(log, sandbox.limits.timeout));
        let seat = seat(prepared.clone(), place, watch.clone(), &context.cancel);
        let running: Running<_> = Box::pin(run::functions(seat, sandbox));
        let ended = self.drive(running, &prepared, watch, &context.cancel).await?;
        let failed = |failure: Failure| {
            describe::refuse("functions_failed", format!("asked for its functions, it failed: {failure}"))
        };
        describe::functions(ended.outcome.map_err(failed)?)
    }

    /// Makes a module ready for an attempt with these limits, as the attempt itself would.
    ///
    /// # Errors
    /// As for [`Registry::component`].
    pub async fn ready(&self, module: Digest, limits: &Limits) -> Result<()> {
        let place = self.pools.place(Needs::of(limits)).await?;
        self.prepared(&place, module).await.map(drop)
    }

    /// Forgets the code of a module that was removed. What already runs goes on.
    pub fn forget(&self, digest: Digest) {
        self.pools.forget(digest);
    }

    /// A place, and the module ready in it. Nothing of the attempt's time is counted yet.
    async fn seated(&self, attempt: &Attempt) -> Result<(Place, Arc<Prepared>)> {
        let place = self.pools.place(Needs::of(&attempt.sandbox.limits)).await?;
        let prepared = self.prepared(&place, attempt.module).await?;
        Ok((place, prepared))
    }

    /// The module, ready in the engine of this place.
    async fn prepared(&self, place: &Place, digest: Digest) -> Result<Arc<Prepared>> {
        if let Some(prepared) = place.lane.prepared(digest) {
            return Ok(prepared);
        }
        let _one_at_a_time = self.loading[usize::from(digest.as_bytes()[0]) % STRIPES].lock().await;
        if let Some(prepared) = place.lane.prepared(digest) {
            return Ok(prepared);
        }
        let (lane, registry, ticker) = (place.lane.clone(), self.registry.clone(), self.pools.ticker().clone());
        let loaded = tokio::task::spawn_blocking(move || lane.prepare(&ticker, &registry, digest));
        loaded.await.map_err(|error| Error::fault("wasm backend", error))?
    }

    /// Runs an attempt to its end: the first slice on this thread, so that a short call never changes threads.
    async fn drive<T: Send + 'static>(
        &self,
        mut running: Running<T>,
        prepared: &Prepared,
        watch: Arc<Watch>,
        cancel: &CancellationToken,
    ) -> Result<Ended<T>> {
        let started = Instant::now();
        if let Poll::Ready(ended) = self.first_slice(&mut running, prepared)? {
            return ended;
        }
        let ticker = self.pools.ticker();
        let deadline = started.checked_add(watch.timeout);
        let (run, mut done) = LongRun::new(running, watch, prepared.beat.clone(), ticker.clone());
        let expires: Arc<dyn Expires> = run.clone();
        let expires: Weak<dyn Expires> = Arc::downgrade(&expires);
        // A deadline that no clock can show is none.
        let _deadline = deadline.map(|at| ticker.at(at, expires));
        let waiting = Waiting(run.clone());
        self.compute.handle()?.spawn(Turns(run));
        let ended = tokio::select! {
            biased;
            ended = &mut done => ended,
            () = cancel.cancelled() => {
                waiting.0.stop(Why::Cancelled);
                done.await
            }
        };
        ended.map_err(|error| Error::fault("wasm runtime", error))?
    }

    fn first_slice<T>(&self, running: &mut Running<T>, prepared: &Prepared) -> Result<Poll<Result<Ended<T>>>> {
        // Guests with WASI may sleep, which takes the timers of the guests' runtime.
        let _entered = if prepared.wasi { Some(self.compute.handle()?.enter()) } else { None };
        let _slice = self.pools.ticker().slice(&prepared.beat);
        Ok(slice_of(running, &mut task::Context::from_waker(task::Waker::noop())))
    }
}

#[async_trait]
impl Backend for WasmBackend {
    async fn execute(&self, attempt: Attempt, context: &Context) -> Result<Report> {
        let attempt = Arc::new(attempt);
        loop {
            if let Some(report) = self.attempted(&attempt, context).await? {
                return Ok(report);
            }
            let breath = self.breath()?;
            tokio::select! {
                () = breath => {}
                () = context.cancel.cancelled() => {}
            }
        }
    }

    fn capacity(&self) -> usize {
        self.capacity
    }
}

impl WasmBackend {
    /// `None` when its engine had no room: there is enough for as many as there are places, unless they have more memories and
    /// tables than most. Like one without a place, it is to wait.
    async fn attempted(&self, attempt: &Arc<Attempt>, context: &Context) -> Result<Option<Report>> {
        let cancel = &context.cancel;
        let cancelled = || nothing_ran(FailureKind::Cancelled, "the attempt was cancelled before it began");
        if cancel.is_cancelled() {
            return Ok(Some(cancelled()));
        }
        let seated = tokio::select! {
            biased;
            seated = self.seated(attempt) => seated,
            () = cancel.cancelled() => return Ok(Some(cancelled())),
        };
        let (place, prepared) = match seated {
            Ok(seated) => seated,
            Err(Error::Module { code, why }) => {
                let why = format!("the module cannot be run ({code}): {why}");
                return Ok(Some(nothing_ran(FailureKind::Module, why)));
            }
            Err(Error::NotFound { what: "module", name, .. }) => {
                return Ok(Some(nothing_ran(FailureKind::Module, format!("module {name} is gone"))));
            }
            Err(error) => return Err(error),
        };
        let limits = &attempt.sandbox.limits;
        let log = Arc::new(Log::new(context.events.clone(), limits));
        let watch = Arc::new(Watch::new(log, limits.timeout));
        let seat = seat(prepared.clone(), place, watch.clone(), cancel);
        let running: Running<_> = Box::pin(run::call(seat, attempt.clone()));
        match self.drive(running, &prepared, watch, cancel).await {
            Ok(Ended { outcome, usage }) => Ok(Some(Report { outcome, usage })),
            Err(Error::Busy { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Waits a little, on the timers of the guests' runtime: the caller's may have none.
    fn breath(&self) -> Result<tokio::time::Sleep> {
        let _entered = self.compute.handle()?.enter();
        Ok(tokio::time::sleep(settle::BREATH))
    }
}

fn seat(prepared: Arc<Prepared>, place: Place, watch: Arc<Watch>, cancel: &CancellationToken) -> Seat {
    Seat { prepared, place, watch, cancel: cancel.clone(), started: Instant::now() }
}

fn nothing_ran(kind: FailureKind, why: impl AsRef<str>) -> Report {
    Report { outcome: Err(Failure::new(kind, why)), usage: Usage::default() }
}
