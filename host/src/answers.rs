//! Who answers a handle: the host that has the store of its job, or a client of one elsewhere.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use futures::stream::BoxStream;

use crate::attempt::LogEntry;
use crate::error::{Error, Result};
use crate::events::{self, Event, Heard};
use crate::host::{Door, Host};
use crate::hub::News;
use crate::id::JobId;
use crate::job::{Job, Phase, Summary};
use crate::payload::Payload;
use crate::webhook::{self, Delivery};

/// What a handle asks. Each fails with `NotFound` or `Expired` where there is no such job.
#[async_trait]
pub(crate) trait Answers: Debug + Send + Sync {
    /// All but the bytes of its payloads.
    async fn metadata(&self, id: JobId) -> Result<Summary>;
    /// The job with its payloads.
    async fn job(&self, id: JobId) -> Result<Job>;
    /// How the delivery of its webhook stands, if it has one.
    async fn webhook(&self, id: JobId) -> Result<Option<Delivery>>;
    /// At most `limit` lines of its log, from line number `from` on.
    async fn logs(&self, id: JobId, from: u64, limit: usize) -> Result<Vec<LogEntry>>;
    /// What happens to it, after what was heard.
    fn events(self: Arc<Self>, id: JobId, heard: Heard) -> BoxStream<'static, Result<(Heard, Event)>>;
    /// Asks it to stop; `Finished` when it has.
    async fn cancel(&self, id: JobId, reason: &str) -> Result<()>;
    /// All but its payloads, once it has finished; waits for ever.
    async fn finished(&self, id: JobId) -> Result<Summary>;
    /// Its output, once it has finished, or why there is none; waits for ever.
    async fn output(&self, id: JobId) -> Result<Payload>;
}

#[async_trait]
impl Answers for Door {
    async fn metadata(&self, id: JobId) -> Result<Summary> {
        self.0.store.peek(id, self.0.now()).await
    }

    async fn job(&self, id: JobId) -> Result<Job> {
        self.0.store.get(id, self.0.now()).await
    }

    async fn webhook(&self, id: JobId) -> Result<Option<Delivery>> {
        webhook::delivery(&*self.0.store, &self.metadata(id).await?).await
    }

    async fn logs(&self, id: JobId, from: u64, limit: usize) -> Result<Vec<LogEntry>> {
        self.metadata(id).await?;
        self.0.store.read_log(id, from, limit).await
    }

    fn events(self: Arc<Self>, id: JobId, heard: Heard) -> BoxStream<'static, Result<(Heard, Event)>> {
        events::events(Host::behind(self), id, heard)
    }

    async fn cancel(&self, id: JobId, reason: &str) -> Result<()> {
        let host = &self.0;
        loop {
            let Job { spec, state } = host.store.get(id, host.now()).await?;
            let Ok(next) = state.cancel(reason, host.now()) else { return Err(Error::Finished(id)) };
            if next.version != state.version {
                match host.store.advance(id, &next).await {
                    Ok(()) => {}
                    // It moved on meanwhile: look again.
                    Err(Error::Conflict(_)) => continue,
                    Err(error) => return Err(error),
                }
            }
            match (state.phase, next.phase) {
                (Phase::Pending { run_at }, _) => {
                    host.webhooks.finished(&spec);
                    host.forgo(&spec, run_at);
                }
                (_, Phase::Running { worker, .. }) if worker == host.worker => host.running.cancel(id),
                _ => {}
            }
            host.hub.look(id);
            return Ok(());
        }
    }

    async fn finished(&self, id: JobId) -> Result<Summary> {
        self.ended(id).await.map(|job| job.summary())
    }

    async fn output(&self, id: JobId) -> Result<Payload> {
        self.ended(id).await?.output()
    }
}

impl Door {
    /// The job, once it has finished. Subscribes before it looks, so that no end slips in between.
    async fn ended(&self, id: JobId) -> Result<Job> {
        let host = &self.0;
        let mut news = host.hub.subscribe(id);
        let mut own = host.running.holds(id);
        loop {
            if !own && host.look(id).await?.status.is_finished() {
                return host.store.get(id, host.now()).await;
            }
            match news.next().await {
                News::Finished(job) => return Ok(Job::clone(&job)),
                News::Look => {
                    own = false;
                    host.store.ready().await?;
                }
            }
        }
    }
}
