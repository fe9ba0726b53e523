//! Sorts what Redis and the network say by what it means for the store, and says what to do about it.

use redis::{ErrorKind, RedisError, ServerErrorKind};

use crate::error::Error;

pub(super) const PART: &str = "store";

/// What a failed command means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// No answer came: it may be done or not.
    Lost,
    /// Not done; the server will be able to soon.
    Later,
    /// Not done: this server takes no writes, but another may have its name by now.
    Elsewhere,
    /// Not done: the script must be sent whole.
    NoScript,
    /// Not done, and to ask again does not help.
    Final,
}

pub(super) fn meaning(error: &RedisError) -> Meaning {
    if error.is_timeout() || error.is_io_error() || error.is_connection_dropped() || error.kind() == ErrorKind::Parse {
        return Meaning::Lost;
    }
    if let ErrorKind::Server(kind) = error.kind() {
        match kind {
            ServerErrorKind::NoScript => return Meaning::NoScript,
            ServerErrorKind::ReadOnly => return Meaning::Elsewhere,
            ServerErrorKind::BusyLoading
            | ServerErrorKind::TryAgain
            | ServerErrorKind::MasterDown
            | ServerErrorKind::ClusterDown => return Meaning::Later,
            _ => {}
        }
    }
    match error.code() {
        Some("BUSY" | "LOADING") => Meaning::Later,
        Some("UNBLOCKED") => Meaning::Elsewhere,
        _ => Meaning::Final,
    }
}

/// The error a caller of the store sees. Nothing in it is of a command, which may be a password.
pub(super) fn error(error: &RedisError, shown: &str) -> Error {
    let said = said(error);
    match error.code() {
        Some("OOM") => Error::StorageFull {
            why: format!(
                "Redis at {shown} has reached its maxmemory: let jobs expire, remove some, or raise `maxmemory`"
            ),
        },
        Some("MISCONF") if said.contains("No space") => {
            Error::StorageFull { why: format!("the disk of Redis at {shown} is full: {said}") }
        }
        Some("MISCONF") => {
            fault(format!("Redis at {shown} takes no writes because it cannot save ({said}): see its log and its disk"))
        }
        Some("NOAUTH" | "WRONGPASS") => Error::refused(format!(
            "Redis at {shown} does not accept the user and password of the store's URL ({said})"
        )),
        Some("NOPERM") => Error::refused(format!(
            "the user of the store's URL may not do on Redis at {shown} what the store needs ({said}): `ACL SETUSER` lets it"
        )),
        Some("READONLY") => {
            fault(format!("Redis at {shown} is a replica and takes no writes: let the store's URL name the primary"))
        }
        Some("LOADING") => fault(format!("Redis at {shown} is still reading its data; it will be there when it has")),
        Some("WRONGTYPE") => Error::Corrupt {
            what: format!("a key on Redis at {shown}"),
            why: "it is of another kind than the store's: somebody else uses the prefix; choose one with `?prefix=`"
                .into(),
        },
        _ if error.kind() == ErrorKind::AuthenticationFailed => {
            Error::refused(format!("Redis at {shown} does not accept the user and password of the store's URL"))
        }
        _ => fault(format!("Redis at {shown}: {said}")),
    }
}

/// The server cannot be reached, as far as is known because of this.
pub(super) fn away(shown: &str, why: &str) -> Error {
    fault(format!("Redis at {shown} cannot be reached ({why}): check that it runs, its address and the network"))
}

/// An answer that none of our scripts gives.
pub(super) fn strange() -> Error {
    fault("Redis gave an answer that the store does not know: does another version use the same prefix?".into())
}

pub(super) fn fault(why: String) -> Error {
    Error::fault(PART, why)
}

/// What the server or the system said.
pub(super) fn said(error: &RedisError) -> String {
    match (error.code(), error.detail()) {
        (Some(code), Some(detail)) if !detail.starts_with(code) => format!("{code} {detail}"),
        (_, Some(detail)) => detail.to_owned(),
        (Some(code), None) => code.to_owned(),
        (None, None) => error.to_string(),
    }
}
