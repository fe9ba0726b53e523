//! Forgets a job with all that is kept of it.

use super::draft::Draft;
use super::log::End;
use super::row::Found;
use super::tally::signed;
use super::tries::Tries;
use super::{KeyedStore, keys};
use crate::error::Result;
use crate::id::JobId;

impl KeyedStore {
    /// Whether there was such a job.
    pub(super) async fn forget(&self, id: JobId) -> Result<bool> {
        let mut tries = Tries::default();
        loop {
            let [raw, end] = self.read_each([keys::job(id), keys::log(id)]).await?;
            let Some(raw) = raw else { return Ok(false) };
            let (mut draft, mut orphans) = (self.draft(), Vec::new());
            draft.expect(keys::log(id), end.clone());
            draft.delete(keys::log(id));
            let end = end.and_then(|end| End::read(&end).ok());
            match Found::read(id, raw.clone()) {
                Ok(found) => {
                    draft.replace(id, Some(&found), None);
                    orphans.extend(found.row.facts.pieces.iter().filter_map(|name| hex::decode(name).ok()));
                    let lines = signed(end.as_ref().map_or(0, |end| end.bytes));
                    draft.count(found.row.facts.principal.as_deref(), |tally| tally.stored -= lines);
                    self.let_go(&mut draft, &found).await?;
                }
                Err(damage) => {
                    tracing::warn!(job = %id, why = %damage, "a job was removed that nothing is known of any more");
                    draft.expect(keys::job(id), Some(raw));
                    draft.delete(keys::job(id));
                }
            }
            orphans.extend(end.filter(|end| end.lines > 0).map(|end| end.name));
            orphans.iter().for_each(|name| draft.orphan(name));
            draft.tell(id);
            if self.commit(draft).await? {
                self.tidy(orphans).await;
                return Ok(true);
            }
            tries.again().await?;
        }
    }

    /// Frees the idempotency key of a job, if it still names it.
    async fn let_go(&self, draft: &mut Draft, found: &Found) -> Result<()> {
        let Some((key, _)) = found.row.facts.key else { return Ok(()) };
        let named = keys::key(keys::NAMED, &[&key]);
        let holder = self.read(named.clone()).await?;
        if holder.as_deref() == Some(found.id.as_bytes()) {
            draft.expect(named.clone(), holder);
            draft.delete(named);
        }
        Ok(())
    }
}
