//! Puts a host together: a store, modules and a backend, and how it is to behave.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::backend::Backend;
use crate::clock::Clock;
use crate::duties;
use crate::error::Result;
use crate::host::{Host, Inner};
use crate::id::WorkerId;
use crate::middleware::{Chain, Middleware};
use crate::modules::Modules;
use crate::quota::Quotas;
use crate::sandbox::SandboxPolicy;
use crate::store::{LEASE, Store};
use crate::webhook::WebhookConfig;

/// Largest input a host takes that was not told another, in bytes.
const INPUT_LIMIT: u64 = 64 << 20;
/// Between two looks for expired jobs.
const SWEEP: Duration = Duration::from_secs(60);

/// Which jobs of its store a host runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Takes {
    /// None: it keeps jobs and asks after them, and another host runs them.
    Nothing,
    /// Those it was handed itself.
    Own,
    /// Whatever is due, those of dead workers too.
    #[default]
    Everything,
}

/// How a host is to behave.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) policy: SandboxPolicy,
    pub(crate) takes: Takes,
    pub(crate) lease: Duration,
    pub(crate) slots: usize,
    pub(crate) default_ttl: Option<Duration>,
    pub(crate) sweep: Duration,
    pub(crate) input_limit: u64,
    pub(crate) clock: Clock,
    pub(crate) middleware: Chain,
    pub(crate) quotas: Quotas,
    pub(crate) webhook: WebhookConfig,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) routed: bool,
    pub(crate) forgets: bool,
}

/// A host to be. See [`Host::builder`].
#[derive(Debug)]
#[must_use]
pub struct Builder {
    store: Arc<dyn Store>,
    modules: Arc<dyn Modules>,
    backend: Arc<dyn Backend>,
    settings: Settings,
}

impl Builder {
    pub(crate) fn new(store: Arc<dyn Store>, modules: Arc<dyn Modules>, backend: Arc<dyn Backend>) -> Self {
        let settings = Settings {
            policy: SandboxPolicy::default(),
            takes: Takes::default(),
            lease: LEASE,
            slots: slots_of(backend.capacity()),
            default_ttl: None,
            sweep: SWEEP,
            input_limit: INPUT_LIMIT,
            clock: Clock::system(),
            middleware: Chain::default(),
            quotas: Quotas::default(),
            webhook: WebhookConfig::default(),
            labels: BTreeMap::new(),
            routed: false,
            forgets: false,
        };
        Self { store, modules, backend, settings }
    }

    /// What a job gets that asks for nothing, and what it may ask for.
    pub fn policy(mut self, policy: SandboxPolicy) -> Self {
        self.settings.policy = policy;
        self
    }

    /// Which jobs it runs. Everything that is due, unless said otherwise.
    pub fn takes(mut self, takes: Takes) -> Self {
        self.settings.takes = takes;
        self
    }

    /// How long its jobs are its own when it falls silent, in stores that cannot see it die. 8 s unless said otherwise.
    pub fn lease(mut self, lease: Duration) -> Self {
        self.settings.lease = lease;
        self
    }

    /// How many jobs it runs at once. Seven of eight that its backend can, unless said otherwise: the rest are for calls, which
    /// would else wait behind jobs that may never end.
    pub fn slots(mut self, slots: usize) -> Self {
        self.settings.slots = slots.max(1);
        self
    }

    /// How long a finished job is kept that does not say. For ever, unless said otherwise.
    pub fn default_ttl(mut self, ttl: Option<Duration>) -> Self {
        self.settings.default_ttl = ttl;
        self
    }

    /// How often it removes what has expired. Every minute, unless said otherwise.
    pub fn sweep_every(mut self, pause: Duration) -> Self {
        self.settings.sweep = pause;
        self
    }

    /// The largest input it takes, in bytes. 64 MiB unless said otherwise.
    pub fn input_limit(mut self, bytes: u64) -> Self {
        self.settings.input_limit = bytes;
        self
    }

    /// Adds a middleware, after those that were added before.
    pub fn middleware(mut self, middleware: Arc<dyn Middleware>) -> Self {
        self.settings.middleware.0.push(middleware);
        self
    }

    /// How much each tenant may have. As much as it likes, unless said otherwise. A host that runs its own jobs only minds no
    /// bound on how many run.
    pub fn quotas(mut self, quotas: Quotas) -> Self {
        self.settings.quotas = quotas;
        self
    }

    /// Where webhooks may go, and for how long they are tried. To public addresses, for a day, unless said otherwise.
    pub fn webhook(mut self, config: WebhookConfig) -> Self {
        self.settings.webhook = config;
        self
    }

    /// What is shown of it in the list of hosts on its store ([`Host::workers`]). Nothing, unless said otherwise.
    pub fn labels(mut self, labels: BTreeMap<String, String>) -> Self {
        self.settings.labels = labels;
        self
    }

    /// Whether its backend asks what modules were called, as [`Routed`](crate::backend::Routed) does. Not so unless said
    /// otherwise: it costs every attempt a text.
    pub fn routed(mut self, routed: bool) -> Self {
        self.settings.routed = routed;
        self
    }

    /// Its jobs are gone when it ends, so whoever waits for them is told when a backend cannot be reached.
    #[cfg(feature = "wasm")]
    pub(crate) fn forgets(mut self, forgets: bool) -> Self {
        self.settings.forgets = forgets;
        self
    }

    /// The clock it goes by.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.settings.clock = clock;
        self
    }

    /// Starts the host. To be called on a tokio runtime, on which it does its work from then on.
    ///
    /// # Errors
    /// What the store says when the host makes itself known.
    pub async fn build(self) -> Result<Host> {
        let worker = WorkerId::new(self.settings.clock.now());
        let inner = Arc::new(Inner::new(self.store, self.modules, self.backend, self.settings, worker));
        duties::begin(&inner).await?;
        Ok(Host::of(inner))
    }
}

fn slots_of(places: usize) -> usize {
    (places - places / 8).max(1)
}
