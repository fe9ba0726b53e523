//! Why a function gave no output, in the three kinds that a caller can tell apart.

use std::fmt;

/// Why a function gives no output. Any error with a `Display` will do as a function's error; this one also says which kind
/// of failure it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The input cannot be used. Running again will not help.
    InvalidInput(String),
    /// The function failed. Running again will not help.
    Failed(String),
    /// The function failed. Running again may help, and happens if the job's retry policy says so.
    Transient(String),
}

impl Failure {
    /// The input cannot be used.
    pub fn invalid_input(message: impl Into<String>) -> Self {
        Self::InvalidInput(message.into())
    }

    /// It failed for good.
    pub fn failed(message: impl Into<String>) -> Self {
        Self::Failed(message.into())
    }

    /// It failed, and may do better next time.
    pub fn transient(message: impl Into<String>) -> Self {
        Self::Transient(message.into())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidInput(message) | Self::Failed(message) | Self::Transient(message) => f.write_str(message),
        }
    }
}

impl std::error::Error for Failure {}
