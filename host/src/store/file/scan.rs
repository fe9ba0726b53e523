//! Lists: which index a query reads, and what is checked job by job.

use rusqlite::{CachedStatement, Connection, ToSql, params};

use super::row::{self, select};
use crate::id::JobId;
use crate::job::Summary;
use crate::store::columns::Tag;
use crate::store::record::status_code;
use crate::store::{Filter, Query};
use crate::time::Timestamp;

/// Reads what `query` asks for. Damaged records are left out: `get` says what is wrong with each.
pub(super) fn scan(connection: &Connection, query: &Query) -> rusqlite::Result<Vec<Summary>> {
    match query {
        Query::List { filter, before, limit, now } => {
            let before = before.unwrap_or(JobId::from_bytes([0xff; 16]));
            List { connection, filter, before, limit: *limit, now: *now }.read()
        }
        Query::Expired { now, limit } => {
            let mut statement = connection.prepare_cached(select!(
                "1 FROM job WHERE expires IS NOT NULL AND expires <= ?1 ORDER BY expires, id"
            ))?;
            collect(&mut statement, params![now.as_micros()], *limit, |_| true)
        }
    }
}

struct List<'a> {
    connection: &'a Connection,
    filter: &'a Filter,
    before: JobId,
    limit: usize,
    now: Timestamp,
}

impl List<'_> {
    fn read(&self) -> rusqlite::Result<Vec<Summary>> {
        match (Tag::narrowest(self.filter), &*self.filter.status) {
            (Some(tag), _) => self.with_tag(tag),
            (None, []) => self.all(),
            (None, _) => self.with_status(),
        }
    }

    fn all(&self) -> rusqlite::Result<Vec<Summary>> {
        let mut statement = self.connection.prepare_cached(select!("1 FROM job WHERE id < ?1 ORDER BY id DESC"))?;
        self.collect(&mut statement, params![self.before.as_bytes()])
    }

    fn with_tag(&self, tag: Tag<'_>) -> rusqlite::Result<Vec<Summary>> {
        let mut statement = self.connection.prepare_cached(select!(
            "1 FROM (SELECT tag.id AS tagged FROM tag WHERE tag = ?2 AND tag.id < ?1 ORDER BY tag.id DESC)
                CROSS JOIN job ON job.id = tagged ORDER BY tagged DESC"
        ))?;
        self.collect(&mut statement, params![self.before.as_bytes(), tag.bytes()])
    }

    /// One index read a status; a status is one piece of the index, so each is in order by itself only.
    fn with_status(&self) -> rusqlite::Result<Vec<Summary>> {
        let mut found = Vec::new();
        for status in &self.filter.status {
            // The literal lets SQLite see that the index of what is not running will do, or the one of what is.
            let sql = match status_code(*status) {
                1 => select!("1 FROM job WHERE id < ?1 AND status = 1 AND ?2 = 1 ORDER BY id DESC"),
                _ => select!(
                    "1 FROM job INDEXED BY job_status WHERE id < ?1 AND status = ?2 AND status <> 1 ORDER BY id DESC"
                ),
            };
            let mut statement = self.connection.prepare_cached(sql)?;
            found.extend(self.collect(&mut statement, params![self.before.as_bytes(), status_code(*status)])?);
        }
        found.sort_unstable_by_key(|job| std::cmp::Reverse(job.id));
        found.dedup_by_key(|job| job.id);
        found.truncate(self.limit);
        Ok(found)
    }

    fn collect(&self, statement: &mut CachedStatement<'_>, params: &[&dyn ToSql]) -> rusqlite::Result<Vec<Summary>> {
        let live = |job: &Summary| job.expires.is_none_or(|at| at > self.now);
        collect(statement, params, self.limit, |job| live(job) && self.filter.passes(job))
    }
}

fn collect(
    statement: &mut CachedStatement<'_>,
    params: &[&dyn ToSql],
    limit: usize,
    passes: impl Fn(&Summary) -> bool,
) -> rusqlite::Result<Vec<Summary>> {
    let mut found = Vec::new();
    let mut rows = statement.query(params)?;
    while found.len() < limit
        && let Some(row) = rows.next()?
    {
        match row::read(row)? {
            Ok(record) => found.extend(Some(record.summary()).filter(|job| passes(job))),
            Err((id, damage)) => tracing::warn!(job = %id, why = %damage, "a damaged record is left out of a list"),
        }
    }
    Ok(found)
}
