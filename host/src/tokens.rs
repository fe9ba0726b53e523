//! The tokens of a host: kept as notes of its store, so that every host on it knows them.

use std::fmt;
use std::sync::Arc;

use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::store::{self, Note, Store};
use crate::token::{self, NewToken, Record, Secret, Token, TokenId};

const PREFIX: &str = "token/";
/// More are not listed.
const MOST: usize = 100_000;

/// Makes, lists, removes and knows tokens. See [`Host::tokens`](crate::Host::tokens).
#[derive(Clone)]
pub struct Tokens {
    store: Arc<dyn Store>,
    clock: Clock,
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tokens of {:?}", self.store)
    }
}

impl Tokens {
    /// The tokens that are kept in a store.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, clock: Clock) -> Self {
        Self { store, clock }
    }

    /// Makes a token. Its text is told now and never again: only its SHA-256 is kept.
    ///
    /// # Errors
    /// `Invalid` for one that nobody could use, or a name that cannot be one; what the store says.
    pub async fn create(&self, new: NewToken) -> Result<(Token, Secret)> {
        new.sound()?;
        let (id, secret) = Secret::new()?;
        let record = Record::new(new, &secret, self.clock.now());
        let kept = serde_json::to_vec(&record).map_err(|error| Error::fault("token", error))?;
        self.store.put_note(&name(id), &kept).await?;
        Ok((record.token(id), secret))
    }

    /// All tokens, expired ones too, those made first first.
    ///
    /// # Errors
    /// `Corrupt` for one that cannot be read; what the store says.
    pub async fn list(&self) -> Result<Vec<Token>> {
        let notes = self.store.notes(PREFIX, MOST).await?;
        let mut tokens: Vec<_> = notes.iter().map(read).collect::<Result<_>>()?;
        tokens.sort_by_key(|token| token.created);
        Ok(tokens)
    }

    /// Removes a token: it opens nothing any more, on any host.
    ///
    /// # Errors
    /// `NotFound` for one that is not there; what the store says.
    pub async fn remove(&self, id: TokenId) -> Result<()> {
        if self.store.remove_note(&name(id)).await? { Ok(()) } else { Err(Error::not_found("token", id)) }
    }

    /// Whether there is any, expired or not.
    ///
    /// # Errors
    /// What the store says.
    pub async fn any(&self) -> Result<bool> {
        Ok(!self.store.notes(PREFIX, 1).await?.is_empty())
    }

    /// The token with this text, unless it is unknown or has expired.
    ///
    /// # Errors
    /// `Corrupt` when what is kept of it cannot be read; what the store says.
    pub async fn find(&self, text: &str) -> Result<Option<Token>> {
        let Some(id) = token::id_in(text) else { return Ok(None) };
        let record = store::note(&*self.store, &name(id)).await?.as_ref().map(record).transpose()?;
        Ok(token::matching(record, id, text).filter(|token| !token.is_expired(self.clock.now())))
    }
}

#[cfg(feature = "http")]
impl Tokens {
    /// Whether a token is there, and has not expired.
    ///
    /// # Errors
    /// `Corrupt` when what is kept of it cannot be read; what the store says.
    pub(crate) async fn is_good(&self, id: TokenId) -> Result<bool> {
        let record = store::note(&*self.store, &name(id)).await?.as_ref().map(record).transpose()?;
        Ok(record.is_some_and(|record| !record.token(id).is_expired(self.clock.now())))
    }
}

fn name(id: TokenId) -> String {
    format!("{PREFIX}{id}")
}

fn record(note: &Note) -> Result<Record> {
    serde_json::from_slice(&note.bytes)
        .map_err(|error| Error::Corrupt { what: note.name.clone(), why: error.to_string() })
}

fn read(note: &Note) -> Result<Token> {
    let id = note.name.trim_start_matches(PREFIX).parse()?;
    record(note).map(|record| record.token(id))
}
