//! Where jobs that are being started will run: in slots that are held for them, or ahead, in slots that will soon be free.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::ahead::Lead;
use crate::running::Stop;

/// How long a job that went ahead waits for a slot, and looks as if it ran, before it is given back.
const PATIENCE: Duration = Duration::from_millis(50);

/// Room for so many jobs that are about to be started.
#[derive(Debug)]
pub(crate) enum Places {
    /// Slots that nobody else has.
    Slots(OwnedSemaphorePermit),
    /// None yet.
    Ahead(Lead),
}

impl Places {
    pub(crate) fn count(&self) -> usize {
        match self {
            Self::Slots(slots) => slots.num_permits(),
            Self::Ahead(lead) => lead.jobs(),
        }
    }

    /// Parts with the place of one job, if there is one.
    pub(crate) fn split(&mut self) -> Option<Self> {
        match self {
            Self::Slots(slots) => slots.split(1).map(Self::Slots),
            Self::Ahead(lead) => lead.split().map(Self::Ahead),
        }
    }

    /// The slot of the one job that has this place, if there is one now; else the place.
    pub(crate) fn slot_now(self, slots: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, Self> {
        match self {
            Self::Slots(slot) => Ok(slot),
            Self::Ahead(_) => Arc::clone(slots).try_acquire_owned().map_err(|_| self),
        }
    }

    /// The slot of the one job that has this place. `None` when it is to stop before it has begun: because somebody wants it
    /// stopped, or because no slot came in time, and then it is to be given back.
    pub(crate) async fn slot(self, slots: &Arc<Semaphore>, stop: &Stop) -> Option<OwnedSemaphorePermit> {
        let lead = match self {
            Self::Slots(slot) => return Some(slot),
            Self::Ahead(lead) => lead,
        };
        if let Ok(slot) = Arc::clone(slots).try_acquire_owned() {
            return Some(slot);
        }
        let waited = stop.cancel.run_until_cancelled(tokio::time::timeout(PATIENCE, Arc::clone(slots).acquire_owned()));
        match waited.await? {
            // Never closed, so that an error is none.
            Ok(slot) => slot.ok(),
            Err(_late) => {
                lead.in_vain();
                stop.release();
                None
            }
        }
    }
}
