//! `token`: who may ask this host over a network.

use au_host::{Error, NewToken, Token, TokenId};
use serde_json::json;

use super::args;
use super::hosted::Hosted;
use super::output::Out;
use super::place::Place;
use super::trouble::Result;

pub(crate) async fn token(place: &Place, out: Out, command: args::Token) -> Result {
    let host = place.look().await?;
    match command {
        args::Token::Create { name, tenant, scope, expires } => {
            create(&host, out, NewToken { name, tenant, scopes: scope, lasts: expires }).await
        }
        args::Token::List => list(&host, out).await,
        args::Token::Rm { tokens: names } => {
            for name in names {
                let id = named(&host, &name).await?;
                host.remove_token(id).await?;
                out.note(&format!("removed token {id}"));
            }
            Ok(())
        }
    }
}

async fn create(host: &Hosted, out: Out, new: NewToken) -> Result {
    let (token, secret) = host.create_token(new).await?;
    if out.json {
        return out.facts(&json!({ "token": secret.reveal(), "made": token }));
    }
    let Token { id, name, .. } = &token;
    out.note(&format!("token {id} ({name}) for {}, to {}; it is shown this once:", tenant(&token), scopes(&token)));
    out.line(secret.reveal())
}

async fn list(host: &Hosted, out: Out) -> Result {
    let tokens = host.tokens().await?;
    if out.json {
        return out.facts(&tokens);
    }
    if tokens.is_empty() {
        out.note("no tokens; `au-host token create NAME` makes one");
        return Ok(());
    }
    out.line(&format!("{:16}  {:20}  {:16}  {:12}  {:27}  EXPIRES", "ID", "NAME", "TENANT", "SCOPES", "CREATED"))?;
    for token in &tokens {
        let Token { id, name, created, .. } = token;
        let expires = token.expires.map_or_else(|| "never".to_owned(), |at| at.to_string());
        out.line(&format!("{id}  {name:20}  {:16}  {:12}  {created:27}  {expires}", tenant(token), scopes(token)))?;
    }
    Ok(())
}

/// The id of the token that is called so.
async fn named(host: &Hosted, text: &str) -> Result<TokenId> {
    if let Ok(id) = text.parse() {
        return Ok(id);
    }
    let mut found = host.tokens().await?.into_iter().filter(|token| token.name == text);
    match (found.next(), found.next()) {
        (Some(token), None) => Ok(token.id),
        (Some(_), Some(_)) => Err(Error::invalid("token", format!("several are called {text:?}; give an id")).into()),
        (None, _) => Err(Error::not_found("token", text).into()),
    }
}

fn tenant(token: &Token) -> &str {
    token.tenant.as_deref().unwrap_or("(all)")
}

fn scopes(token: &Token) -> String {
    token.scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(",")
}
