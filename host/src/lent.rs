//! Attempts that this host runs for another: nothing of them is kept here, and their jobs are that host's.

use std::sync::atomic::Ordering;

use crate::attempt::{Attempt, Report};
use crate::backend::Context;
use crate::error::{Error, Result};
use crate::host::Host;
use crate::otel::Role;
use crate::sandbox::SandboxRequest;
use crate::span::About;

/// Hosts that an attempt may be handed on by. More of them do not help anybody; their backends lead in a circle.
const HOPS: u8 = 4;

impl Host {
    /// Holds an attempt of another host under what this one allows.
    pub(crate) fn admit_lent(&self, mut attempt: Attempt) -> Result<Attempt> {
        if self.inner.closed.load(Ordering::Acquire) {
            return Err(Error::ShuttingDown);
        }
        attempt.hops = attempt.hops.saturating_add(1);
        if attempt.hops > HOPS {
            let why =
                format!("{HOPS} hosts have handed it on already: see that their backends do not lead in a circle");
            return Err(Error::invalid("attempt", why));
        }
        attempt.sandbox = self.inner.settings.policy.resolve(&SandboxRequest::from(attempt.sandbox))?;
        Ok(attempt)
    }

    /// Runs an attempt that was admitted. Dropping this stops it.
    pub(crate) async fn run_lent(&self, attempt: Attempt, context: &Context) -> Result<Report> {
        let name = attempt.module_name.clone();
        let role = Role { kind: "internal", parent: None };
        let about = About { tenant: None, module_name: name.as_deref(), role };
        self.inner.metered(attempt, about, context).await
    }

    /// How many attempts may run at once.
    pub(crate) fn capacity(&self) -> usize {
        self.inner.backend.capacity()
    }
}
