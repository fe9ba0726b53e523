//! One try of one delivery, from its claim to what is kept of how it went.
//!
//! The claim is a note that is written and read again, no lock: two hosts that look at the same moment may both send, and the receiver
//! knows it by the `webhook-id`. That is rare, and cheaper than a promise that a crash would break anyway.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::config::WebhookConfig;
use super::keep::put;
use super::message::Message;
use super::note::{self, Outstanding, Over};
use super::secrets::WebhookSecrets;
use super::told;
use super::turns::{LEASE, Tried, Turn};
use super::url::{HostName, WebhookUrl};
use crate::client::parcel::{Answer, Parcel, Postman};
use crate::clock::Clock;
use crate::error::{Error, Result, chain};
use crate::host::Inner;
use crate::id::{JobId, WorkerId};
use crate::job::Summary;
use crate::store::{self, Store};
use crate::time::Timestamp;

/// Longest a try may take, from the name's address to the answer.
const TRY: Duration = Duration::from_secs(10);
/// Most addresses of a machine that are tried.
const ADDRESSES: usize = 3;
/// Longest reason that is kept of why a try failed, in bytes.
const REASON: usize = 300;

/// What all tries share.
#[derive(Debug)]
pub(super) struct Sending {
    store: Arc<dyn Store>,
    clock: Clock,
    worker: WorkerId,
    config: WebhookConfig,
    secrets: WebhookSecrets,
    postman: Postman,
    /// How long after the host that tried it last this one comes: others wait for another while.
    behind: Duration,
}

impl Sending {
    pub(super) fn of(inner: &Inner) -> Self {
        let (store, clock) = (Arc::clone(&inner.store), inner.settings.clock.clone());
        Self {
            secrets: WebhookSecrets::new(Arc::clone(&store), clock.clone()),
            store,
            clock,
            worker: inner.worker,
            config: inner.settings.webhook.clone(),
            postman: Postman::default(),
            behind: Duration::from_secs(5) + Duration::from_secs(5).mul_f64(at_random()),
        }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// When this host may try what such a note is of; `None`: at once.
    pub(super) fn due(&self, outstanding: &Outstanding) -> Option<Timestamp> {
        outstanding.due(self.worker, self.behind).filter(|at| *at > self.now())
    }

    /// All deliveries that are not over, those of older jobs first.
    pub(super) async fn outstanding(&self) -> Result<Vec<(JobId, Outstanding)>> {
        told::outstanding(&*self.store).await
    }

    /// The note of a delivery that is not over.
    pub(super) async fn note(&self, id: JobId) -> Result<Option<Outstanding>> {
        let note = store::note(&*self.store, &note::due(id)).await?;
        Ok(note.map(|note| Outstanding::read(&note.bytes)))
    }

    /// The job, if it has finished, and where its webhook goes. A note of a job that is gone goes too.
    pub(super) async fn finished(&self, id: JobId, note: &Outstanding) -> Result<Option<(Summary, WebhookUrl)>> {
        let job = match self.store.peek(id, self.now()).await {
            Ok(job) => job,
            // It may be about to come.
            Err(Error::NotFound { .. }) if !note.is_orphaned(self.now()) && note.attempts == 0 => return Ok(None),
            Err(Error::NotFound { .. } | Error::Expired(_)) => {
                self.store.remove_note(&note::due(id)).await?;
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let url = job.options.webhook.clone().filter(|_| job.status.is_finished());
        Ok(url.map(|url| (job, url)))
    }

    /// Tries it once, if it is still to be tried. Says when the next try is due, if there is one.
    pub(super) async fn send(&self, id: JobId) -> Option<Timestamp> {
        match self.tried(id).await {
            Ok(next) => next,
            Err(error) => {
                tracing::warn!(job = %id, error = error.chain(), "a webhook could not be sent; trying again");
                Some(self.now().plus(LEASE))
            }
        }
    }

    async fn tried(&self, id: JobId) -> Result<Option<Timestamp>> {
        let Some(found) = self.note(id).await? else { return Ok(None) };
        if let Some(later) = self.due(&found) {
            return Ok(Some(later));
        }
        let Some((job, url)) = self.finished(id, &found).await? else { return Ok(None) };
        let claimed = found.claimed(self.worker, self.now());
        put(&*self.store, id, &claimed).await?;
        if !self.holds(id, &claimed).await? {
            return Ok(None);
        }
        let tried = self.post(&job, &url).await?;
        // It may have taken so long that another host took it over.
        if !self.holds(id, &claimed).await? {
            return Ok(None);
        }
        match claimed.after(tried, self.now(), self.config.retry_for, at_random()) {
            Turn::Again(again) => {
                tracing::debug!(job = %id, ?url, error = again.error, attempts = again.attempts, "a webhook was not taken");
                put(&*self.store, id, &again).await?;
                Ok(again.next)
            }
            Turn::Over(over) => self.over(id, &url, &over).await.map(|()| None),
        }
    }

    /// Whether nobody else has it by now.
    async fn holds(&self, id: JobId, claimed: &Outstanding) -> Result<bool> {
        Ok(self.note(id).await?.as_ref() == Some(claimed))
    }

    async fn over(&self, id: JobId, url: &WebhookUrl, over: &Over) -> Result<()> {
        let Over { attempts, error, delivered, .. } = over;
        if *delivered {
            tracing::debug!(job = %id, ?url, attempts, "a webhook was delivered");
        } else {
            tracing::warn!(job = %id, ?url, attempts, error, "a webhook was given up: nobody was told that the job has finished");
        }
        let bytes = serde_json::to_vec(over).map_err(|error| Error::fault("webhook", error))?;
        self.store.put_note(&note::done(id), &bytes).await?;
        self.store.remove_note(&note::due(id)).await?;
        // Who removed the job meanwhile did not see this.
        if let Err(Error::NotFound { .. }) = self.store.peek(id, self.now()).await {
            self.store.remove_note(&note::done(id)).await?;
        }
        Ok(())
    }

    async fn post(&self, job: &Summary, url: &WebhookUrl) -> Result<Tried> {
        let secrets = self.secrets.current(job.options.principal.as_deref()).await?;
        let message = Message::of(job, &secrets, self.now())?;
        let status = match tokio::time::timeout(TRY, self.exchange(url, &message)).await {
            Err(_) => return Ok(Tried::Failed(format!("no answer within {}", humantime::format_duration(TRY)))),
            Ok(Err(why)) => return Ok(Tried::Failed(crate::failure::clean(&why, REASON))),
            Ok(Ok(answer)) => {
                let status = answer.status();
                answer.end().await;
                status
            }
        };
        Ok(match status {
            200..=299 => Tried::Taken,
            410 => Tried::Gone("answered 410: it wants no more".into()),
            300..=399 => Tried::Failed(format!("answered {status}: redirects are not followed")),
            _ => Tried::Failed(format!("answered {status}")),
        })
    }

    async fn exchange(&self, url: &WebhookUrl, message: &Message) -> Result<Answer, String> {
        let addresses = self.addresses(url).await?;
        let name = match &url.host {
            HostName::Name(name) => name.clone(),
            HostName::Address(address) => address.to_string(),
        };
        let (authority, path) = (url.authority(), url.path());
        let Message { headers, body } = message;
        let parcel = Parcel { tls: url.tls, name: &name, authority: &authority, path: &path, headers, body };
        self.postman.post(&addresses, &parcel).await.map_err(|cause| chain(&*cause))
    }

    /// Where it may be sent. What is connected to are these very addresses: a name that leads elsewhere a moment later leads nobody.
    async fn addresses(&self, url: &WebhookUrl) -> Result<Vec<SocketAddr>, String> {
        let found: Vec<SocketAddr> = match &url.host {
            HostName::Address(address) => vec![(*address, url.port).into()],
            HostName::Name(name) => {
                let found = tokio::net::lookup_host((name.as_str(), url.port)).await;
                found.map_err(|error| format!("{name} has no address: {error}"))?.collect()
            }
        };
        let may: Vec<_> =
            found.iter().copied().filter(|found| self.config.permits(found.ip())).take(ADDRESSES).collect();
        if may.is_empty() {
            tracing::debug!(?url, ?found, "a webhook leads to no address that may be sent to");
            return Err(format!("{} is no public address, and nothing is sent to any other", url.host));
        }
        Ok(may)
    }
}

/// A number from 0 to 1.
fn at_random() -> f64 {
    // Without random numbers, all come at the same time: that is worse, and no failure.
    f64::from(getrandom::u32().unwrap_or(u32::MAX / 2)) / f64::from(u32::MAX)
}
