//! Where webhooks are not built in: no job has one, and nothing is sent.

use std::sync::Arc;

use crate::error::{Error, Result};
use crate::host::Inner;

pub(super) fn is_built_in() -> Result<()> {
    Err(Error::Missing { part: "webhooks".into(), feature: "webhook" })
}

pub(crate) fn begin(_inner: &Arc<Inner>) {}
