//! `webhook`: what those who are told of jobs check signatures with.

use serde_json::json;

use super::args;
use super::output::Out;
use super::place::Place;
use super::trouble::Result;

pub(crate) async fn webhook(place: &Place, out: Out, command: args::Webhook) -> Result {
    let args::Webhook::Secret { tenant, rotate } = command;
    let secret = place.look().await?.webhook_secret(tenant.as_deref(), rotate).await?;
    if out.json {
        return out.facts(&json!({ "tenant": tenant, "secret": secret.reveal() }));
    }
    out.line(&secret.reveal())
}
