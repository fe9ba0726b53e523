//! Lists: which index a query reads, and what is checked job by job.

use tokio_postgres::types::ToSql;

use super::lines::Lines;
use super::row::{self, head, job_uuid};
use crate::error::Result;
use crate::id::JobId;
use crate::job::{Status, Summary};
use crate::store::columns::Tag;
use crate::store::record::status_code;
use crate::store::{Filter, Query};
use crate::time::Timestamp;

/// Least and most rows that are read at one time where the filter may let few of them pass.
const PAGE: (usize, usize) = (64, 1024);

/// Reads what `query` asks for. Damaged records are left out: `get` says what is wrong with each.
pub(super) async fn scan(lines: &Lines, query: &Query) -> Result<Vec<Summary>> {
    match query {
        Query::List { filter, before, limit, now } => {
            List { lines, filter, limit: *limit, now: *now }.read(before.unwrap_or(JobId::from_bytes([0xff; 16]))).await
        }
        Query::Expired { now, limit } => {
            let sql = concat!("SELECT ", head!(), " FROM job WHERE expires <= $1 ORDER BY expires, id LIMIT $2");
            let limit = i64::try_from(*limit).unwrap_or(i64::MAX);
            let rows = lines.read(sql, &[&now.as_micros(), &limit]).await?;
            let mut found = Vec::new();
            for row in &rows {
                found.extend(summary(row)?);
            }
            Ok(found)
        }
    }
}

fn summary(found: &tokio_postgres::Row) -> Result<Option<Summary>> {
    Ok(match row::read(found)? {
        Ok(record) => Some(record.summary()),
        Err((id, damage)) => {
            tracing::warn!(job = %id, why = %damage, "a damaged record is left out of a list");
            None
        }
    })
}

struct List<'a> {
    lines: &'a Lines,
    filter: &'a Filter,
    limit: usize,
    now: Timestamp,
}

impl List<'_> {
    /// Page by page, each from a snapshot of its own, until there are enough that pass.
    async fn read(&self, mut before: JobId) -> Result<Vec<Summary>> {
        let mut found = Vec::new();
        let mut page = self.limit.clamp(PAGE.0, PAGE.1);
        while found.len() < self.limit {
            let rows = self.page(before, page).await?;
            for row in &rows {
                before = row::job_id(row, 0)?;
                found.extend(summary(row)?.filter(|job| self.filter.passes(job)));
            }
            if rows.len() < page {
                break;
            }
            page = (page * 2).min(PAGE.1);
        }
        found.truncate(self.limit);
        Ok(found)
    }

    async fn page(&self, before: JobId, most: usize) -> Result<Vec<tokio_postgres::Row>> {
        let (before, now) = (job_uuid(before), self.now.as_micros());
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let common: [&(dyn ToSql + Sync); 3] = [&before, &now, &most];
        match Tag::narrowest(self.filter) {
            Some(tag) => {
                let tag = tag.bytes();
                let params = [common.as_slice(), &[&tag]].concat();
                self.lines.read(WITH_TAG, &params).await
            }
            None => self.lines.read(of_statuses(&self.filter.status), &common).await,
        }
    }
}

/// A page ends with the last tag that was read, live or not, so those are what is counted.
const WITH_TAG: &str = concat!(
    "SELECT ",
    head!(),
    " FROM (SELECT tag.id AS tagged FROM tag WHERE tag = $4 AND tag.id < $1 ORDER BY tag.id DESC) tags
        CROSS JOIN LATERAL (SELECT * FROM job WHERE job.id = tagged AND (expires IS NULL OR expires > $2)) job
        ORDER BY tagged DESC LIMIT $3"
);

/// The jobs of these statuses, or of all when there are none, in one statement and so as they were at one moment. The literals let
/// PostgreSQL see which index will do.
fn of_statuses(statuses: &[Status]) -> String {
    const LIVE: &str = "id < $1 AND (expires IS NULL OR expires > $2) ORDER BY id DESC LIMIT $3";
    let of = |condition: String| format!("SELECT {} FROM job WHERE {condition}{LIVE}", head!());
    let mut codes: Vec<_> = statuses.iter().map(|status| status_code(*status)).collect();
    codes.sort_unstable();
    codes.dedup();
    if codes.is_empty() {
        return of(String::new());
    }
    if let [code] = codes.as_slice() {
        return of(format!("status = {code} AND "));
    }
    let each: Vec<_> = codes.iter().map(|code| format!("({})", of(format!("status = {code} AND ")))).collect();
    format!("{} ORDER BY id DESC LIMIT $3", each.join(" UNION ALL "))
}
