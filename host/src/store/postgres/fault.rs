//! Sorts what the server and the way to it say by what it means for the store.

use std::time::Duration;

use tokio_postgres::Error as Said;
use tokio_postgres::error::{DbError, SqlState};

use crate::error::{self, Error};

const PART: &str = "store";

/// What a request that failed means.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The connection is gone, or no use any more. What was asked may have been done.
    Lost(String),
    /// Not done, because of what others did at the same time: the same may go well a moment later.
    Again(String),
    /// Not done, and not the connection's fault.
    Refused(Error),
}

/// What an error of a connection means.
pub(super) fn sort(said: &Said) -> Trouble {
    let Some(database) = said.as_db_error() else {
        // A value that cannot be written or read is a mistake of ours; anything else befell the connection.
        return if said.is_closed() || is_of_the_way(said) {
            Trouble::Lost(error::chain(said))
        } else {
            Trouble::Refused(Error::fault(PART, error::chain(said)))
        };
    };
    let (code, text) = (database.code(), text(database));
    if is_over(database) {
        return Trouble::Lost(text);
    }
    if [SqlState::T_R_SERIALIZATION_FAILURE, SqlState::T_R_DEADLOCK_DETECTED, SqlState::LOCK_NOT_AVAILABLE]
        .contains(code)
    {
        return Trouble::Again(text);
    }
    Trouble::Refused(refusal(code, text))
}

/// Whether it was the connection that failed, and not a value on it.
fn is_of_the_way(said: &Said) -> bool {
    let text = said.to_string();
    !(text.starts_with("error serializing") || text.starts_with("error deserializing") || text.starts_with("expected"))
}

/// Whether the server ends the connection, or does not write any more, as one that another took over from.
fn is_over(said: &DbError) -> bool {
    use tokio_postgres::error::Severity;
    matches!(said.parsed_severity(), Some(Severity::Fatal | Severity::Panic))
        || [
            SqlState::READ_ONLY_SQL_TRANSACTION,
            SqlState::ADMIN_SHUTDOWN,
            SqlState::CRASH_SHUTDOWN,
            SqlState::CANNOT_CONNECT_NOW,
            SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
        ]
        .contains(said.code())
        || said.code().code().starts_with("08")
}

fn refusal(code: &SqlState, text: String) -> Error {
    if *code == SqlState::DISK_FULL {
        return Error::StorageFull { why: format!("the disk of PostgreSQL: {text}") };
    }
    if [SqlState::DATA_CORRUPTED, SqlState::INDEX_CORRUPTED].contains(code) {
        return Error::Corrupt { what: "the database".into(), why: format!("{text}; put a backup in its place") };
    }
    if [SqlState::OUT_OF_MEMORY, SqlState::INSUFFICIENT_RESOURCES, SqlState::TOO_MANY_CONNECTIONS].contains(code) {
        return Error::Busy { retry_after: Duration::from_secs(1) };
    }
    if *code == SqlState::INSUFFICIENT_PRIVILEGE {
        return Error::fault(PART, format!("{text}; grant its user all rights on the schema"));
    }
    Error::fault(PART, text)
}

/// What the server said, with its code; without what it was asked, which may be anybody's data.
pub(super) fn text(said: &DbError) -> String {
    let hint = said.hint().map(|hint| format!(" ({hint})")).unwrap_or_default();
    format!("{}{hint} [{}]", said.message(), said.code().code())
}

/// The error of a store whose database cannot be reached.
pub(super) fn unreachable(what: &str, why: &str) -> Error {
    let check =
        "check that the server runs and takes connections, and the host, port, user, password and database of the URL";
    Error::fault(PART, format!("{what} cannot be used: {why}; {check}"))
}

/// The error of a change of which nobody knows whether it was made.
pub(super) fn unknown(why: &str) -> Error {
    Error::fault(
        PART,
        format!("the connection was lost before the server said whether it was done ({why}); look, then try again"),
    )
}

/// The error of something that others were in the way of for too long.
pub(super) fn contended() -> Error {
    Error::Busy { retry_after: Duration::from_secs(1) }
}

/// The same error once more, for all whom it befell.
pub(super) fn repeated(error: &Error) -> Error {
    match error {
        Error::StorageFull { why } => Error::StorageFull { why: why.clone() },
        Error::Corrupt { what, why } => Error::Corrupt { what: what.clone(), why: why.clone() },
        Error::Busy { retry_after } => Error::Busy { retry_after: *retry_after },
        Error::ShuttingDown => Error::ShuttingDown,
        Error::Fault { source, .. } => Error::fault(PART, error::chain(&**source)),
        other => Error::fault(PART, other.chain()),
    }
}
