//! `[webhook]` of `au-host.toml`: where webhooks may go, besides public addresses, and for how long they are tried.

use au_host::{Network, WebhookConfig};

use super::config::{Span, Text};

/// What can be said in it.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct WebhookSection {
    /// Networks and addresses that are not public.
    allow: Vec<Text<Network>>,
    /// All of them.
    allow_private: bool,
    /// How long a receiver that does not answer is tried.
    retry_for: Option<Text<Span>>,
}

impl WebhookSection {
    pub(crate) fn config(&self) -> WebhookConfig {
        let built_in = WebhookConfig::default();
        WebhookConfig {
            allow: self.allow.iter().map(|network| network.0).collect(),
            allow_private: self.allow_private,
            retry_for: self.retry_for.as_ref().map_or(built_in.retry_for, |span| span.0.0),
        }
    }
}
