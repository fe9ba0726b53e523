//! A job with a webhook comes and goes: its note is written before it is kept, and goes with it.

use std::sync::Arc;

use futures::future::try_join_all;
use tokio::sync::oneshot;

use super::note::{self, Outstanding};
use crate::error::{Error, Result};
use crate::host::Inner;
use crate::id::JobId;
use crate::job::Spec;
use crate::scheduler::Told;
use crate::store::{self, Inserted, Store};

/// As [`Inner::insert`], for a job with a webhook. The note comes first: a job that is kept without one would be told of to nobody,
/// and a note without a job does no harm.
pub(crate) async fn insert(inner: Arc<Inner>, spec: Spec, told: Told) {
    let (id, store) = (spec.id, Arc::clone(&inner.store));
    // Whoever asked may have gone: that is no reason not to keep the job, here and below.
    if let Err(error) = put(&*store, id, &Outstanding::new(inner.now())).await {
        return drop(told.send(Err(error)));
    }
    let (heard, inserted) = oneshot::channel();
    let answer = async {
        let inserted = inserted.await.unwrap_or_else(|error| Err(Error::fault("host", error)));
        // After an error the job may be kept; that is found out when its note is looked at.
        if let Ok((Inserted::Existing(_), _)) = &inserted {
            unneeded(&*store, id).await;
        }
        drop(told.send(inserted));
    };
    // It goes on to run the job.
    tokio::join!(inner.insert(spec, heard), answer);
}

/// Forgets the webhooks of jobs that are about to be removed: what came of them, and what was to come.
pub(crate) async fn forget(store: &dyn Store, ids: &[JobId]) -> Result<()> {
    let notes = ids.iter().flat_map(|id| [note::due(*id), note::done(*id)]);
    // All at once, so that the store can write them together.
    let gone = notes.map(async |name| match store::note(store, &name).await? {
        Some(_) => store.remove_note(&name).await.map(|_| ()),
        None => Ok(()),
    });
    try_join_all(gone).await.map(|_| ())
}

async fn unneeded(store: &dyn Store, id: JobId) {
    if let Err(error) = store.remove_note(&note::due(id)).await {
        // Nothing is sent for it, and later it is found to be of no job.
        tracing::debug!(job = %id, error = error.chain(), "the note of a webhook was left behind");
    }
}

/// Writes the note of a delivery that is not over.
pub(super) async fn put(store: &dyn Store, id: JobId, outstanding: &Outstanding) -> Result<()> {
    let bytes = serde_json::to_vec(outstanding).map_err(|error| Error::fault("webhook", error))?;
    store.put_note(&note::due(id), &bytes).await
}
