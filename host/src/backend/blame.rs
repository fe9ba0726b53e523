//! Whom an attempt failed by that could not begin: its module, or the host.

use crate::error::{Error, Result};
use crate::failure::{Failure, FailureKind};

/// The failure of an attempt whose module is to blame.
///
/// # Errors
/// The error as it was, when the host is.
pub(crate) fn blame(error: Error) -> Result<Failure> {
    let why = match error {
        Error::Module { code, why } => format!("the module cannot be run ({code}): {why}"),
        Error::NotFound { what: "module", name, .. } => format!("module {name} is gone"),
        error => return Err(error),
    };
    Ok(Failure::new(FailureKind::Module, why))
}
