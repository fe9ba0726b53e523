//! Adds a job: its row, its idempotency key, and its places in the indexes.

use super::payloads::Placed;
use super::row::{Found, Row};
use super::tries::Tries;
use super::{KeyedStore, keys};
use crate::error::{Error, Result};
use crate::id::JobId;
use crate::job::Job;
use crate::store::Inserted;
use crate::time::Timestamp;

impl KeyedStore {
    pub(super) async fn add(&self, job: &Job) -> Result<Inserted> {
        let input = self.place(&job.spec.input).await?;
        let output = match self.place_output(&job.state.phase).await {
            Ok(output) => output,
            Err(error) => {
                let failed = Err::<(), _>(error);
                self.discard(&[Some(&input)], &failed).await;
                return failed.map(|()| Inserted::New);
            }
        };
        let inserted = self.add_placed(job, &input, output.as_ref()).await;
        if !matches!(inserted, Ok(Inserted::New)) {
            self.discard(&[Some(&input), output.as_ref()], &inserted).await;
        }
        inserted
    }

    async fn add_placed(&self, job: &Job, input: &Placed, output: Option<&Placed>) -> Result<Inserted> {
        let (id, row) = (job.spec.id, Row::of(job, input, output));
        let named = row.facts.key.map(|(key, _)| keys::key(keys::NAMED, &[&key]));
        let mut tries = Tries::default();
        loop {
            let wanted: Vec<_> = [keys::job(id)].into_iter().chain(named.clone()).collect();
            let mut read = self.read_all(wanted).await?.into_iter();
            let (there, holder) = (read.next().flatten(), read.next().flatten());
            if let Some(other) = self.holder(holder.as_deref(), id, job.spec.created).await? {
                return Ok(Inserted::Existing(other));
            }
            if there.is_some() {
                return Err(Error::Conflict(id));
            }
            let mut draft = self.draft();
            draft.replace(id, None, Some(&row));
            draft.begin_log(id, &self.name(), row.facts.principal.as_deref());
            if let Some(named) = &named {
                draft.expect(named.clone(), holder);
                draft.put(named.clone(), id.as_bytes().to_vec());
            }
            for placed in [Some(input), output].into_iter().flatten() {
                placed.pieces.iter().for_each(|pieces| draft.claim(pieces));
            }
            draft.tell(id);
            if self.commit(draft).await? {
                return Ok(Inserted::New);
            }
            tries.again().await?;
        }
    }

    /// The job that an idempotency key names, unless that is this one or has let go of it.
    async fn holder(&self, named: Option<&[u8]>, id: JobId, now: Timestamp) -> Result<Option<JobId>> {
        let Some(holder) = named.and_then(keys::job_at_end).filter(|holder| *holder != id) else { return Ok(None) };
        let holds = match self.find(holder).await? {
            None => false,
            Some(Ok(Found { row, .. })) => row.facts.holds_key(now),
            // Whatever it is, it was not removed.
            Some(Err(_)) => true,
        };
        Ok(Some(holder).filter(|_| holds))
    }
}
