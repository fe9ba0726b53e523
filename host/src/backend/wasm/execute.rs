//! From an attempt to its report: a place, the code, the first slice here and the others elsewhere.

use std::sync::{Arc, Weak};
use std::task::{self, Poll};

use async_trait::async_trait;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use super::compute::Compute;
use super::config::WasmConfig;
use super::describe;
use super::pool::{Needs, Place, Pools};
use super::prepared::Prepared;
use super::run::{self, Seat};
use super::settle;
use super::stop::{self, Ended, LongRun, Running, Turns, Waiting, Watch, Why, slice_of};
use super::ticker::{Expires, Ticker};
use crate::attempt::{Attempt, Report};
use crate::backend::{Backend, Context, blame};
use crate::error::{Error, Result};
use crate::failure::{Failure, FailureKind};
use crate::id::Digest;
use crate::payload::Payload;
use crate::registry::{Function, Kind, ModuleInfo, Registry};
use crate::sandbox::Limits;

const STRIPES: usize = 64;

/// A place, and a module that is ready there.
type Seated = (Place, Arc<Prepared>);

/// An attempt that has had its first slice.
enum Begun<T> {
    Ended(Result<Ended<T>>),
    /// It takes turns with others from now on.
    Long(Running<T>, Arc<Prepared>, Arc<Watch>),
}

/// What a backend runs attempts in, before it knows any modules.
#[derive(Debug)]
pub(crate) struct Engines {
    config: WasmConfig,
    pools: Pools,
    ticker: Ticker,
}

impl Engines {
    pub(crate) fn new(config: WasmConfig) -> Result<Self> {
        let config = config.sound();
        let ticker = Ticker::start()?;
        let waker = ticker.waker().ok_or_else(|| Error::fault("wasm ticker", "it has no thread"))?;
        Ok(Self { pools: Pools::new(config.clone(), waker), config, ticker })
    }

    /// Makes the first of them, which takes about a millisecond, while something else is waited for. Blocks.
    pub(crate) fn warm(&self) -> impl FnOnce() + Send + use<> {
        self.pools.warm()
    }
}

/// Runs attempts in this process. Share it in an `Arc`; nothing of an attempt outlives it.
#[derive(Debug)]
pub struct WasmBackend {
    registry: Arc<Registry>,
    pools: Pools,
    compute: Compute,
    /// So that a module is loaded once, however many wait for it.
    loading: Vec<Mutex<()>>,
    capacity: usize,
    unstoppable: bool,
    _ticker: Ticker,
}

impl WasmBackend {
    /// A backend that runs the modules of this registry. Engines and threads are made when they are first needed.
    ///
    /// # Errors
    /// `Fault` when a thread cannot be started.
    pub fn new(registry: Arc<Registry>, config: WasmConfig) -> Result<Self> {
        Engines::new(config).map(|engines| Self::of(engines, registry))
    }

    /// The same, of engines that were there before.
    pub(crate) fn of(engines: Engines, registry: Arc<Registry>) -> Self {
        let Engines { config, pools, ticker } = engines;
        let (capacity, compute, unstoppable) = (config.attempts, Compute::new(config.threads), config.unstoppable);
        let loading = (0..STRIPES).map(|_| Mutex::default()).collect();
        Self { registry, pools, compute, loading, capacity, unstoppable, _ticker: ticker }
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
        let place = self.pools.apart().await?;
        let prepared = self.prepared(&place, info.digest).await?;
        let watch = Arc::new(Watch::new(context.events.clone(), &sandbox.limits));
        let seat = Seat { prepared: prepared.clone(), place, watch: watch.clone() };
        let begun = self.begin(Box::pin(run::functions(seat, sandbox)), prepared, watch)?;
        let ended = self.finish(begun, &context.cancel).await?;
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
    async fn seated(&self, attempt: &Attempt) -> Result<Seated> {
        let place = self.pools.place(Needs::of(&attempt.sandbox.limits)).await?;
        let prepared = self.prepared(&place, attempt.module).await?;
        Ok((place, prepared))
    }

    /// The same, when there is nothing to wait for.
    fn seated_now(&self, attempt: &Attempt) -> Option<Seated> {
        let place = self.pools.place_now(Needs::of(&attempt.sandbox.limits))?;
        let prepared = place.lane.prepared(attempt.module)?;
        Some((place, prepared))
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

    /// Calls a function, and gives it its first slice.
    fn call(&self, seated: Seated, attempt: &Arc<Attempt>, context: &Context) -> Result<Begun<Payload>> {
        let (place, prepared) = seated;
        let watch = Arc::new(Watch::new(context.events.clone(), &attempt.sandbox.limits));
        let seat = Seat { prepared: prepared.clone(), place, watch: watch.clone() };
        self.begin(Box::pin(run::call(seat, attempt.clone())), prepared, watch)
    }

    /// Calls a function that is expected to be over at once. `None`: it was not to be, or is not over, and nothing is seen of it.
    fn at_once(
        &self,
        place: &Place,
        prepared: &Prepared,
        attempt: &Attempt,
        context: &Context,
    ) -> Result<Option<Ended<Payload>>> {
        if self.unstoppable || prepared.wasi || !prepared.quick.expected(place.lane.stack()) {
            return Ok(None);
        }
        let watch = Arc::new(Watch::new(context.events.clone(), &attempt.sandbox.limits));
        let _slice = self.pools.ticker().slice(&prepared.beat);
        stop::caught(|| run::call_at_once(prepared, &watch, place.handles, attempt))
    }

    /// Gives an attempt its first slice, on this thread: a short call never changes threads. One that no slice ends has none.
    fn begin<T>(&self, mut running: Running<T>, prepared: Arc<Prepared>, watch: Arc<Watch>) -> Result<Begun<T>> {
        if self.unstoppable {
            return Ok(Begun::Long(running, prepared, watch));
        }
        // Guests with WASI may sleep, which takes the timers of the guests' runtime.
        let _entered = if prepared.wasi { Some(self.compute.handle()?.enter()) } else { None };
        let slice = self.pools.ticker().slice(&prepared.beat);
        let polled = slice_of(&mut running, &mut task::Context::from_waker(task::Waker::noop()));
        drop(slice);
        Ok(match polled {
            Poll::Ready(ended) => {
                prepared.quick.was(watch.started.elapsed());
                Begun::Ended(ended)
            }
            Poll::Pending => Begun::Long(running, prepared, watch),
        })
    }

    /// Waits for the end of an attempt, which takes turns with others until then.
    async fn finish<T: Send + 'static>(&self, begun: Begun<T>, cancel: &CancellationToken) -> Result<Ended<T>> {
        let (running, prepared, watch) = match begun {
            Begun::Ended(ended) => return ended,
            Begun::Long(running, prepared, watch) => (running, prepared, watch),
        };
        let ticker = self.pools.ticker();
        let deadline = watch.started.checked_add(watch.timeout);
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
}

#[async_trait]
impl Backend for WasmBackend {
    async fn execute(&self, attempt: Attempt, context: &Context) -> Result<Report> {
        let seated = self.seated_now(&attempt).filter(|_| !context.cancel.is_cancelled());
        if let Some((place, prepared)) = &seated
            && let Some(ended) = self.at_once(place, prepared, &attempt, context)?
        {
            return Ok(report(ended));
        }
        let attempt = Arc::new(attempt);
        let begun = seated.map(|seated| self.call(seated, &attempt, context)).transpose()?;
        match begun {
            Some(Begun::Ended(Ok(ended))) => Ok(report(ended)),
            // Apart from this one, and boxed: nearly all calls end above, and need not carry what waiting takes.
            begun => Box::pin(self.patiently(begun, &attempt, context)).await,
        }
    }

    fn capacity(&self) -> usize {
        self.capacity
    }
}

impl WasmBackend {
    /// Runs an attempt that has to wait for something: a place, its code, its turns, or room in the engine. There is room for as
    /// many as there are places, unless they have more memories and tables than most; one that finds none waits, too.
    async fn patiently(
        &self,
        mut begun: Option<Begun<Payload>>,
        attempt: &Arc<Attempt>,
        context: &Context,
    ) -> Result<Report> {
        loop {
            let now = match begun.take() {
                Some(begun) => begun,
                None => match self.seated_in_time(attempt, &context.cancel).await? {
                    Ok(seated) => self.call(seated, attempt, context)?,
                    Err(failure) => return Ok(Report::failed(failure)),
                },
            };
            match self.finish(now, &context.cancel).await {
                Ok(ended) => return Ok(report(ended)),
                Err(Error::Busy { .. }) => {}
                Err(error) => return Err(error),
            }
            let breath = self.breath()?;
            tokio::select! {
                () = breath => {}
                () = context.cancel.cancelled() => {}
            }
        }
    }

    /// A place with the module, or why there will be none.
    async fn seated_in_time(&self, attempt: &Attempt, cancel: &CancellationToken) -> Result<Result<Seated, Failure>> {
        let seated = cancel.run_until_cancelled(self.seated(attempt)).await;
        match seated.filter(|_| !cancel.is_cancelled()) {
            None => Ok(Err(Failure::new(FailureKind::Cancelled, "the attempt was cancelled before it began"))),
            Some(Ok(seated)) => Ok(Ok(seated)),
            Some(Err(error)) => blame(error).map(Err),
        }
    }

    /// Waits a little, on the timers of the guests' runtime: the caller's may have none.
    fn breath(&self) -> Result<tokio::time::Sleep> {
        let _entered = self.compute.handle()?.enter();
        Ok(tokio::time::sleep(settle::BREATH))
    }
}

fn report(ended: Ended<Payload>) -> Report {
    Report { outcome: ended.outcome, usage: ended.usage }
}
