//! What a host does besides running jobs: it says that it lives, hears what others change, and sweeps out what expired.
//!
//! The heartbeat has a thread of its own, for the runtime may be busy; the rest are tasks on the runtime of the host.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use futures::StreamExt;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::builder::Takes;
use crate::error::{Error, Result};
use crate::host::Inner;
use crate::id::{JobId, WorkerId};
use crate::job::Summary;
use crate::roster;
use crate::schedule;
use crate::scheduler;
use crate::store::{Change, Heartbeat, Store};
use crate::webhook;

/// Heartbeats in a lease: so many may fail before it runs out.
const BEATS: u32 = 10;
/// Least time between two looks at everything that is waited for.
const LOOK: Duration = Duration::from_millis(5);
/// After so long without a hint all that is waited for is looked at: hints may be missed, and nobody must wait for ever.
const SILENCE: Duration = Duration::from_secs(2);
/// How long a host that ends waits for what it was just doing by itself.
const LAST: Duration = Duration::from_secs(2);

/// The thread that says that this host lives, and what stops it.
#[derive(Debug)]
pub(crate) struct Duties {
    stop: CancellationToken,
    /// Hears nothing, and that its sender is gone, once the thread has done its last.
    heart: std::sync::Mutex<Option<oneshot::Receiver<()>>>,
}

impl Drop for Duties {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Starts what the host does by itself. A host that runs nothing has no duties; one that runs its own jobs only is no worker before
/// it has one that is kept as running, which those that end at once never are.
pub(crate) async fn begin(inner: &Arc<Inner>) -> Result<()> {
    match inner.takes() {
        Takes::Nothing => return Ok(()),
        Takes::Own => {
            // It is about to be handed a job, which waits for what the policies say of it.
            let reads = Arc::clone(inner);
            inner.runtime.spawn(async move {
                if let Err(error) = reads.policies.first().await {
                    tracing::debug!(error = error.chain(), "whoever submits first will be told");
                }
            });
        }
        Takes::Everything => inner.live().await?,
    }
    inner.runtime.spawn(scheduler::schedule(Arc::downgrade(inner), Arc::clone(&inner.wake)));
    if inner.takes() == Takes::Everything {
        inner.listen();
        webhook::begin(inner);
        schedule::begin(inner);
        inner.chores.spawn_on(roster::keep(Arc::downgrade(inner)), &inner.runtime);
        let sweeping = sweep(Arc::downgrade(inner), inner.settings.sweep, inner.closing.clone());
        inner.chores.spawn_on(sweeping, &inner.runtime);
    }
    Ok(())
}

impl Inner {
    /// Makes the host known as a worker and starts its heartbeat, unless that was done: before the store hears of a job that it runs.
    pub(crate) async fn live(self: &Arc<Self>) -> Result<()> {
        let begin = async || {
            self.beat().await?;
            let stop = CancellationToken::new();
            let heart = Heart::of(self, stop.clone()).start()?;
            Ok(Duties { stop, heart: std::sync::Mutex::new(Some(heart)) })
        };
        self.duties.get_or_try_init(begin).await.map(drop)
    }

    async fn beat(&self) -> Result<Heartbeat> {
        let now = self.now();
        self.store.heartbeat(self.worker, now.plus(self.settings.lease), now).await
    }

    /// Ends the heartbeat and leaves the store.
    pub(crate) async fn end(&self) -> Result<()> {
        self.tenants.write_all().await;
        // They sleep on what was cancelled before. One that the store keeps waiting is not waited for.
        self.chores.close();
        if tokio::time::timeout(LAST, self.chores.wait()).await.is_err() {
            tracing::debug!("this host ends while it still writes to its store");
        }
        let Some(duties) = self.duties.get() else { return Ok(()) };
        duties.stop.cancel();
        let heart = duties.heart.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        if let Some(heart) = heart {
            // It sleeps on what was just cancelled; a panic of it was logged when it happened.
            drop(heart.await);
        }
        if self.takes() == Takes::Everything
            && let Err(error) = self.strike().await
        {
            tracing::debug!(
                error = error.chain(),
                "this host stays in the list of those on its store until it is forgotten"
            );
        }
        self.store.leave(self.worker).await
    }

    /// Hears of changes by others from now on. Whoever waits calls it before looking, so that no change slips between.
    pub(crate) fn listen(self: &Arc<Self>) {
        if !self.listening.swap(true, Ordering::AcqRel) {
            self.chores.spawn_on(listen(Arc::downgrade(self), self.store.changes()), &self.runtime);
        }
    }

    /// A job that may be another's. Changes are heard from before this looked, unless it has finished: then there are none.
    pub(crate) async fn look(self: &Arc<Self>, id: JobId) -> Result<Summary> {
        let listening = self.listening.load(Ordering::Acquire);
        let job = self.store.peek(id, self.now()).await?;
        if job.status.is_finished() || listening {
            return Ok(job);
        }
        self.listen();
        self.store.peek(id, self.now()).await
    }

    /// Somebody changed something.
    async fn heard(&self, change: Change) {
        match change {
            Change::Job(id) => self.hub.look(id),
            Change::Unknown => self.look_at_what_is_waited_for(),
        }
        if self.takes() == Takes::Everything {
            self.stir();
            self.webhooks.stir();
        }
        self.look_for_cancels(change).await;
    }

    fn look_at_what_is_waited_for(&self) {
        self.hub.look_all(|id| self.running.holds(id));
    }

    /// Stops those of this host's jobs that somebody else asked to cancel.
    async fn look_for_cancels(&self, change: Change) {
        let ids = match change {
            Change::Job(id) if self.running.holds(id) => vec![id],
            Change::Job(_) => return,
            Change::Unknown => self.running.ids(),
        };
        for id in ids {
            match self.store.peek(id, self.now()).await {
                Ok(job) if job.cancel.is_some() && self.running.holds(id) => self.running.cancel(id),
                Ok(_) => {}
                Err(error) => tracing::debug!(job = %id, error = error.chain(), "not looked at"),
            }
        }
    }
}

/// What the heart's thread has: not the host, which it must not keep alive.
struct Heart {
    host: Weak<Inner>,
    store: Arc<dyn Store>,
    worker: WorkerId,
    lease: Duration,
    stop: CancellationToken,
    runtime: tokio::runtime::Handle,
}

impl Heart {
    fn of(inner: &Arc<Inner>, stop: CancellationToken) -> Self {
        Self {
            host: Arc::downgrade(inner),
            store: Arc::clone(&inner.store),
            worker: inner.worker,
            lease: inner.settings.lease,
            stop,
            runtime: inner.runtime.clone(),
        }
    }

    fn start(self) -> Result<oneshot::Receiver<()>> {
        let failed = |source: std::io::Error| Error::fault("heartbeat", source);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().map_err(failed)?;
        let thread = std::thread::Builder::new().name("au-heartbeat".into());
        let (beats, ended) = oneshot::channel();
        let beat = move || {
            let _beats: oneshot::Sender<()> = beats;
            runtime.block_on(self.beat());
        };
        thread.spawn(beat).map(|_| ended).map_err(failed)
    }

    async fn beat(self) {
        let pause = self.lease / BEATS;
        while self.stop.run_until_cancelled(tokio::time::sleep(pause)).await.is_some() {
            let Some(now) = self.host.upgrade().map(|inner| inner.now()) else { break };
            match self.store.heartbeat(self.worker, now.plus(self.lease), now).await {
                Ok(found) => self.tell(&found),
                Err(error) => tracing::warn!(error = error.chain(), "heartbeat failed; trying again"),
            }
        }
        if self.host.strong_count() == 0 {
            // Its jobs, if it had any left, are free to be taken.
            if let Err(error) = self.store.leave(self.worker).await {
                tracing::warn!(error = error.chain(), "the worker could not leave");
            }
        }
    }

    fn tell(&self, found: &Heartbeat) {
        let Some(inner) = self.host.upgrade() else { return };
        if found.lost_jobs && inner.takes() == Takes::Everything {
            inner.woken();
        }
        if !inner.running.is_empty() {
            // Hints may be missed; this is how late a cancel can come at most.
            self.runtime.spawn(async move { inner.look_for_cancels(Change::Unknown).await });
        }
    }
}

async fn listen(host: Weak<Inner>, mut changes: futures::stream::BoxStream<'static, Change>) {
    let Some(closing) = host.upgrade().map(|inner| inner.closing.clone()) else { return };
    let mut hear = async || tokio::time::timeout(SILENCE, changes.next()).await;
    while let Some(heard) = closing.run_until_cancelled(hear()).await {
        let began = Instant::now();
        let Some(inner) = host.upgrade() else { return };
        match heard {
            Ok(Some(change)) => inner.heard(change).await,
            Ok(None) => return,
            Err(_) => inner.look_at_what_is_waited_for(),
        }
        drop(inner);
        // A busy neighbour must not keep this host busy looking: it rests longer than it looked, unless it ends.
        closing.run_until_cancelled(tokio::time::sleep(LOOK.max(began.elapsed() * 4))).await;
    }
}

async fn sweep(host: Weak<Inner>, pause: Duration, closing: CancellationToken) {
    while closing.run_until_cancelled(tokio::time::sleep(pause)).await.is_some() {
        let Some(inner) = host.upgrade() else { return };
        if let Err(error) = inner.tenants.sweep(inner.now()).await {
            tracing::warn!(
                error = error.chain(),
                "what tenants used in days gone by could not be removed; trying again"
            );
        }
        if let Err(error) = inner.strike_gone().await {
            tracing::debug!(error = error.chain(), "hosts that are gone could not be struck off; trying again");
        }
        match inner.sweep().await {
            Ok(0) => {}
            Ok(removed) => tracing::debug!(removed, "expired jobs removed"),
            Err(error) => tracing::warn!(error = error.chain(), "expired jobs could not be removed; trying again"),
        }
    }
}
