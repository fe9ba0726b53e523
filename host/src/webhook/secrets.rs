//! The secrets that webhooks are signed with: one a tenant, kept as notes of the store, made when first needed.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::host::Host;
use crate::store::{self, Note, Store};
use crate::time::Timestamp;

/// Of jobs that no tenant submitted; of a tenant's, with `/` and its name.
const NAME: &str = "webhook-secret";
/// What all secrets begin with.
const PREFIX: &str = "whsec_";
const BYTES: usize = 32;
/// How long what is sent is signed with the secret before as well, so that receivers can change over.
const OVERLAP: Duration = Duration::from_secs(24 * 60 * 60);

/// What webhooks are signed with, as its receiver has it: `whsec_` and base64.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningSecret(Vec<u8>);

impl SigningSecret {
    fn new() -> Result<Self> {
        let mut key = vec![0; BYTES];
        getrandom::fill(&mut key).map_err(|error| Error::fault("random numbers", error))?;
        Ok(Self(key))
    }

    pub(crate) fn read(text: &str) -> Option<Self> {
        STANDARD.decode(text.strip_prefix(PREFIX)?).ok().map(Self)
    }

    pub(super) fn key(&self) -> &[u8] {
        &self.0
    }

    /// The text to hand to a receiver.
    #[must_use]
    pub fn reveal(&self) -> String {
        format!("{PREFIX}{}", STANDARD.encode(&self.0))
    }
}

impl fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningSecret(…)")
    }
}

/// What is kept of a tenant's secrets.
#[derive(Serialize, Deserialize)]
struct Record {
    secret: String,
    /// The one before, and until when it is used.
    #[serde(default)]
    before: Option<(String, Timestamp)>,
}

/// Tells and changes the secrets that webhooks are signed with. See [`Host::webhook_secrets`].
#[derive(Clone)]
pub struct WebhookSecrets {
    store: Arc<dyn Store>,
    clock: Clock,
}

impl fmt::Debug for WebhookSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WebhookSecrets of {:?}", self.store)
    }
}

impl Host {
    /// What webhooks are signed with. Every host on its store knows the same secrets.
    #[must_use]
    pub fn webhook_secrets(&self) -> WebhookSecrets {
        WebhookSecrets::new(Arc::clone(&self.inner.store), self.inner.settings.clock.clone())
    }
}

impl WebhookSecrets {
    pub(super) fn new(store: Arc<dyn Store>, clock: Clock) -> Self {
        Self { store, clock }
    }

    /// The secret of a tenant, or of jobs that no tenant submitted; made now if there is none.
    ///
    /// # Errors
    /// `Corrupt` when what is kept of it cannot be read; what the store says.
    pub async fn get(&self, tenant: Option<&str>) -> Result<SigningSecret> {
        let name = name(tenant);
        let record = self.record(&name).await?;
        record.newest(&name)
    }

    /// Puts another secret in its place. For a day what is sent is signed with both, so that receivers can change over.
    ///
    /// # Errors
    /// As for [`get`](WebhookSecrets::get).
    pub async fn rotate(&self, tenant: Option<&str>) -> Result<SigningSecret> {
        let name = name(tenant);
        let before = match store::note(&*self.store, &name).await? {
            Some(note) => Some((read(&note)?.secret, self.clock.now().plus(OVERLAP))),
            None => None,
        };
        let secret = SigningSecret::new()?;
        self.keep(&name, &Record { secret: secret.reveal(), before }).await?;
        Ok(secret)
    }

    /// What is to be signed with now: the secret, and while it is new the one before.
    pub(super) async fn current(&self, tenant: Option<&str>) -> Result<Vec<SigningSecret>> {
        let name = name(tenant);
        let record = self.record(&name).await?;
        let mut secrets = vec![record.newest(&name)?];
        let before = record.before.filter(|(_, until)| *until > self.clock.now());
        secrets.extend(before.and_then(|(text, _)| SigningSecret::read(&text)));
        Ok(secrets)
    }

    async fn record(&self, name: &str) -> Result<Record> {
        if let Some(note) = store::note(&*self.store, name).await? {
            return read(&note);
        }
        let made = Record { secret: SigningSecret::new()?.reveal(), before: None };
        self.keep(name, &made).await?;
        // Another host may have made one at the same time: what is kept now is what both use.
        match store::note(&*self.store, name).await? {
            Some(note) => read(&note),
            None => Ok(made),
        }
    }

    async fn keep(&self, name: &str, record: &Record) -> Result<()> {
        let bytes = serde_json::to_vec(record).map_err(|error| Error::fault("webhook", error))?;
        self.store.put_note(name, &bytes).await
    }
}

impl Record {
    fn newest(&self, name: &str) -> Result<SigningSecret> {
        let damaged = || Error::Corrupt { what: name.to_owned(), why: "it is no secret".into() };
        SigningSecret::read(&self.secret).ok_or_else(damaged)
    }
}

fn read(note: &Note) -> Result<Record> {
    serde_json::from_slice(&note.bytes)
        .map_err(|error| Error::Corrupt { what: note.name.clone(), why: error.to_string() })
}

fn name(tenant: Option<&str>) -> String {
    tenant.map_or_else(|| NAME.to_owned(), |tenant| format!("{NAME}/{tenant}"))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;
    use crate::store::memory::MemoryStore;

    #[tokio::test]
    async fn a_secret_is_its_tenants_own_and_the_one_before_is_used_for_a_day() {
        let now = Arc::new(AtomicI64::new(0));
        let told = Arc::clone(&now);
        let clock = Clock::manual(move || Timestamp::from_micros(told.load(Ordering::Relaxed)));
        let secrets = WebhookSecrets::new(Arc::new(MemoryStore::new()), clock);
        let first = secrets.get(Some("a")).await.unwrap();
        assert_eq!(secrets.get(Some("a")).await.unwrap(), first);
        for other in [None, Some("b"), Some("")] {
            assert_ne!(secrets.get(other).await.unwrap(), first);
        }
        let second = secrets.rotate(Some("a")).await.unwrap();
        assert_ne!(second, first);
        assert_eq!(secrets.get(Some("a")).await.unwrap(), second);
        assert_eq!(secrets.current(Some("a")).await.unwrap(), [second.clone(), first]);
        now.store(i64::try_from(OVERLAP.as_micros()).unwrap(), Ordering::Relaxed);
        assert_eq!(secrets.current(Some("a")).await.unwrap(), [second]);
    }

    #[test]
    fn a_secret_is_told_as_the_specification_says_and_not_shown_in_logs() {
        let secret = SigningSecret::new().unwrap();
        let text = secret.reveal();
        assert_eq!(SigningSecret::read(&text).unwrap(), secret);
        assert!(text.starts_with("whsec_") && secret.key().len() == 32);
        assert_eq!(format!("{secret:?}"), "SigningSecret(…)");
    }
}
