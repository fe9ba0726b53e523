//! Changes the state of a job, if nobody else has meanwhile.

use super::KeyedStore;
use super::payloads::Placed;
use super::row::{ASIDE, Found};
use super::tries::Tries;
use crate::error::{Error, Result};
use crate::id::JobId;
use crate::job::State;
use crate::store::codec::Damage;
use crate::store::record::corrupt;

impl KeyedStore {
    pub(super) async fn swap(&self, id: JobId, next: &State) -> Result<()> {
        let output = self.place_output(&next.phase).await?;
        let swapped = self.swap_placed(id, next, output.as_ref()).await;
        if swapped.is_err() {
            self.discard(&[output.as_ref()], &swapped).await;
        }
        swapped
    }

    async fn swap_placed(&self, id: JobId, next: &State, output: Option<&Placed>) -> Result<()> {
        let mut tries = Tries::default();
        loop {
            let found = self.found(id).await?;
            allows(&found, next)?;
            let mut draft = self.draft();
            draft.replace(id, Some(&found), Some(&found.row.advanced(next, output)));
            if let Some(pieces) = output.and_then(|output| output.pieces.as_ref()) {
                draft.claim(pieces);
            }
            draft.tell(id);
            if self.commit(draft).await? {
                return Ok(());
            }
            tries.again().await?;
        }
    }

    /// Sets a damaged record aside, so that taking and listing do not meet it again, unless it has changed; says whether it had not.
    pub(super) async fn set_aside(&self, found: &Found, damage: &Damage) -> Result<bool> {
        tracing::error!(job = %found.id, why = %damage, "a record is damaged and set aside");
        let mut draft = self.draft();
        draft.replace(found.id, Some(found), Some(&found.row.aside()));
        self.commit(draft).await
    }
}

/// Whether this state comes right after the one that was found.
fn allows(found: &Found, next: &State) -> Result<()> {
    let facts = &found.row.facts;
    if facts.version.checked_add(1) != Some(next.version) {
        return Err(Error::Conflict(found.id));
    }
    match facts.status {
        ASIDE => Err(corrupt((found.id, Damage::new("it was set aside")))),
        _ if facts.is_finished() => Err(Error::Finished(found.id)),
        _ => Ok(()),
    }
}
