//! `webhook`: what those who are told of jobs check signatures with.

use serde_json::json;

use super::args;
use super::output::Out;
use super::place::Place;
use super::trouble::Result;

pub(crate) async fn webhook(place: &Place, out: Out, command: args::Webhook) -> Result {
    let args::Webhook::Secret { tenant, rotate } = command;
    let secrets = place.webhook_secrets().await?;
    let secret = match rotate {
        true => secrets.rotate(tenant.as_deref()).await?,
        false => secrets.get(tenant.as_deref()).await?,
    };
    if out.json {
        return out.facts(&json!({ "tenant": tenant, "secret": secret.reveal() }));
    }
    out.line(&secret.reveal())
}
