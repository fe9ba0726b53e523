//! Reads one job: its records alone, or with its payloads.

use bytes::Bytes;
use redis::Value;

use super::RedisStore;
use super::answer;
use super::row::{self, Damaged};
use crate::error::{Error, Result};
use crate::id::JobId;
use crate::job::Job;
use crate::store::record::Record;
use crate::time::Timestamp;

/// A record, and the bytes that stay with it.
#[derive(Debug)]
pub(super) struct Whole {
    pub(super) record: Record,
    pub(super) input: Bytes,
    pub(super) output: Bytes,
}

impl RedisStore {
    pub(super) async fn whole(&self, id: JobId) -> Result<Whole> {
        let [spec, state, version, status, input, output] = self.hash(id, &["s", "t", "v", "c", "i", "u"]).await?;
        let record = row::fields(id, [spec, state, version, status])?;
        let record = record.ok_or_else(|| Error::not_found("job", id))?.map_err(Damaged::error)?;
        let inline = |value| answer::optional(value).map(Option::unwrap_or_default);
        Ok(Whole { record, input: inline(input)?, output: inline(output)? })
    }

    pub(super) async fn record(&self, id: JobId) -> Result<Record> {
        let record = row::fields(id, self.hash(id, &["s", "t", "v", "c"]).await?)?;
        record.ok_or_else(|| Error::not_found("job", id))?.map_err(Damaged::error)
    }

    async fn hash<const N: usize>(&self, id: JobId, fields: &[&str; N]) -> Result<[Value; N]> {
        let key = self.main.target.key("j:", id.as_bytes());
        answer::parts(self.main.ask(redis::cmd("HMGET").arg(key).arg(&fields[..])).await?)
    }

    /// The job, its payloads read from where they are.
    pub(super) async fn load(&self, whole: Whole) -> Result<Job> {
        let Whole { record, input, output } = whole;
        let id = record.spec().id;
        let corrupt = |damage| Damaged { id, version: Bytes::new(), damage }.error();
        let input = self.payloads.read(&record.input, input).await?.map_err(corrupt)?;
        let output = match &record.output {
            Some(stored) => Some(self.payloads.read(stored, output).await?.map_err(corrupt)?),
            None => None,
        };
        Ok(record.into_job(input, output))
    }

    pub(super) async fn read(&self, id: JobId, now: Timestamp) -> Result<Job> {
        let whole = self.whole(id).await?;
        whole.record.unexpired(now)?;
        match self.load(whole).await {
            // Its pieces go with it: it may have been removed in between.
            Err(Error::Corrupt { why, what }) => self.record(id).await.and(Err(Error::Corrupt { what, why })),
            job => job,
        }
    }
}
