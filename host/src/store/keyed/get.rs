//! Reads one job: its records alone, or with its payloads.

use super::row::Found;
use super::{KeyedStore, keys};
use crate::error::{Error, Result};
use crate::id::JobId;
use crate::job::Job;
use crate::store::record::{Checked, Record, corrupt};
use crate::time::Timestamp;

impl KeyedStore {
    /// The row of a job; `None`: there is none.
    pub(super) async fn find(&self, id: JobId) -> Result<Option<Checked<Found>>> {
        let raw = self.read(keys::job(id)).await?;
        Ok(raw.map(|raw| Found::read(id, raw).map_err(|damage| (id, damage))))
    }

    pub(super) async fn found(&self, id: JobId) -> Result<Found> {
        self.find(id).await?.ok_or_else(|| Error::not_found("job", id))?.map_err(corrupt)
    }

    pub(super) async fn record(&self, id: JobId) -> Result<Record> {
        self.found(id).await?.record().map_err(|damage| corrupt((id, damage)))
    }

    pub(super) async fn job(&self, id: JobId, now: Timestamp) -> Result<Job> {
        let found = self.found(id).await?;
        let record = found.record().map_err(|damage| corrupt((id, damage)))?;
        record.unexpired(now)?;
        match self.load(record, &found).await {
            // Its pieces go with it: it may have been removed in between.
            Err(Error::Corrupt { what, why }) => self.record(id).await.and(Err(Error::Corrupt { what, why })),
            job => job,
        }
    }

    /// The job, its payloads read from where they are.
    pub(super) async fn load(&self, record: Record, found: &Found) -> Result<Job> {
        let damaged = |damage| corrupt((found.id, damage));
        let input = self.load_payload(&record.input, found.row.input.clone()).await?.map_err(damaged)?;
        let output = match &record.output {
            Some(stored) => Some(self.load_payload(stored, found.row.output.clone()).await?.map_err(damaged)?),
            None => None,
        };
        Ok(record.into_job(input, output))
    }
}
