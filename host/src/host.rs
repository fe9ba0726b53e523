//! The host: the front door, and the only thing that knows both stores and backends.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use tokio::sync::{Notify, OnceCell, Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{Instrument as _, Span};

use crate::ahead::Ahead;
use crate::attempt::{Attempt, Report};
use crate::backend::{Backend, Context};
use crate::brief::Brief;
use crate::builder::{Builder, Settings, Takes};
use crate::duties::Duties;
use crate::error::{Error, Result};
use crate::handle::Handle;
use crate::hub::Hub;
use crate::id::{Digest, JobId, WorkerId};
use crate::job::{Spec, Summary};
use crate::middleware::Way;
use crate::modules::Modules;
use crate::otel;
use crate::payload::Payload;
use crate::policies::Policies;
use crate::queue::Queue;
use crate::request::Request;
use crate::running::Running;
use crate::sandbox::Sandbox;
use crate::span::{self, About};
use crate::steady::Steady;
use crate::store::{Filter, Inserted, Query, Store};
use crate::tenants::{self, Coming, Tenants};
use crate::time::Timestamp;
use crate::tokens::Tokens;
use crate::trace::TraceContext;
use crate::webhook;

/// Expired jobs that are removed in one go.
const SWEEP_BATCH: usize = 256;
/// Ended attempts whose outcome is still being written. More hold their slots.
const FINISHING: usize = 1024;

/// Runs functions as jobs. Cloning is cheap. When the last clone has gone, and the last [`Handle`], the host starts nothing
/// more, and leaves once what it runs has ended; [`shutdown`](Host::shutdown) does not take longer than it is told.
///
/// See the [crate's documentation](crate) for an example.
#[derive(Clone, Debug)]
pub struct Host {
    pub(crate) inner: Arc<Inner>,
    door: Arc<Door>,
}

/// A job that is kept.
#[derive(Clone, Debug)]
pub struct Kept {
    /// Its handle.
    pub handle: Handle,
    /// Whether it was added just now; else its key named it already.
    pub is_new: bool,
}

/// Closes the host when the last clone of it goes. What the host runs has the rest, but not this.
#[derive(Debug)]
pub(crate) struct Door(pub(crate) Arc<Inner>);

impl Drop for Door {
    fn drop(&mut self) {
        self.0.close();
    }
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) modules: Arc<dyn Modules>,
    pub(crate) backend: Arc<dyn Backend>,
    pub(crate) settings: Settings,
    /// Began with this host.
    pub(crate) steady: Steady,
    pub(crate) tenants: Arc<Tenants>,
    pub(crate) policies: Policies,
    pub(crate) worker: WorkerId,
    /// Where the host does its work, whoever calls from wherever.
    pub(crate) runtime: tokio::runtime::Handle,
    pub(crate) hub: Hub,
    pub(crate) slots: Arc<Semaphore>,
    /// Jobs that were started before they have one.
    pub(crate) ahead: Arc<Ahead>,
    pub(crate) brief: Brief,
    pub(crate) finishing: Arc<Semaphore>,
    pub(crate) running: Arc<Running>,
    /// Jobs of a host that runs its own only, which wait for a slot or their time.
    pub(crate) own: Mutex<Queue>,
    /// Wakes the scheduler. It holds this, not the host, while it sleeps.
    pub(crate) wake: Arc<Notify>,
    /// Whether due jobs wait, so that nothing new may be started before them.
    pub(crate) backlog: AtomicBool,
    /// Whether the scheduler found nothing to do, now or later.
    pub(crate) quiet: watch::Sender<bool>,
    /// How often something came that a look begun before has not seen.
    pub(crate) stirred: AtomicU64,
    pub(crate) closing: CancellationToken,
    /// Fires when this host was asked to take nothing new.
    pub(crate) draining: CancellationToken,
    pub(crate) began: Timestamp,
    /// Whether it is in the list of hosts.
    pub(crate) listed: AtomicBool,
    /// Whether it has fired: every call asks, and must not wait for others that do.
    pub(crate) closed: AtomicBool,
    /// `None` in a host that is no worker yet.
    pub(crate) duties: OnceCell<Duties>,
    pub(crate) listening: AtomicBool,
    /// What it does by itself: when it ends, nothing of that is to come after.
    pub(crate) chores: TaskTracker,
    pub(crate) webhooks: webhook::Signals,
}

impl Host {
    pub(crate) fn of(inner: Arc<Inner>) -> Self {
        Self::behind(Arc::new(Door(inner)))
    }

    pub(crate) fn behind(door: Arc<Door>) -> Self {
        Self { inner: Arc::clone(&door.0), door }
    }

    /// A host that keeps jobs in `store`, knows `modules`, and runs attempts on `backend`.
    pub fn builder(store: Arc<dyn Store>, modules: Arc<dyn Modules>, backend: Arc<dyn Backend>) -> Builder {
        Builder::new(store, modules, backend)
    }

    /// Calls a function and waits for its output. Keeps nothing: a call does not survive the caller, and dropping it stops it.
    ///
    /// The function may begin on the thread that polls this, for some milliseconds at most, before it moves to threads of its
    /// own: to a short call that saves most of its time.
    ///
    /// # Errors
    /// `NotFound`, `Invalid`, `Refused` or `ShuttingDown` before anything runs; `Failed` with the reason when the function gave
    /// no output.
    pub async fn call(&self, request: Request) -> Result<Payload> {
        let report = self.call_in(request, &Context::unfollowed()).await?;
        report.outcome.map_err(Error::Failed)
    }

    /// The same; `context` hears what the function says and may cancel it, and the report tells what it used.
    ///
    /// # Errors
    /// As for [`call`](Host::call), but a failure of the function is in the report.
    pub async fn call_in(&self, request: Request, context: &Context) -> Result<Report> {
        self.open()?;
        self.inner.settings.middleware.admit(&request, Way::Call).await?;
        let (module, sandbox) = self.inner.admit(&request).await?;
        let job = JobId::unkept(self.inner.now());
        let Request { module: asked, function, input, principal, module_name, labels, .. } = request;
        let about = About::asked(&principal, &module_name, &asked);
        let module_name = self.inner.routed_name(about.module_name);
        let attempt = Attempt { job, number: 1, module, function, input, sandbox, labels, module_name, hops: 0 };
        let _comes = self.inner.tenants.admit_call(principal.as_deref()).await?;
        self.inner.metered(attempt, about, context).await
    }

    /// Keeps a job and gives its handle at once. When this returns, the job survives whatever its store survives.
    ///
    /// With an idempotency key that names a job already, that job's handle is returned and nothing is added.
    ///
    /// # Errors
    /// `NotFound`, `Invalid`, `Refused`: nothing was kept. `ShuttingDown`. Else what the store says.
    pub async fn submit(&self, request: Request) -> Result<Handle> {
        let span = span::submit(&request, 1);
        let submitting = async {
            let _comes = self.inner.asked(&request, 1, request.bytes()).await?;
            let spec = self.inner.spec(request).await?;
            Ok(self.keep(spec).await?.handle)
        };
        submitting.instrument(span).await
    }

    /// The same, for callers who cannot know whether an earlier try came through: a key that names the job of another call is
    /// an error, and the answer tells whether the job is new.
    ///
    /// # Errors
    /// As for [`submit`](Host::submit). `KeyTaken` when the key names a job with another module, function or input.
    pub async fn submit_once(&self, request: Request) -> Result<Kept> {
        let span = span::submit(&request, 1);
        self.submitting_once(request).instrument(span).await
    }

    async fn submitting_once(&self, request: Request) -> Result<Kept> {
        let _comes = self.inner.asked(&request, 1, request.bytes()).await?;
        let spec = self.inner.spec(request.clone()).await?;
        let module = spec.module;
        let kept = self.keep(spec).await?;
        if kept.is_new || request.is_call_of(module, &kept.handle.job().await?.spec) {
            return Ok(kept);
        }
        let name = request.key.map(|key| key.name).unwrap_or_default();
        Err(Error::KeyTaken { name, job: kept.handle.id() })
    }

    /// Submits the call of a job once more, as a new job: the same code, input, limits and labels, to be started at once, and
    /// without a key.
    ///
    /// # Errors
    /// As for [`submit`](Host::submit), and for [`Handle::status`] of that job.
    pub async fn again(&self, id: JobId) -> Result<Handle> {
        let spec = self.handle(id).job().await?.spec;
        self.submit(Request::again(spec)).await
    }

    /// The handle of a job, from its id alone. Whether there is such a job is found out when it is asked.
    #[must_use]
    pub fn handle(&self, id: JobId) -> Handle {
        Handle::new(Arc::clone(&self.door) as _, id)
    }

    /// Lists jobs, newest first: at most `limit`, below the id `before`.
    ///
    /// # Errors
    /// What the store says.
    pub async fn list(&self, filter: Filter, before: Option<JobId>, limit: usize) -> Result<Vec<Summary>> {
        self.inner.store.scan(&Query::List { filter, before, limit, now: self.inner.now() }).await
    }

    /// Forgets finished jobs, with their outputs and logs, and says how many there were.
    ///
    /// # Errors
    /// `NotFound` for one that is not there, `Refused` for one that has not finished: nothing was removed.
    pub async fn remove(&self, ids: &[JobId]) -> Result<u64> {
        for id in ids {
            match self.inner.store.peek(*id, self.inner.now()).await {
                Ok(job) if !job.status.is_finished() => {
                    return Err(Error::refused(format!("job {id} is {}; cancel it first", job.status)));
                }
                Ok(_) | Err(Error::Expired(_) | Error::Corrupt { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        webhook::forget(&*self.inner.store, ids).await?;
        self.inner.store.remove(ids).await
    }

    /// Removes what has expired now, and says how many there were. A host that takes everything does so by itself, too. Where
    /// the clock was set forward while this host ran, it removes nothing that the time since its start does not bear out.
    ///
    /// # Errors
    /// What the store says.
    pub async fn cleanup(&self) -> Result<u64> {
        self.inner.sweep().await
    }

    /// Whether jobs can be kept: `Err` says why not.
    ///
    /// # Errors
    /// What the store says, or `ShuttingDown`.
    pub async fn ready(&self) -> Result<()> {
        self.open()?;
        self.inner.store.ready().await
    }

    /// Waits until nothing runs here and nothing is left to run, now or later; or until the host has shut down.
    pub async fn idle(&self) {
        let closed = async {
            self.inner.closing.cancelled().await;
            self.inner.running.drained().await;
        };
        tokio::select! {
            () = self.quiet() => {}
            () = closed => {}
        }
    }

    /// Whether the webhook of a job that has finished is to be sent within this time, by whichever host.
    ///
    /// # Errors
    /// What the store says.
    pub async fn is_webhook_left(&self, within: Duration) -> Result<bool> {
        webhook::is_left(&self.inner, within).await
    }

    async fn quiet(&self) {
        let mut quiet = self.inner.quiet.subscribe();
        loop {
            if *quiet.borrow_and_update() && self.inner.running.is_empty() {
                return;
            }
            // The sender is in `self`.
            if quiet.changed().await.is_err() {
                return;
            }
        }
    }

    /// Takes nothing new, waits for what runs, at most `grace`, and gives the rest back for others to run. After that the host
    /// only answers questions.
    ///
    /// # Errors
    /// What the store says when the host leaves it.
    pub async fn shutdown(&self, grace: Duration) -> Result<()> {
        let began = Instant::now();
        self.inner.close();
        if tokio::time::timeout(grace, self.inner.running.drained()).await.is_err() {
            self.inner.running.release_all();
            self.inner.running.drained().await;
        }
        self.inner.webhooks.over(grace.saturating_sub(began.elapsed())).await;
        self.inner.end().await
    }

    /// The name this host runs jobs under.
    #[must_use]
    pub fn worker(&self) -> WorkerId {
        self.inner.worker
    }

    /// Who may ask it over a network. Every host on its store knows the same tokens.
    #[must_use]
    pub fn tokens(&self) -> Tokens {
        Tokens::new(Arc::clone(&self.inner.store), self.inner.settings.clock.clone())
    }

    /// Where it keeps jobs.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.inner.store
    }

    fn open(&self) -> Result<()> {
        if self.inner.closed.load(Ordering::Acquire) { Err(Error::ShuttingDown) } else { Ok(()) }
    }

    pub(crate) async fn keep(&self, spec: Spec) -> Result<Kept> {
        self.open()?;
        let id = spec.id;
        match self.inner.keep(spec).await? {
            (Inserted::New, ended) => Ok(Kept { handle: self.handle(id).ended(ended), is_new: true }),
            (Inserted::Existing(id), _) => Ok(Kept { handle: self.handle(id), is_new: false }),
        }
    }
}

impl Inner {
    pub(crate) fn new(
        store: Arc<dyn Store>,
        modules: Arc<dyn Modules>,
        backend: Arc<dyn Backend>,
        settings: Settings,
        worker: WorkerId,
    ) -> Self {
        let (takes, began) = (settings.takes, settings.clock.now());
        let tenants = Arc::new(Tenants::new(settings.quotas.clone(), Arc::clone(&store), worker));
        Self {
            policies: Policies::new(Arc::clone(&store), Arc::clone(tenants.quotas())),
            store,
            tenants,
            modules,
            backend,
            worker,
            hub: Hub::default(),
            slots: Arc::new(Semaphore::new(settings.slots)),
            ahead: Arc::default(),
            brief: Brief::new(takes),
            finishing: Arc::new(Semaphore::new(FINISHING)),
            steady: Steady::new(&settings.clock),
            settings,
            runtime: tokio::runtime::Handle::current(),
            running: Arc::default(),
            own: Mutex::default(),
            wake: Arc::default(),
            backlog: AtomicBool::new(false),
            quiet: watch::Sender::new(takes == Takes::Nothing),
            stirred: AtomicU64::new(0),
            closing: CancellationToken::new(),
            draining: CancellationToken::new(),
            began,
            listed: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            duties: OnceCell::new(),
            listening: AtomicBool::new(false),
            chores: TaskTracker::new(),
            webhooks: webhook::Signals::default(),
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.settings.clock.now()
    }

    /// Nothing new from now on.
    fn close(&self) {
        self.running.close();
        self.closed.store(true, Ordering::Release);
        self.closing.cancel();
        self.wake.notify_one();
    }

    /// What an attempt is told of its module's name: nothing, where nobody asks.
    pub(crate) fn routed_name(&self, name: Option<&str>) -> Option<String> {
        if self.settings.routed { name.map(str::to_owned) } else { None }
    }

    pub(crate) fn takes(&self) -> Takes {
        self.settings.takes
    }

    pub(crate) fn own(&self) -> MutexGuard<'_, Queue> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the middleware and the quota of its tenant let this be kept, as so many jobs: before what is returned is dropped.
    pub(crate) async fn asked(&self, request: &Request, jobs: u64, bytes: u64) -> Result<Option<Coming<'_>>> {
        self.settings.middleware.admit(request, Way::Submit { jobs, bytes }).await?;
        self.tenants.admit(request.principal.as_deref(), jobs, bytes, self.now()).await
    }

    /// One attempt, with no more fuel than its tenant has left for the day.
    pub(crate) fn metered<'a>(
        &'a self,
        attempt: Attempt,
        about: About<'a>,
        context: &'a Context,
    ) -> BoxFuture<'a, Result<Report>> {
        if !self.tenants.are_bounded() {
            return self.execute(attempt, about, context);
        }
        Box::pin(self.within_fuel(attempt, about, context))
    }

    async fn within_fuel(&self, mut attempt: Attempt, about: About<'_>, context: &Context) -> Result<Report> {
        let (tenant, fuel) = (about.tenant, attempt.sandbox.limits.fuel);
        attempt.sandbox.limits.fuel = self.tenants.fuel(tenant, fuel, self.now()).await?;
        let short = attempt.sandbox.limits.fuel.filter(|left| fuel != Some(*left));
        let mut report = self.execute(attempt, about, context).await?;
        self.tenants.used(tenant, report.usage.fuel, self.now());
        if let (Some(left), Some(tenant)) = (short, tenant) {
            tenants::say_whose_fuel(&mut report, tenant, left);
        }
        Ok(report)
    }

    /// One attempt, within the middleware, and within a span if anybody hears it.
    pub(crate) fn execute<'a>(
        &'a self,
        attempt: Attempt,
        about: About<'_>,
        context: &'a Context,
    ) -> BoxFuture<'a, Result<Report>> {
        let span = span::attempt(&attempt, about);
        if !span::is_heard(&span) {
            return self.settings.middleware.run(&*self.backend, attempt, context);
        }
        Box::pin(span::run(span, &self.settings.middleware, &*self.backend, attempt, context))
    }

    /// From a request to the spec of a job, or the reason why not.
    pub(crate) async fn spec(&self, request: Request) -> Result<Spec> {
        let request = self.policies.complete(request).await?;
        request.webhook.iter().try_for_each(|url| webhook::admit(&self.settings.webhook, url))?;
        let (module, sandbox) = self.admit(&request).await?;
        let mut spec = request.spec(module, sandbox, self.settings.default_ttl, self.now());
        if let Some(TraceContext { parent, state }) = otel::place(&Span::current()) {
            (spec.options.trace, spec.options.trace_state) = (Some(parent), state);
        }
        Ok(spec)
    }

    /// The code and the sandbox that a request is for, or the reason why it cannot be met.
    async fn admit(&self, request: &Request) -> Result<(Digest, Sandbox)> {
        request.bounded(self.settings.input_limit)?;
        let sandbox = self.settings.policy.resolve(&request.sandbox)?;
        let module = self.modules.admit(&request.module, &request.function, &request.input).await?;
        Ok((module, sandbox))
    }

    /// Removes expired jobs, in small batches.
    pub(crate) async fn sweep(&self) -> Result<u64> {
        let mut removed = 0;
        loop {
            let now = self.steady.hold_back(self.now());
            let expired = self.store.scan(&Query::Expired { now, limit: SWEEP_BATCH }).await?;
            let ids: Vec<_> = expired.iter().map(|job| job.id).collect();
            if ids.is_empty() {
                return Ok(removed);
            }
            let told_of = expired.iter().filter(|job| job.options.webhook.is_some());
            webhook::forget(&*self.store, &told_of.map(|job| job.id).collect::<Vec<_>>()).await?;
            let count = self.store.remove(&ids).await?;
            removed += count;
            if count == 0 {
                return Ok(removed);
            }
            tokio::task::yield_now().await;
        }
    }
}
