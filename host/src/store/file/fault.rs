//! Sorts what SQLite and the file system say by what it means for the store.

use std::io;
use std::path::Path;
use std::time::Duration;

use rusqlite::ErrorCode;
use rusqlite::ffi::SQLITE_IOERR_SHMSIZE;

use crate::error::Error;

const PART: &str = "store";

/// What a failed operation means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// No room; there may be some later.
    Full,
    /// The disk failed to write. What it holds now is unknown.
    Broken,
    /// Part of the database cannot be read.
    Damaged,
    /// Another process holds the database.
    Busy,
    /// Anything else; it may pass.
    Other,
}

/// What an error of a connection that writes means.
pub(super) fn meaning(error: &rusqlite::Error) -> Meaning {
    let Some(code) = error.sqlite_error() else {
        return match error {
            rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::IntegralValueOutOfRange(..)
            | rusqlite::Error::InvalidColumnType(..) => Meaning::Damaged,
            _ => Meaning::Other,
        };
    };
    match code.code {
        // The shared-memory index grows with the log and holds nothing that lasts.
        ErrorCode::SystemIoFailure if code.extended_code == SQLITE_IOERR_SHMSIZE => Meaning::Full,
        ErrorCode::DiskFull => Meaning::Full,
        ErrorCode::SystemIoFailure => Meaning::Broken,
        ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => Meaning::Damaged,
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => Meaning::Busy,
        _ => Meaning::Other,
    }
}

/// The error a caller of the store sees.
pub(super) fn error(error: &rusqlite::Error) -> Error {
    match meaning(error) {
        Meaning::Full => Error::StorageFull { why: error.to_string() },
        Meaning::Damaged => Error::Corrupt { what: "jobs.db".into(), why: format!("{error}; {REPAIR}") },
        Meaning::Busy => Error::Busy { retry_after: Duration::from_secs(1) },
        Meaning::Broken | Meaning::Other => Error::fault(PART, error.to_string()),
    }
}

const REPAIR: &str = "`sqlite3 jobs.db .recover` saves what can be read";

/// The error of a store that cannot be opened.
pub(super) fn opening(file: &Path, error: &rusqlite::Error) -> Error {
    match meaning(error) {
        Meaning::Damaged => {
            let why = format!(
                "{error}; put a backup in its place, or let `sqlite3 {} .recover` save what it can",
                file.display()
            );
            Error::Corrupt { what: file.display().to_string(), why }
        }
        Meaning::Full => Error::StorageFull { why: format!("{}: {error}", file.display()) },
        Meaning::Busy => Error::Busy { retry_after: Duration::from_secs(1) },
        Meaning::Broken | Meaning::Other => Error::fault(PART, format!("{}: {error}", file.display())),
    }
}

/// The error of a folder that cannot be used.
pub(super) fn folder(folder: &Path, source: &io::Error) -> Error {
    file(&format!("folder {}", folder.display()), source)
}

/// The error of a file that cannot be written.
pub(super) fn file(what: &str, source: &io::Error) -> Error {
    if is_full(source) {
        return Error::StorageFull { why: format!("{what}: {source}") };
    }
    Error::fault(PART, io::Error::new(source.kind(), format!("{what}: {source}")))
}

/// Whether there was no room, rather than a disk that does not work.
pub(super) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// What is said to those who come after a write has failed.
pub(super) fn broken(first: &str) -> Error {
    Error::fault(PART, format!("an earlier write failed ({first}), so no more are taken; check the disk, then restart"))
}

/// Whether what failed was this program's doing or limit, and not the disk's.
pub(super) fn may_pass(error: &io::Error) -> bool {
    use io::ErrorKind::{Interrupted, NotFound, PermissionDenied, ReadOnlyFilesystem};
    // Too many open files has no kind of its own.
    matches!(error.kind(), Interrupted | NotFound | PermissionDenied | ReadOnlyFilesystem)
        || error.raw_os_error() == Some(24)
}
