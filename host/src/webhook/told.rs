//! How the delivery of a webhook stands, as it is told.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::note::{self, Outstanding, Over};
use super::url::WebhookUrl;
use crate::error::{Error, Result};
use crate::host::Inner;
use crate::id::JobId;
use crate::job::Summary;
use crate::store::{self, Store};
use crate::time::Timestamp;

/// Notes that are looked through in one go.
const MOST: usize = 100_000;

/// How the delivery of a job's webhook stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// Where it goes.
    pub url: WebhookUrl,
    /// What comes next, or what came of it.
    #[serde(flatten)]
    pub phase: DeliveryPhase,
    /// How often it was tried.
    pub attempts: u32,
    /// Why the last try that failed did.
    pub error: Option<String>,
}

/// What comes next of a delivery, or what came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum DeliveryPhase {
    /// It is to be tried.
    Waiting {
        /// Not before this. `None`: when the job has finished.
        next: Option<Timestamp>,
    },
    /// The receiver took it.
    Delivered {
        /// When.
        at: Timestamp,
    },
    /// The receiver did not take it, and nothing more is sent.
    GaveUp {
        /// When.
        at: Timestamp,
    },
}

/// How it stands. `None` for a job that has no webhook.
pub(crate) async fn delivery(store: &dyn Store, job: &Summary) -> Result<Option<Delivery>> {
    let Some(url) = job.options.webhook.clone() else { return Ok(None) };
    // In this order: the second is written before the first goes.
    if let Some(store::Note { bytes, .. }) = store::note(store, &note::due(job.id)).await? {
        let Outstanding { attempts, error, next, .. } = Outstanding::read(&bytes);
        return Ok(Some(Delivery { url, phase: DeliveryPhase::Waiting { next }, attempts, error }));
    }
    let Some(store::Note { bytes, .. }) = store::note(store, &note::done(job.id)).await? else { return Ok(None) };
    let what = || format!("the note of the webhook of job {}", job.id);
    let Over { attempts, error, at, delivered } =
        serde_json::from_slice(&bytes).map_err(|error| Error::Corrupt { what: what(), why: error.to_string() })?;
    let phase = if delivered { DeliveryPhase::Delivered { at } } else { DeliveryPhase::GaveUp { at } };
    Ok(Some(Delivery { url, phase, attempts, error }))
}

/// All deliveries that are not over, those of older jobs first.
pub(super) async fn outstanding(store: &dyn Store) -> Result<Vec<(JobId, Outstanding)>> {
    let notes = store.notes(note::DUE, MOST).await?;
    Ok(notes.iter().filter_map(|note| Some((note::job(&note.name)?, Outstanding::read(&note.bytes)))).collect())
}

/// Whether a job that has finished has a webhook that is to be sent within this time.
pub(crate) async fn is_left(inner: &Inner, within: Duration) -> Result<bool> {
    let until = inner.now().plus(within);
    for (id, note) in outstanding(&*inner.store).await? {
        if note.next.is_some_and(|next| next > until) {
            continue;
        }
        match inner.store.peek(id, inner.now()).await {
            Ok(job) if job.status.is_finished() => return Ok(true),
            Ok(_) | Err(Error::NotFound { .. } | Error::Expired(_) | Error::Corrupt { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(false)
}
