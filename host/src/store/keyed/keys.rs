//! What is kept under which key: a letter for its kind, then what tells it from its like, so that keys of a kind sort as they are read.

use bytes::Bytes;

use crate::id::{Digest, JobId, WorkerId};
use crate::time::Timestamp;

/// Which version of all this the keys are of.
pub(super) const FORMAT: Bytes = Bytes::from_static(b"f");
/// Whoever starts what has bounds writes this, and expects that nobody else did meanwhile.
pub(super) const GATE: Bytes = Bytes::from_static(b"x");
/// Is written to see whether that can be done.
pub(super) const READY: Bytes = Bytes::from_static(b"y");

/// The row of a job.
pub(super) const JOB: u8 = b'j';
/// How far the log of a job goes.
pub(super) const LOG: u8 = b'n';
/// Lines of a log, by its name and the number of the first.
pub(super) const LINES: u8 = b'l';
/// A part of a payload or blob, by its name and number.
pub(super) const PIECE: u8 = b'p';
/// A name whose parts nothing names, and since when.
pub(super) const ORPHAN: u8 = b'o';
/// Whom an idempotency key names.
pub(super) const NAMED: u8 = b'k';
/// The turns of all that wait.
pub(super) const WAITING: u8 = b'd';
/// The turns of what waits of one group, after the group.
pub(super) const GROUP: u8 = b'g';
/// The turns of what runs, after the worker.
pub(super) const RUNNING: u8 = b'r';
/// Jobs of one status.
pub(super) const STATUS: u8 = b'i';
/// Jobs with one property that lists ask for.
pub(super) const TAG: u8 = b't';
/// Jobs by the end of their time to live.
pub(super) const EXPIRING: u8 = b'e';
/// Until when a worker lives.
pub(super) const WORKER: u8 = b'w';
/// What a principal has: the sum of all there is of it.
pub(super) const HELD: u8 = b'c';
/// The last hint of each of a few that share a slot.
pub(super) const HINT: u8 = b'h';
/// A note.
pub(super) const NOTE: u8 = b'm';
/// A blob, or where it is.
pub(super) const BLOB: u8 = b'b';

/// No text has this byte, and it ends a group.
const END: u8 = 0xff;

/// A key of a kind.
pub(super) fn key(kind: u8, parts: &[&[u8]]) -> Bytes {
    std::iter::once(&kind).chain(parts.iter().copied().flatten()).copied().collect()
}

pub(super) fn job(id: JobId) -> Bytes {
    key(JOB, &[id.as_bytes()])
}

pub(super) fn log(id: JobId) -> Bytes {
    key(LOG, &[id.as_bytes()])
}

pub(super) fn lines(log: &[u8], first: u64) -> Bytes {
    key(LINES, &[log, &first.to_be_bytes()])
}

pub(super) fn worker(worker: WorkerId) -> Bytes {
    key(WORKER, &[worker.as_bytes()])
}

/// Where the turns of a group are: no group's key is the beginning of another's.
pub(super) fn group(group: &[u8]) -> Bytes {
    key(GROUP, &[group, &[END]])
}

/// The group of a key of its turns.
pub(super) fn group_of(key: &[u8]) -> Option<&[u8]> {
    let (turn, key) = (super::turn::LENGTH, key.strip_prefix(&[GROUP])?);
    key.get(..key.len().checked_sub(turn + 1)?)
}

/// Texts of any length as 32 bytes.
pub(super) fn short(text: &[u8]) -> [u8; 32] {
    *Digest::of(text).as_bytes()
}

/// The key of a job in an index.
pub(super) fn key_of(index: &[u8], id: JobId) -> Bytes {
    [index, id.as_bytes()].concat().into()
}

/// The job whose id a key ends with.
pub(super) fn job_at_end(key: &[u8]) -> Option<JobId> {
    key.last_chunk().copied().map(JobId::from_bytes)
}

/// Above all keys that begin so.
pub(super) fn end(prefix: &[u8]) -> Bytes {
    let mut end = prefix.to_vec();
    while end.pop_if(|last| *last == u8::MAX).is_some() {}
    // A prefix has a letter before anything else, which can grow by one.
    if let Some(last) = end.last_mut() {
        *last += 1;
    }
    end.into()
}

/// Right above this key.
pub(super) fn after(key: &[u8]) -> Bytes {
    key.iter().copied().chain([0]).collect()
}

/// A time as 8 bytes that sort as times do.
pub(super) fn sortable(time: Timestamp) -> [u8; 8] {
    (time.as_micros().cast_unsigned() ^ (1 << 63)).to_be_bytes()
}

pub(super) fn time(sortable: [u8; 8]) -> Timestamp {
    Timestamp::from_micros((u64::from_be_bytes(sortable) ^ (1 << 63)).cast_signed())
}

/// A priority as 4 bytes, of which the highest sorts first.
pub(super) fn inverted(priority: i32) -> [u8; 4] {
    (!(priority.cast_unsigned() ^ (1 << 31))).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn times_and_priorities_sort_as_they_should(a: i64, b: i64, p: i32, q: i32) {
            let (one, other) = (Timestamp::from_micros(a), Timestamp::from_micros(b));
            prop_assert_eq!(sortable(one).cmp(&sortable(other)), a.cmp(&b));
            prop_assert_eq!(inverted(p).cmp(&inverted(q)), q.cmp(&p));
            prop_assert_eq!(time(sortable(one)), one);
        }

        #[test]
        fn all_that_begins_so_and_nothing_else_is_below_the_end(prefix: Vec<u8>, more: Vec<u8>, other: Vec<u8>) {
            let prefix = key(NOTE, &[&prefix]);
            let (begins, other) = ([&prefix[..], &more].concat(), key(NOTE, &[&other]));
            prop_assert!(begins >= prefix && begins < end(&prefix));
            prop_assert_eq!(other >= prefix && other < end(&prefix), other.starts_with(&prefix));
            prop_assert!(after(&prefix) > prefix);
        }
    }
}
