//! Whether requests need a token, and which of its scopes each needs.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, Method, Uri};

use super::config::Auth;
use super::dashboard;
use super::problem::Result;
use crate::error::{Error, Misuse};
use crate::token::{Scope, Token, TokenId};
use crate::tokens::Tokens;

/// Between two looks at whether there are tokens by now.
const LOOK: Duration = Duration::from_secs(1);

/// Knows whether requests need a token, and reads them.
#[derive(Debug)]
pub(super) struct Guard {
    tokens: Tokens,
    /// Once it is so it stays so, even when the last token is removed.
    required: AtomicBool,
    looked: Mutex<Option<Instant>>,
}

impl Guard {
    pub(super) fn new(tokens: Tokens, auth: Auth) -> Self {
        Self { tokens, required: AtomicBool::new(auth == Auth::Required), looked: Mutex::default() }
    }

    /// The token that these headers carry. `None`: none is needed here.
    pub(super) async fn token(&self, headers: &HeaderMap) -> Result<Option<Token>> {
        let Some(text) = bearer(headers)? else {
            return match self.is_required().await? {
                true => Err(unauthenticated("it carries no token")),
                false => Ok(None),
            };
        };
        match self.tokens.find(text).await? {
            Some(token) => {
                self.required.store(true, Ordering::Relaxed);
                Ok(Some(token))
            }
            // A host without tokens is open to all, to those with another host's too.
            None if !self.required.load(Ordering::Relaxed) && !self.tokens.any().await? => Ok(None),
            None => Err(unauthenticated("its token is unknown here, or has expired")),
        }
    }

    /// Whether a token that was let in is good still; one that cannot be looked for is.
    pub(super) async fn is_good(&self, token: TokenId) -> bool {
        self.tokens.is_good(token).await.unwrap_or(true)
    }

    async fn is_required(&self) -> Result<bool> {
        if !self.required.load(Ordering::Relaxed) && self.is_time_to_look() && self.tokens.any().await? {
            self.required.store(true, Ordering::Relaxed);
        }
        Ok(self.required.load(Ordering::Relaxed))
    }

    fn is_time_to_look(&self) -> bool {
        let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        let due = looked.is_none_or(|at| at.elapsed() >= LOOK);
        if due {
            *looked = Some(Instant::now());
        }
        due
    }
}

/// The text of the one token of a request.
fn bearer(headers: &HeaderMap) -> Result<Option<&str>> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return match headers.contains_key(AUTHORIZATION) {
            true => Err(unauthenticated("it carries several tokens")),
            false => Ok(None),
        };
    };
    let text = value.to_str().ok().and_then(|text| text.split_once(' '));
    match text {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(Some(token.trim())),
        _ => Err(unauthenticated("its Authorization is not `Bearer` and a token")),
    }
}

fn unauthenticated(why: &str) -> super::problem::Problem {
    Error::request(Misuse::Unauthenticated, format!("this host asks for a token, and this request is refused: {why}"))
        .into()
}

/// What a request needs of a token; `None`: not even a token. What is not known here needs the most.
pub(super) fn needed(method: &Method, uri: &Uri) -> Option<Scope> {
    let looks = matches!(*method, Method::GET | Method::HEAD);
    match uri.path() {
        "/healthz" | "/readyz" if looks => None,
        // Else nobody could come to where a token can be given.
        page if looks && dashboard::is_at(page) => None,
        "/metrics" => Some(Scope::Metrics),
        // They open more than a look does.
        path if path == "/v1/tokens" || path.starts_with("/v1/tokens/") => Some(Scope::Admin),
        // Those whose jobs tell a receiver hand it what it checks that with.
        "/v1/webhook-secret" if looks => Some(Scope::Submit),
        _ if looks => Some(Scope::Read),
        path if ["/v1/call/", "/v1/submit/", "/v1/jobs/", "/v1/schedules/"]
            .iter()
            .any(|start| path.starts_with(start)) =>
        {
            Some(Scope::Submit)
        }
        "/v1/attempts" if *method == Method::POST => Some(Scope::Work),
        // What an attempt needs, by its digest: a name would change what others call.
        "/v1/modules" if *method == Method::PUT && uri.query().is_none() => Some(Scope::Work),
        _ => Some(Scope::Admin),
    }
}

/// Holds a token against what its request needs.
pub(super) fn permit(token: &Token, scope: Scope) -> Result<()> {
    if token.allows(scope) {
        return Ok(());
    }
    let lacks = match scope {
        Scope::Admin => "has not the scope admin".to_owned(),
        scope => format!("has neither the scope {scope} nor admin"),
    };
    Err(Error::request(Misuse::Forbidden, format!("token {} {lacks}, which this needs", token.id)).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_needs_the_most() {
        let needed = |method: Method, uri: &str| needed(&method, &uri.parse().unwrap());
        assert_eq!(needed(Method::GET, "/healthz"), None);
        assert_eq!(needed(Method::GET, "/"), None);
        assert_eq!(needed(Method::POST, "/"), Some(Scope::Admin));
        assert_eq!(needed(Method::POST, "/healthz"), Some(Scope::Admin));
        assert_eq!(needed(Method::GET, "/healthz/"), Some(Scope::Read));
        assert_eq!(needed(Method::GET, "/v1/jobs/x/events"), Some(Scope::Read));
        assert_eq!(needed(Method::DELETE, "/v1/jobs/x"), Some(Scope::Submit));
        assert_eq!(needed(Method::PUT, "/v1/modules/x"), Some(Scope::Admin));
        assert_eq!(needed(Method::PUT, "/v1/modules?name=x"), Some(Scope::Admin));
        assert_eq!(needed(Method::PUT, "/v1/modules"), Some(Scope::Work));
        assert_eq!(needed(Method::GET, "/v1/tokens"), Some(Scope::Admin));
        assert_eq!(needed(Method::DELETE, "/v1/tokens/x"), Some(Scope::Admin));
        assert_eq!(needed(Method::HEAD, "/v1/webhook-secret"), Some(Scope::Submit));
        assert_eq!(needed(Method::POST, "/v1/webhook-secret/rotate"), Some(Scope::Admin));
        assert_eq!(needed(Method::POST, "/v1/attempts"), Some(Scope::Work));
        assert_eq!(needed(Method::GET, "/v1/attempts"), Some(Scope::Read));
        assert_eq!(needed(Method::DELETE, "/v1/attempts"), Some(Scope::Admin));
        assert_eq!(needed(Method::POST, "/v1/attempts/x"), Some(Scope::Admin));
        assert_eq!(needed(Method::POST, "/v1/new"), Some(Scope::Admin));
    }
}
