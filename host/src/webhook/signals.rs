//! What a host and its deliverer tell each other. Where nothing is delivered, nobody hears it, and it costs next to nothing.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::id::JobId;
use crate::job::Spec;

/// What a host and its deliverer tell each other.
#[derive(Debug, Default)]
pub(crate) struct Signals {
    pub(super) finished: OnceLock<mpsc::Sender<JobId>>,
    pub(super) stirred: Arc<Notify>,
    /// Fires when what is under way is to be left.
    pub(super) stop: CancellationToken,
    /// Hears nothing, and that its sender is gone, once the deliverer has done its last.
    pub(super) over: Mutex<Option<oneshot::Receiver<()>>>,
}

impl Signals {
    /// This job has finished here.
    pub(crate) fn finished(&self, spec: &Spec) {
        if spec.options.webhook.is_some() {
            self.may_have_finished(spec.id);
        }
    }

    /// This job has, and may have a webhook.
    pub(crate) fn may_have_finished(&self, id: JobId) {
        // When too many have finished at once, the look at all of them finds the rest.
        if self.finished.get().is_some_and(|finished| finished.try_send(id).is_err()) {
            self.stir();
        }
    }

    /// Others may have finished something.
    pub(crate) fn stir(&self) {
        self.stirred.notify_one();
    }

    /// Waits until what is under way has been sent, for this long at most.
    pub(crate) async fn over(&self, grace: Duration) {
        let over = self.over.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut over) = over else { return };
        if tokio::time::timeout(grace, &mut over).await.is_err() {
            self.stop.cancel();
            // It leaves what it waits for, and ends; a panic of it was logged when it happened.
            drop(over.await);
        }
    }
}
