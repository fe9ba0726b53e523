//! Lists: which indexes a query reads, and what is checked job by job.

use bytes::Bytes;

use super::read::{PAGE, Pages};
use super::row::{self, Found};
use super::{KeyedStore, keys};
use crate::error::Result;
use crate::id::JobId;
use crate::job::{Status, Summary};
use crate::store::columns::Tag;
use crate::store::record::{Record, status_code};
use crate::store::{Filter, Query};
use crate::time::Timestamp;

/// Rows that are read at once, which may be large.
const ROWS: usize = 32;

impl KeyedStore {
    /// Reads what `query` asks for. Damaged records are left out: `get` says what is wrong with each.
    pub(super) async fn list(&self, query: &Query) -> Result<Vec<Summary>> {
        match query {
            Query::List { filter, before, limit, now } => self.newest(filter, *before, *limit, *now).await,
            Query::Expired { now, limit } => {
                self.tidy_orphans().await?;
                self.expired(*now, *limit).await
            }
        }
    }

    async fn newest(
        &self,
        filter: &Filter,
        before: Option<JobId>,
        limit: usize,
        now: Timestamp,
    ) -> Result<Vec<Summary>> {
        let (indexes, mut before, mut found) = (indexes(filter), before, Vec::new());
        // A filter that passes few is looked through in larger steps.
        let mut step = limit.saturating_add(1).min(PAGE);
        while found.len() < limit {
            let (records, end) = self.page(&indexes, before, step).await?;
            let jobs = records.into_iter().map(|record| record.summary());
            let live = jobs.filter(|job| job.expires.is_none_or(|at| at > now) && filter.passes(job));
            found.extend(live.take(limit - found.len()));
            (step, before) = (PAGE, end);
            if before.is_none() {
                break;
            }
        }
        Ok(found)
    }

    /// Some records below the cursor, newest first and without gap, and where the next begin.
    async fn page(
        &self,
        indexes: &[Bytes],
        before: Option<JobId>,
        step: usize,
    ) -> Result<(Vec<Record>, Option<JobId>)> {
        let (mut ids, mut end) = (Vec::new(), None);
        for prefix in indexes {
            let below = before.map_or_else(|| keys::end(prefix), |id| keys::key_of(prefix, id));
            let mut pages = Pages::between(prefix.clone(), below).backwards();
            let some = pages.next(self, step).await?;
            let some: Vec<_> = some.iter().filter_map(|(key, _)| keys::job_at_end(key)).collect();
            if some.len() == step {
                // What other indexes have below this one's end comes with the next page.
                end = end.max(some.last().copied());
            }
            ids.extend(some);
        }
        ids.retain(|id| end.is_none_or(|end| *id >= end));
        ids.sort_unstable_by(|one, other| other.cmp(one));
        ids.dedup();
        let (records, gone) = self.records(&ids).await?;
        let mut keys = Vec::new();
        for prefix in indexes.iter().filter(|prefix| prefix[..] != [keys::JOB]) {
            keys.extend(gone.iter().map(|id| (*id, keys::key_of(prefix, *id))));
        }
        self.strike_gone(keys).await;
        Ok((records, end))
    }

    async fn expired(&self, now: Timestamp, limit: usize) -> Result<Vec<Summary>> {
        let to = keys::end(&keys::key(keys::EXPIRING, &[&keys::sortable(now)]));
        let (mut pages, mut found) = (Pages::between(Bytes::from_static(&[keys::EXPIRING]), to), Vec::new());
        while found.len() < limit && !pages.is_over() {
            let some = pages.next(self, limit - found.len()).await?;
            let ids: Vec<_> = some.iter().filter_map(|(key, _)| keys::job_at_end(key)).collect();
            let (records, gone) = self.records(&ids).await?;
            found.extend(records.into_iter().map(|record| record.summary()));
            let of = |(key, _): (Bytes, Bytes)| Some((keys::job_at_end(&key)?, key));
            self.strike_gone(some.into_iter().filter_map(of).filter(|(id, _)| gone.contains(id)).collect()).await;
        }
        Ok(found)
    }

    /// Those of these jobs that are there and can be read, and those that are not there.
    async fn records(&self, ids: &[JobId]) -> Result<(Vec<Record>, Vec<JobId>)> {
        let (mut records, mut gone) = (Vec::new(), Vec::new());
        for some in ids.chunks(ROWS) {
            let rows = self.read_all(some.iter().copied().map(keys::job).collect()).await?;
            for (id, raw) in some.iter().zip(rows) {
                match raw.map(|raw| Found::read(*id, raw).and_then(|found| found.record())) {
                    None => gone.push(*id),
                    Some(Ok(record)) => records.push(record),
                    Some(Err(why)) => tracing::warn!(job = %id, %why, "a damaged record is left out of a list"),
                }
            }
        }
        Ok((records, gone))
    }

    /// Takes keys out of indexes whose job is not there: of one whose row could not be read when it was removed.
    async fn strike_gone(&self, gone: Vec<(JobId, Bytes)>) {
        for (id, key) in gone {
            let mut draft = self.draft();
            draft.expect(keys::job(id), None);
            draft.delete(key);
            if let Err(error) = self.commit(draft).await {
                tracing::debug!(error = error.chain(), "a key of a job that is not there stays until it is met again");
            }
        }
    }
}

/// Those that let the fewest pass, as far as one can guess, and all that the filter lets: read in this order, a job that goes on
/// from one to another meanwhile is met at least once.
fn indexes(filter: &Filter) -> Vec<Bytes> {
    if let Some(tag) = Tag::narrowest(filter) {
        return vec![keys::key(keys::TAG, &[&row::tag(&tag.bytes())])];
    }
    if filter.status.is_empty() {
        return vec![Bytes::from_static(&[keys::JOB])];
    }
    let of = |status: Status| keys::key(keys::STATUS, &[&row::status_byte(status_code(status))]);
    let asked = |status: &Status| filter.status.contains(status);
    // What goes back to wait is met by looking there again.
    let again = Some(Status::Pending).filter(|status| asked(status) && asked(&Status::Running));
    Status::ALL.into_iter().filter(asked).chain(again).map(of).collect()
}
