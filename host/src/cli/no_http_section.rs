//! `[http]` of `au-host.toml` where `serve` is not built in: whatever it says, nobody asks.

use super::config::Granted;

#[derive(Clone, Debug, Default)]
pub(crate) struct HttpSection {
    pub(super) grants: Option<Granted>,
}

/// Whatever it says, nobody asks.
pub(crate) type AuthSection = HttpSection;
/// Nor here.
pub(crate) type RateSection = HttpSection;

impl HttpSection {
    pub(crate) fn middleware(&self) -> Vec<std::sync::Arc<dyn au_host::Middleware>> {
        Vec::new()
    }

    pub(crate) fn sound(&self) -> Result<(), String> {
        Ok(())
    }
}

impl<'de> serde::Deserialize<'de> for HttpSection {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        serde::de::IgnoredAny::deserialize(from).map(|_| Self::default())
    }
}
