//! `token`: who may ask this host over a network.

use au_host::{Error, NewToken, Token, TokenId, Tokens};
use serde_json::json;

use super::args;
use super::output::Out;
use super::place::Place;
use super::trouble::Result;

/// Whose jobs they are when nobody says.
const TENANT: &str = "default";

pub(crate) async fn token(place: &Place, out: Out, command: args::Token) -> Result {
    let tokens = place.tokens().await?;
    match command {
        args::Token::Create { name, tenant, scope, expires } => {
            let tenant = tenant.or_else(|| (!NewToken::of_all(&scope)).then(|| TENANT.to_owned()));
            create(&tokens, out, NewToken { name, tenant, scopes: scope, lasts: expires }).await
        }
        args::Token::List => list(&tokens, out).await,
        args::Token::Rm { tokens: names } => {
            for name in names {
                let id = named(&tokens, &name).await?;
                tokens.remove(id).await?;
                out.note(&format!("removed token {id}"));
            }
            Ok(())
        }
    }
}

async fn create(tokens: &Tokens, out: Out, new: NewToken) -> Result {
    let (token, secret) = tokens.create(new).await?;
    if out.json {
        return out.facts(&json!({ "token": secret.reveal(), "made": token }));
    }
    let Token { id, name, .. } = &token;
    out.note(&format!("token {id} ({name}) for {}, to {}; it is shown this once:", tenant(&token), scopes(&token)));
    out.line(secret.reveal())
}

async fn list(tokens: &Tokens, out: Out) -> Result {
    let tokens = tokens.list().await?;
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
async fn named(tokens: &Tokens, text: &str) -> Result<TokenId> {
    if let Ok(id) = text.parse() {
        return Ok(id);
    }
    let mut found = tokens.list().await?.into_iter().filter(|token| token.name == text);
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
