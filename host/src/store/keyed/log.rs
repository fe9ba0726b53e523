//! The logs of jobs: an append is a piece, or a few, by the number of its first line.

use bytes::Bytes;

use super::draft::Draft;
use super::read::{Pages, strange};
use super::tally::signed;
use super::token::Token;
use super::tries::Tries;
use super::{KeyedStore, keys};
use crate::attempt::LogEntry;
use crate::error::{Error, Result};
use crate::id::JobId;
use crate::store::codec::{Damage, Decoder, Encoder};
use crate::store::record::{corrupt, read_log, write_log};
use crate::store::{logged, pieces};

const END: u8 = 1;
/// Lines of one piece, and bytes of their messages.
const LINES: usize = 256;
const BYTES: usize = 48 << 10;
/// Pieces that are read at once.
const AT_ONCE: usize = 16;

/// How far a log goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct End {
    /// What its pieces go by, which no other job's do, nor did.
    pub(super) name: Vec<u8>,
    pub(super) lines: u64,
    /// Bytes of messages.
    pub(super) bytes: u64,
    /// Whose they are.
    principal: Option<String>,
    /// Who wrote this, so that it is told from an end as far on that somebody else wrote; not in those of earlier versions.
    by: Option<Token>,
}

impl End {
    fn to_bytes(&self) -> Vec<u8> {
        let mut to = Encoder::new(END);
        to.number(self.name.len() as u64);
        to.raw(&self.name);
        to.number(self.lines);
        to.number(self.bytes);
        to.optional(self.principal.as_deref(), Encoder::text);
        to.optional(self.by, |to, by| to.raw(&by.to_bytes()));
        to.seal()
    }

    pub(super) fn read(sealed: &[u8]) -> Result<Self, Damage> {
        let from = &mut Decoder::open(sealed, END)?;
        let length = from.narrow()?;
        Ok(Self {
            name: from.raw(length)?.to_owned(),
            lines: from.number()?,
            bytes: from.number()?,
            principal: from.optional(|from| from.text().map(str::to_owned))?,
            by: if from.is_empty() {
                None
            } else {
                from.optional(Decoder::array::<16>)?.and_then(|by| Token::read(&by))
            },
        })
    }
}

impl Draft {
    /// A new job has a log of no lines.
    pub(super) fn begin_log(&mut self, id: JobId, name: &[u8], principal: Option<&str>) {
        let (name, principal, by) = (name.to_owned(), principal.map(str::to_owned), Some(self.token()));
        let end = End { name, lines: 0, bytes: 0, principal, by };
        self.put(keys::log(id), end.to_bytes());
    }
}

impl KeyedStore {
    pub(super) async fn append(&self, id: JobId, entries: &[LogEntry]) -> Result<()> {
        let mut tries = Tries::default();
        loop {
            let (raw, mut end) = self.end_of(id).await?;
            let (more, mut draft) = (logged(entries), self.draft());
            for piece in pieces(entries, LINES, BYTES) {
                let count = (piece.len() as u64).to_be_bytes();
                draft.put(keys::lines(&end.name, end.lines), [&count[..], &write_log(piece)].concat());
                end.lines += piece.len() as u64;
            }
            end.bytes += more;
            end.by = Some(draft.token());
            draft.expect(keys::log(id), Some(raw));
            draft.put(keys::log(id), end.to_bytes());
            draft.count(end.principal.as_deref(), |tally| tally.stored += signed(more));
            draft.tell(id);
            if self.commit(draft).await? {
                return Ok(());
            }
            tries.again().await?;
        }
    }

    pub(super) async fn lines(&self, id: JobId, from: u64, limit: usize) -> Result<Vec<LogEntry>> {
        let (_, end) = self.end_of(id).await?;
        let mut lines = Vec::new();
        if from >= end.lines {
            return Ok(lines);
        }
        // The piece with the first of them begins with it or before.
        let (begin, first) = (keys::lines(&end.name, 0), keys::lines(&end.name, from));
        let mut before = Pages::between(begin, keys::after(&first)).backwards();
        let mut pieces = Pages::of(&keys::key(keys::LINES, &[&end.name]));
        if let Some((first, _)) = before.next(self, 1).await?.pop() {
            pieces.skip_to(first);
        }
        while !pieces.is_over() && lines.len() < limit {
            for (key, piece) in pieces.next(self, AT_ONCE).await? {
                let (first, entries) = read(id, &key, &piece)?;
                let skip = usize::try_from(from.saturating_sub(first)).unwrap_or(usize::MAX);
                lines.extend(entries.into_iter().skip(skip).take(limit - lines.len()));
            }
        }
        Ok(lines)
    }

    /// How far the log of a job goes, as it stands there and as it is read.
    async fn end_of(&self, id: JobId) -> Result<(Bytes, End)> {
        let raw = self.read(keys::log(id)).await?.ok_or_else(|| Error::not_found("job", id))?;
        let end = End::read(&raw).map_err(|damage| corrupt((id, damage)))?;
        Ok((raw, end))
    }
}

/// The lines of a piece, and the number of the first.
fn read(id: JobId, key: &[u8], piece: &[u8]) -> Result<(u64, Vec<LogEntry>)> {
    let first = key.last_chunk().copied().map(u64::from_be_bytes).ok_or_else(strange)?;
    let (count, lines) = piece.split_first_chunk().ok_or_else(strange)?;
    let lines = read_log(lines, u64::from_be_bytes(*count)).map_err(|damage| corrupt((id, damage)))?;
    Ok((first, lines))
}
