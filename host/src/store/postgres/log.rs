//! The logs of jobs: an append is a row, or a few, so that a line costs no row of its own.

use super::lines::Lines;
use super::row::{self, column, job_uuid};
use super::session::{Step, params};
use crate::attempt::LogEntry;
use crate::error::{Error, Result};
use crate::id::JobId;
use crate::store::columns::signed;
use crate::store::{logged, record};

/// Lines of one row. Whoever reads a few lines reads the whole of a row.
const ROW: usize = 256;

/// Lines on their way to the end of a log.
#[derive(Debug)]
pub(super) struct Append {
    pub(super) id: JobId,
    pieces: Vec<Piece>,
    bytes: i64,
}

#[derive(Debug)]
struct Piece {
    offset: i64,
    count: i64,
    lines: Vec<u8>,
}

impl Append {
    pub(super) fn new(id: JobId, entries: &[LogEntry]) -> Self {
        let piece = |(number, entries): (usize, &[LogEntry])| Piece {
            offset: signed((number * ROW) as u64),
            count: signed(entries.len() as u64),
            lines: record::write_log(entries),
        };
        let pieces = entries.chunks(ROW).enumerate().map(piece).collect();
        Self { id, pieces, bytes: signed(logged(entries)) }
    }

    /// About how many bytes are sent.
    pub(super) fn weight(&self) -> usize {
        self.pieces.iter().map(|piece| piece.lines.len()).sum()
    }
}

/// Whoever appends to a log has the row of its job locked, so that no two give their lines one number.
const LOCK: &str = "SELECT id FROM job WHERE id = ANY($1::uuid[]) ORDER BY id FOR NO KEY UPDATE";
const ADD: &str = "INSERT INTO log (id, first, count, entries)
    SELECT n.id, n.from_next + coalesce((SELECT first + count FROM log WHERE log.id = n.id ORDER BY first DESC LIMIT 1), 0),
        n.count, n.entries
    FROM unnest($1::uuid[], $2::int8[], $3::int8[], $4::bytea[]) AS n(id, from_next, count, entries)
    WHERE EXISTS (SELECT 1 FROM job WHERE job.id = n.id)";
/// Only what is somebody's is held against a quota.
const COUNT: &str = "UPDATE job SET bytes = bytes + n.more FROM unnest($1::uuid[], $2::int8[]) AS n(id, more)
    WHERE job.id = n.id AND principal IS NOT NULL";

/// What appends these, of which no two are of one job. The first step answers which jobs there are.
pub(super) fn steps(appends: &[&Append]) -> Vec<Step> {
    let jobs: Vec<_> = appends.iter().map(|append| job_uuid(append.id)).collect();
    let more: Vec<_> = appends.iter().map(|append| append.bytes).collect();
    let mut steps = vec![Step::bound(LOCK, params![jobs.clone()])];
    let pieces = || appends.iter().flat_map(|append| append.pieces.iter().map(|piece| (append.id, piece)));
    let ids: Vec<_> = pieces().map(|(id, _)| job_uuid(id)).collect();
    if !ids.is_empty() {
        let offsets: Vec<_> = pieces().map(|(_, piece)| piece.offset).collect();
        let counts: Vec<_> = pieces().map(|(_, piece)| piece.count).collect();
        let entries: Vec<_> = pieces().map(|(_, piece)| piece.lines.clone()).collect();
        steps.push(Step::bound(ADD, params![ids, offsets, counts, entries]));
        steps.push(Step::bound(COUNT, params![jobs, more]));
    }
    steps
}

const READ: &str = "SELECT first, count, entries FROM log WHERE id = $1 AND first + count > $2
    AND first >= coalesce((SELECT max(first) FROM log WHERE id = $1 AND first <= $2), 0) ORDER BY first LIMIT $3";

/// Reads lines.
pub(super) async fn read(lines: &Lines, id: JobId, from: u64, limit: usize) -> Result<Vec<LogEntry>> {
    let Ok(start) = i64::try_from(from) else { return is_kept(lines, id).await.map(|()| Vec::new()) };
    // Each row has a line at least, and the first may have only some that are asked for.
    let most = signed(limit as u64).saturating_add(1);
    let rows = lines.read(READ, &[&job_uuid(id), &start, &most]).await?;
    if rows.is_empty() {
        return is_kept(lines, id).await.map(|()| Vec::new());
    }
    let mut found = Vec::new();
    for row in &rows {
        if found.len() >= limit {
            break;
        }
        let (first, count) = (column::<i64>(row, 0)?, row::count(row, 1)?);
        let entries = record::read_log(column(row, 2)?, count).map_err(|damage| record::corrupt((id, damage)))?;
        let skip = usize::try_from(start.saturating_sub(first)).unwrap_or(0);
        found.extend(entries.into_iter().skip(skip).take(limit - found.len()));
    }
    Ok(found)
}

async fn is_kept(lines: &Lines, id: JobId) -> Result<()> {
    let rows = lines.read("SELECT 1 FROM job WHERE id = $1", &[&job_uuid(id)]).await?;
    if rows.is_empty() { Err(Error::not_found("job", id)) } else { Ok(()) }
}
