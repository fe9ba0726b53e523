//! The logs of jobs: an append is a piece of a sorted set, or a few, by the number of its first line.

use bytes::Bytes;
use redis::Value;

use super::RedisStore;
use super::answer::{self, decimal, own, random};
use super::row::Damaged;
use super::{fault, scripts};
use crate::attempt::LogEntry;
use crate::error::{Error, Result};
use crate::id::JobId;
use crate::store::{logged, pieces, record};

/// Lines of one piece, and bytes of their messages. Whoever reads a few lines reads the whole of a piece.
const LINES: usize = 256;
const BYTES: usize = 256 << 10;
/// Bytes of pieces that are read at once, and a last piece above that.
const READ: usize = 1 << 20;

impl RedisStore {
    pub(super) async fn append(&self, id: JobId, entries: &[LogEntry]) -> Result<()> {
        let mut args = vec![self.handle.clone(), own(id.as_bytes()), random(), decimal(logged(entries))];
        for piece in pieces(entries, LINES, BYTES) {
            args.extend([decimal(piece.len()), record::write_log(piece).into()]);
        }
        let added = self.main.run(&scripts::APPEND, &args).await?;
        if answer::number(&added)? == 1 { Ok(()) } else { Err(Error::not_found("job", id)) }
    }

    pub(super) async fn lines_of(&self, id: JobId, from: u64, limit: usize) -> Result<Vec<LogEntry>> {
        let (mut lines, mut next) = (Vec::new(), from);
        loop {
            // Nobody has as many lines as this, and Redis counts them no further.
            let wanted = if limit == 0 || next > u32::MAX.into() { Bytes::new() } else { decimal(next) };
            let found = self.main.run(&scripts::READ_LOG, &[own(id.as_bytes()), wanted, decimal(READ)]).await?;
            if found == Value::Nil {
                return Err(Error::not_found("job", id));
            }
            let [total, pieces] = answer::parts(found)?;
            let (total, pieces) = (answer::number(&total)?, answer::array(pieces)?);
            let before = next;
            for piece in pieces {
                let (first, entries) = read(id, &answer::bytes(piece)?)?;
                let skip = usize::try_from(next.saturating_sub(first)).unwrap_or(usize::MAX);
                next = next.max(first + entries.len() as u64);
                lines.extend(entries.into_iter().skip(skip).take(limit - lines.len()));
            }
            if lines.len() >= limit || next >= total || next == before {
                return Ok(lines);
            }
        }
    }
}

/// The lines of a piece, and the number of the first.
fn read(id: JobId, piece: &[u8]) -> Result<(u64, Vec<LogEntry>)> {
    let (first, rest) = piece.split_first_chunk().ok_or_else(fault::strange)?;
    let (count, lines) = rest.split_first_chunk().ok_or_else(fault::strange)?;
    let lines = record::read_log(lines, u32::from_be_bytes(*count).into());
    let lines = lines.map_err(|damage| Damaged { id, version: Bytes::new(), damage }.error())?;
    Ok((u32::from_be_bytes(*first).into(), lines))
}
