//! Tokens of a host elsewhere, and what its webhooks are signed with.

use hyper::Method;
use serde::Deserialize;

use super::Client;
use super::exchange::Ask;
use super::query::Query;
use super::verbs::json;
use crate::error::{Error, Result};
use crate::token::{NewToken, Secret, Token, TokenId};
#[cfg(feature = "webhook")]
use crate::webhook::SigningSecret;

#[derive(Deserialize)]
struct All {
    tokens: Vec<Token>,
}

#[derive(Deserialize)]
struct Made {
    token: String,
    made: Token,
}

#[cfg(feature = "webhook")]
#[derive(Deserialize)]
struct Signed {
    secret: String,
}

impl Client {
    /// As [`Tokens::create`](crate::Tokens::create). Without a tenant, and where it needs one, it is of that of this client's token, or
    /// of `default`.
    ///
    /// # Errors
    /// Those of the host, and `Unreachable`: it may have been made. `Refused` by a host that asks for no tokens: the first is made where it runs.
    pub async fn create_token(&self, new: NewToken) -> Result<(Token, Secret)> {
        let NewToken { name, tenant, scopes, lasts } = new;
        let mut query = Query::new();
        query.add("name", name);
        query.maybe("tenant", tenant);
        scopes.iter().for_each(|scope| query.add("scope", scope));
        query.maybe("expires", lasts.map(humantime::format_duration));
        let Made { token, made } = json(&self.wire.ask(Ask::new(Method::POST, query.of("/v1/tokens"))).await?)?;
        Ok((made, Secret::told(token)))
    }

    /// As [`Tokens::list`](crate::Tokens::list); to a tenant, those of its own.
    ///
    /// # Errors
    /// Those of the host, and `Unreachable`.
    pub async fn tokens(&self) -> Result<Vec<Token>> {
        let All { tokens } = json(&self.wire.ask(Ask::get("/v1/tokens")).await?)?;
        Ok(tokens)
    }

    /// As [`Tokens::remove`](crate::Tokens::remove).
    ///
    /// # Errors
    /// Those of the host, and `Unreachable`.
    pub async fn remove_token(&self, id: TokenId) -> Result<()> {
        self.wire.ask(Ask::new(Method::DELETE, format!("/v1/tokens/{id}"))).await.map(drop)
    }

    /// As [`WebhookSecrets::get`](crate::WebhookSecrets::get); to a tenant, its own.
    ///
    /// # Errors
    /// Those of the host, and `Unreachable`. `Refused` by a host that asks for no tokens.
    #[cfg(feature = "webhook")]
    pub async fn webhook_secret(&self, tenant: Option<&str>) -> Result<SigningSecret> {
        self.signed(Method::GET, "/v1/webhook-secret", tenant).await
    }

    /// As [`WebhookSecrets::rotate`](crate::WebhookSecrets::rotate); of a tenant, its own.
    ///
    /// # Errors
    /// Those of the host, and `Unreachable`: it may have been done.
    #[cfg(feature = "webhook")]
    pub async fn rotate_webhook_secret(&self, tenant: Option<&str>) -> Result<SigningSecret> {
        self.signed(Method::POST, "/v1/webhook-secret/rotate", tenant).await
    }

    #[cfg(feature = "webhook")]
    async fn signed(&self, method: Method, path: &str, tenant: Option<&str>) -> Result<SigningSecret> {
        let mut query = Query::new();
        query.maybe("tenant", tenant);
        let Signed { secret } = json(&self.wire.ask(Ask::new(method, query.of(path))).await?)?;
        SigningSecret::read(&secret).ok_or_else(|| Error::fault("client", "the host answered with no secret"))
    }
}
