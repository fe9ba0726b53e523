//! Lists: which indexes a query reads, and what is checked job by job.

use bytes::Bytes;
use redis::Value;

use super::RedisStore;
use super::answer::{self, decimal, own, sortable};
use super::row::{self, Damaged};
use super::scripts;
use crate::error::Result;
use crate::id::JobId;
use crate::job::{Status, Summary};
use crate::store::columns::Tag;
use crate::store::record::{Record, status_code};
use crate::store::{Filter, Query};
use crate::time::Timestamp;

/// Jobs of each index that one script looks at.
const BATCH: usize = 200;

impl RedisStore {
    /// Reads what `query` asks for. Damaged records are left out: `get` says what is wrong with each.
    pub(super) async fn list(&self, query: &Query) -> Result<Vec<Summary>> {
        match query {
            Query::List { filter, before, limit, now } => self.newest(filter, *before, *limit, *now).await,
            Query::Expired { now, limit } => self.expired(*now, *limit).await,
        }
    }

    async fn newest(
        &self,
        filter: &Filter,
        before: Option<JobId>,
        limit: usize,
        now: Timestamp,
    ) -> Result<Vec<Summary>> {
        let indexes = indexes(filter);
        let mut before = before;
        let mut found = Vec::new();
        // A filter that passes few is looked through in larger steps.
        let mut batch = limit.saturating_add(1).min(BATCH);
        while found.len() < limit {
            let page = self.page(&indexes, before, batch).await?;
            for record in page.records {
                let job = record.summary();
                if found.len() < limit && job.expires.is_none_or(|at| at > now) && filter.passes(&job) {
                    found.push(job);
                }
            }
            batch = BATCH;
            before = page.end;
            if before.is_none() {
                break;
            }
        }
        Ok(found)
    }

    /// Some records below the cursor, newest first, without gap.
    async fn page(&self, indexes: &[Bytes], before: Option<JobId>, batch: usize) -> Result<Page> {
        let below = before.map_or(Bytes::from_static(b"+"), |id| own([b"(", &id.as_bytes()[..]].concat()));
        let mut args = vec![below, decimal(batch)];
        args.extend_from_slice(indexes);
        let (mut rows, mut end) = (Vec::new(), None);
        for list in answer::array(self.main.run(&scripts::LIST, &args).await?)? {
            let list: Vec<(JobId, Value)> = answer::array(list)?.into_iter().map(with_id).collect::<Result<_>>()?;
            if list.len() == batch {
                // What other lists have below this one's end comes with the next page.
                end = end.max(list.last().map(|(id, _)| *id));
            }
            rows.extend(list);
        }
        rows.retain(|(id, _)| end.is_none_or(|end| *id >= end));
        rows.sort_unstable_by_key(|(id, _)| std::cmp::Reverse(*id));
        rows.dedup_by_key(|(id, _)| *id);
        Ok(Page {
            records: rows.into_iter().filter_map(|(_, row)| readable(row).transpose()).collect::<Result<_>>()?,
            end,
        })
    }

    async fn expired(&self, now: Timestamp, limit: usize) -> Result<Vec<Summary>> {
        let now = own(sortable(now.as_micros()));
        let (mut from, mut found) = (Bytes::from_static(b"-"), Vec::new());
        while found.len() < limit {
            let count = (limit - found.len()).min(BATCH);
            let [last, rows] =
                answer::parts(self.main.run(&scripts::EXPIRED, &[from, now.clone(), decimal(count)]).await?)?;
            for row in answer::array(rows)? {
                found.extend(readable(row)?.map(|record| record.summary()));
            }
            match answer::optional(last)? {
                Some(last) => from = own([b"(", &last[..]].concat()),
                None => break,
            }
        }
        Ok(found)
    }
}

struct Page {
    records: Vec<Record>,
    /// Where the next one begins, unless this is the last.
    end: Option<JobId>,
}

/// A row and its id; what comes of it is read only if it is needed.
fn with_id(row: Value) -> Result<(JobId, Value)> {
    let id = match &row {
        Value::Array(fields) => fields.first().cloned().unwrap_or_default(),
        _ => Value::Nil,
    };
    Ok((answer::id(&answer::bytes(id)?)?, row))
}

/// The record, unless it is gone or damaged.
fn readable(row: Value) -> Result<Option<Record>> {
    Ok(match row::read(row)? {
        Some(Ok(record)) => Some(record),
        Some(Err(Damaged { id, damage, .. })) => {
            tracing::warn!(job = %id, why = %damage, "a damaged record is left out of a list");
            None
        }
        None => None,
    })
}

/// Those that let the fewest pass, as far as one can guess, and all that the filter lets.
fn indexes(filter: &Filter) -> Vec<Bytes> {
    if let Some(tag) = Tag::narrowest(filter) {
        return vec![own([b"t:", &tag.bytes()[..]].concat())];
    }
    let of = |status: &Status| Bytes::from(format!("st:{}", status_code(*status)));
    if filter.status.is_empty() { Status::ALL.iter().map(of).collect() } else { filter.status.iter().map(of).collect() }
}
