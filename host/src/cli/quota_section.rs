//! `[quota]` of `au-host.toml`: how much each tenant may have.

use std::collections::BTreeMap;
use std::num::NonZeroU64;

use au_host::units::Size;
use au_host::{Quota, Quotas};

use super::config::Text;

/// What can be said in it: of each tenant, and of some by name. What is left open has no bound.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct QuotaSection {
    running: Option<NonZeroU64>,
    queued: Option<NonZeroU64>,
    stored: Option<Text<Size>>,
    fuel_per_day: Option<NonZeroU64>,
    /// Of tenants that have quotas of their own. What one does not say is as for all.
    tenant: BTreeMap<String, Own>,
}

#[derive(Clone, Copy, Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Own {
    running: Option<NonZeroU64>,
    queued: Option<NonZeroU64>,
    stored: Option<Text<Size>>,
    fuel_per_day: Option<NonZeroU64>,
}

impl QuotaSection {
    pub(crate) fn quotas(&self) -> Quotas {
        let usual = Quota {
            running: self.running,
            queued: self.queued,
            stored: bytes(self.stored),
            fuel_per_day: self.fuel_per_day,
        };
        let own = |own: &Own| Quota {
            running: own.running.or(usual.running),
            queued: own.queued.or(usual.queued),
            stored: bytes(own.stored).or(usual.stored),
            fuel_per_day: own.fuel_per_day.or(usual.fuel_per_day),
        };
        Quotas { usual, of: self.tenant.iter().map(|(name, said)| (name.clone(), own(said))).collect() }
    }

    /// Who may keep nothing at all needs no token.
    pub(crate) fn sound(&self) -> Result<(), String> {
        let sizes = self.tenant.values().map(|own| own.stored).chain([self.stored]);
        match sizes.flatten().any(|size| size.0.0 == 0) {
            true => Err("quota: stored = 0 would let nobody keep anything".into()),
            false => Ok(()),
        }
    }
}

fn bytes(size: Option<Text<Size>>) -> Option<NonZeroU64> {
    size.and_then(|size| NonZeroU64::new(size.0.0))
}
