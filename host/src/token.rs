//! API tokens: what one looks like, what it lets its holder do, and what is kept of it. No IO of its own.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::error::{Error, Result};
use crate::id::shorten;
use crate::time::Timestamp;

/// What all tokens begin with, so that they are found where they should not be.
const PREFIX: &str = "au_";
const ID_BYTES: usize = 8;
const SECRET_BYTES: usize = 32;
/// Longest name of a token or tenant.
const NAME_LIMIT: usize = 64;
/// Whose jobs they are when nobody says.
const TENANT: &str = "default";

/// What a token lets its holder do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Look at jobs, modules and functions.
    Read,
    /// Call functions; submit, cancel, retry and remove jobs.
    Submit,
    /// Run attempts for other hosts, which keep their jobs, and add the modules these need, however many; and nothing else.
    Work,
    /// Add, name and remove modules; and all that the others let do.
    Admin,
    /// Read `/metrics`, and nothing else.
    Metrics,
}

impl Scope {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Read, Self::Submit, Self::Work, Self::Admin, Self::Metrics];

    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Submit => "submit",
            Self::Work => "work",
            Self::Admin => "admin",
            Self::Metrics => "metrics",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Scope {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let known = Self::ALL.into_iter().find(|scope| scope.as_str() == text);
        known.ok_or_else(|| {
            Error::invalid("scope", format!("{:?} is none of read, submit, work, admin, metrics", shorten(text)))
        })
    }
}

/// Names a token. It is no secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TokenId([u8; ID_BYTES]);

impl fmt::Display for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl FromStr for TokenId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let mut bytes = [0; ID_BYTES];
        match hex::decode_to_slice(text, &mut bytes) {
            Ok(()) if !text.contains(|c: char| c.is_ascii_uppercase()) => Ok(Self(bytes)),
            _ => Err(Error::invalid("token id", format!("{:?} is not 16 digits of 0-9 a-f", shorten(text)))),
        }
    }
}

impl<'de> Deserialize<'de> for TokenId {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> std::result::Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
    }
}

impl Serialize for TokenId {
    fn serialize<S: serde::Serializer>(&self, to: S) -> std::result::Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

/// A token as its holder has it. It is shown once and kept nowhere.
pub struct Secret(String);

impl Secret {
    /// A new one, and the id in it.
    pub(crate) fn new() -> Result<(TokenId, Self)> {
        let mut bytes = [0; ID_BYTES + SECRET_BYTES];
        getrandom::fill(&mut bytes).map_err(|error| Error::fault("random numbers", error))?;
        let mut id = [0; ID_BYTES];
        id.copy_from_slice(&bytes[..ID_BYTES]);
        let id = TokenId(id);
        Ok((id, Self(format!("{PREFIX}{id}_{}", hex::encode(&bytes[ID_BYTES..])))))
    }

    /// One that another host made.
    #[cfg(feature = "client")]
    pub(crate) fn told(text: String) -> Self {
        Self(text)
    }

    /// The text to hand to its holder.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// The id in what somebody says is a token. Whether it is one is another question.
pub(crate) fn id_in(text: &str) -> Option<TokenId> {
    let (id, secret) = text.strip_prefix(PREFIX)?.split_once('_')?;
    id.parse().ok().filter(|_| secret.len() == 2 * SECRET_BYTES)
}

/// A token to be.
#[derive(Clone, Debug)]
pub struct NewToken {
    /// What its owner calls it.
    pub name: String,
    /// Whose it is. `None`: the jobs of all tenants are its own, for those who run the host.
    pub tenant: Option<String>,
    /// What it lets its holder do.
    pub scopes: Vec<Scope>,
    /// How long it is good for; `None`: until it is removed.
    pub lasts: Option<Duration>,
}

impl NewToken {
    /// What a token lets its holder do, where nobody says.
    pub const SCOPES: [Scope; 2] = [Scope::Read, Scope::Submit];

    /// The same, of the tenant `default` if it needs a tenant and has none.
    #[must_use]
    pub fn of_somebody(mut self) -> Self {
        if self.tenant.is_none() && !Self::of_all(&self.scopes) {
            self.tenant = Some(TENANT.to_owned());
        }
        self
    }

    pub(crate) fn sound(&self) -> Result<()> {
        plain("token name", &self.name)?;
        self.tenant.iter().try_for_each(|tenant| plain("tenant", tenant))?;
        if self.lasts.is_some_and(|lasts| lasts.is_zero()) {
            return Err(Error::invalid("token", "one that is good for no time opens nothing"));
        }
        if self.scopes.is_empty() {
            return Err(Error::invalid("scope", "a token without one lets nobody do anything"));
        }
        if self.tenant.is_none() && !Self::of_all(&self.scopes) {
            return Err(Error::invalid(
                "tenant",
                "a token that is not for admin, metrics or work alone belongs to one",
            ));
        }
        Ok(())
    }

    /// Whether a token with these scopes belongs to no tenant unless it is given one: it is for those who run the host, or opens no job.
    #[must_use]
    pub fn of_all(scopes: &[Scope]) -> bool {
        scopes.contains(&Scope::Admin) || scopes.iter().all(|scope| matches!(scope, Scope::Metrics | Scope::Work))
    }
}

fn plain(what: &'static str, text: &str) -> Result<()> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "._-@".contains(c);
    if text.is_empty() || text.len() > NAME_LIMIT || !text.chars().all(fits) {
        return Err(Error::invalid(
            what,
            format!("{:?} is not 1 to {NAME_LIMIT} of A-Z a-z 0-9 . _ - @", shorten(text)),
        ));
    }
    Ok(())
}

/// What is known of a token.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Token {
    /// Its name among tokens.
    pub id: TokenId,
    /// What its owner calls it.
    pub name: String,
    /// Whose it is; see [`NewToken::tenant`].
    pub tenant: Option<String>,
    /// What it lets its holder do.
    pub scopes: Vec<Scope>,
    /// When it was made.
    pub created: Timestamp,
    /// When it stops being good.
    pub expires: Option<Timestamp>,
}

impl Token {
    /// Whether it lets its holder do this.
    #[must_use]
    pub fn allows(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope) || self.scopes.contains(&Scope::Admin)
    }

    /// Whether its time is over.
    #[must_use]
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires.is_some_and(|at| at <= now)
    }
}

/// What is kept of a token.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Record {
    name: String,
    tenant: Option<String>,
    scopes: Vec<Scope>,
    created: Timestamp,
    expires: Option<Timestamp>,
    /// In hex.
    sha256: String,
}

impl Record {
    pub(crate) fn new(new: NewToken, secret: &Secret, now: Timestamp) -> Self {
        let NewToken { name, tenant, scopes, lasts } = new;
        let expires = lasts.map(|lasts| now.plus(lasts));
        Self { name, tenant, scopes, created: now, expires, sha256: hash(&secret.0) }
    }

    pub(crate) fn token(self, id: TokenId) -> Token {
        let Self { name, tenant, scopes, created, expires, .. } = self;
        Token { id, name, tenant, scopes, created, expires }
    }
}

/// The token of a record, if this is its text. Takes as long whether there is a record or not, and wherever the texts differ.
pub(crate) fn matching(record: Option<Record>, id: TokenId, text: &str) -> Option<Token> {
    let nothing = "0".repeat(64);
    let kept = record.as_ref().map_or(&nothing, |record| &record.sha256);
    let same = bool::from(hash(text).as_bytes().ct_eq(kept.as_bytes()));
    record.filter(|_| same).map(|record| record.token(id))
}

fn hash(text: &str) -> String {
    hex::encode(Sha256::digest(text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new() -> NewToken {
        NewToken { name: "laptop".into(), tenant: Some("acme".into()), scopes: vec![Scope::Submit], lasts: None }
    }

    #[test]
    fn only_the_whole_text_is_the_token_and_its_record_does_not_have_it() {
        let (id, secret) = Secret::new().unwrap();
        let (_, other) = Secret::new().unwrap();
        let record = || Record::new(new(), &secret, Timestamp::from_micros(1));
        let text = secret.reveal();
        assert_eq!(id_in(text), Some(id));
        assert!(matching(Some(record()), id, text).is_some());
        assert!(matching(Some(record()), id, other.reveal()).is_none());
        assert!(matching(Some(record()), id, &text[..text.len() - 1]).is_none());
        assert!(matching(None, id, text).is_none());
        let kept = serde_json::to_string(&record()).unwrap();
        assert!(!kept.contains(&text[20..]) && !format!("{secret:?}").contains(&text[3..]));
        for wrong in ["", "au_", "au__", "au_../../x_0", &text[..40], &format!("{text}0"), &text.to_uppercase()] {
            assert_eq!(id_in(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn admin_lets_do_all_and_no_other_scope_lets_do_anothers() {
        let token =
            |scopes| Record::new(NewToken { scopes, ..new() }, &Secret(String::new()), Timestamp::from_micros(1));
        for scope in Scope::ALL {
            assert!(token(vec![Scope::Admin]).token(TokenId([0; 8])).allows(scope));
            let held = Scope::ALL.into_iter().find(|held| *held != scope && *held != Scope::Admin);
            assert!(!token(held.into_iter().collect()).token(TokenId([0; 8])).allows(scope), "{scope}");
            assert_eq!(scope.as_str().parse::<Scope>().unwrap(), scope);
        }
    }

    #[test]
    fn a_token_of_no_tenant_is_for_those_who_run_the_host() {
        assert!(new().sound().is_ok());
        assert!(NewToken { tenant: None, ..new() }.sound().is_err());
        for (scopes, sound) in [
            (vec![Scope::Admin], true),
            (vec![Scope::Work], true),
            (vec![Scope::Work, Scope::Read], false),
            (vec![Scope::Work, Scope::Metrics], true),
            (vec![Scope::Read, Scope::Metrics], false),
        ] {
            assert_eq!(NewToken { tenant: None, scopes: scopes.clone(), ..new() }.sound().is_ok(), sound, "{scopes:?}");
        }
        assert!(NewToken { scopes: vec![], ..new() }.sound().is_err());
        for wrong in ["", "a b", "a\0", "é", &"x".repeat(65)] {
            assert!(NewToken { tenant: Some(wrong.into()), ..new() }.sound().is_err(), "{wrong}");
        }
    }
}
