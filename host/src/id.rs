//! Names of things: jobs, workers, code, functions. Each is checked when it is made, so that code behind it need not.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;
use std::sync::Mutex;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use uuid::{ClockSequence, ContextV7, NoContext, Uuid};

use crate::error::{Error, Result};
use crate::time::Timestamp;

static CONTEXT: Mutex<ContextV7> = Mutex::new(ContextV7::new());

fn uuid_v7(now: Timestamp) -> Uuid {
    Uuid::new_v7(time_of(now, &CONTEXT))
}

fn time_of(now: Timestamp, context: impl ClockSequence<Output = impl Into<u128>>) -> uuid::Timestamp {
    let micros = u64::try_from(now.as_micros()).unwrap_or(0);
    let nanos = u32::try_from(micros % 1_000_000).unwrap_or(0) * 1_000;
    uuid::Timestamp::from_unix(context, micros / 1_000_000, nanos)
}

/// Names a job: a UUIDv7 (RFC 9562), so ids sort by the time they were made.
///
/// ```
/// # use au_host::JobId;
/// let id: JobId = "0198c5a0-7d2c-7b3e-9c4f-0123456789ab".parse()?;
/// assert!("../escaped".parse::<JobId>().is_err());
/// # Ok::<(), au_host::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JobId(Uuid);

impl JobId {
    /// A new id; ids made later in one process sort later.
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        Self(uuid_v7(now))
    }

    /// An id of something that is not kept: it sorts by `now`, and by chance within that. Costs less, and makes nobody wait.
    #[must_use]
    pub(crate) fn unkept(now: Timestamp) -> Self {
        Self(Uuid::new_v7(time_of(now, NoContext)))
    }

    /// The sixteen bytes of the id, in sorting order.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    /// The id of these bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }
}

impl FromStr for JobId {
    type Err = Error;

    /// Accepts the hyphenated form only: one job has one name.
    fn from_str(text: &str) -> Result<Self> {
        let id = Uuid::try_parse(text).ok().filter(|id| id.hyphenated().to_string() == text);
        id.map(Self).ok_or_else(|| Error::invalid("job id", format!("{:?} is not a UUID in lower case", shorten(text))))
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl fmt::Debug for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Names a worker: one run of one process that executes attempts. Never used again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WorkerId(Uuid);

impl WorkerId {
    /// A new id.
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        Self(uuid_v7(now))
    }

    /// The sixteen bytes of the id.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    /// The id of these bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }
}

impl FromStr for WorkerId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Uuid::try_parse(text).map(Self).map_err(|_| Error::invalid("worker id", format!("{:?}", shorten(text))))
    }
}

impl fmt::Display for WorkerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl fmt::Debug for WorkerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Names code by its bytes: SHA-256 (FIPS 180-4), written `sha256:` and 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Digest([u8; 32]);

impl Hash for Digest {
    /// By its first half, which is as evenly spread as the whole.
    fn hash<H: Hasher>(&self, state: &mut H) {
        let (half, _) = self.0.split_at(16);
        state.write(half);
    }
}

impl Digest {
    /// The digest of `bytes`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// The thirty-two bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The digest that has these bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 64 hexadecimal digits, safe as a file name.
    #[must_use]
    pub fn hex(&self) -> String {
        hex::encode(self.0)
    }
}

impl FromStr for Digest {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let why =
            || Error::invalid("digest", format!("{:?} is not `sha256:` and 64 hexadecimal digits", shorten(text)));
        let digits = text.strip_prefix("sha256:").ok_or_else(why)?;
        let mut bytes = [0; 32];
        hex::decode_to_slice(digits, &mut bytes).map_err(|_| why())?;
        Ok(Self(bytes))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", self.hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// The alias of a module: 1 to 64 of `a-z 0-9 . _ -`, beginning with a letter or digit. Safe as a file name.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ModuleName(String);

impl ModuleName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ModuleName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        let fits = (1..=64).contains(&text.len())
            && text.starts_with(plain)
            && text.chars().all(|c| plain(c) || matches!(c, '.' | '_' | '-'));
        if fits {
            return Ok(Self(text.to_owned()));
        }
        Err(Error::invalid(
            "module name",
            format!("{:?} is not 1 to 64 of a-z 0-9 . _ -, beginning with a letter or digit", shorten(text)),
        ))
    }
}

impl TryFrom<String> for ModuleName {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<ModuleName> for String {
    fn from(name: ModuleName) -> Self {
        name.0
    }
}

impl fmt::Display for ModuleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ModuleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// How a request names a module: by alias, or by digest.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum ModuleRef {
    /// Whatever the alias points at when the request is admitted.
    Name(ModuleName),
    /// Exactly this code.
    Digest(Digest),
}

impl FromStr for ModuleRef {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        if text.starts_with("sha256:") {
            return text.parse().map(Self::Digest);
        }
        text.parse().map(Self::Name)
    }
}

impl fmt::Display for ModuleRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => name.fmt(f),
            Self::Digest(digest) => fmt::Display::fmt(digest, f),
        }
    }
}

impl TryFrom<String> for ModuleRef {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl TryFrom<&str> for ModuleRef {
    type Error = Error;

    fn try_from(text: &str) -> Result<Self> {
        text.parse()
    }
}

impl From<ModuleRef> for String {
    fn from(module: ModuleRef) -> Self {
        module.to_string()
    }
}

impl From<Digest> for ModuleRef {
    fn from(digest: Digest) -> Self {
        Self::Digest(digest)
    }
}

impl From<ModuleName> for ModuleRef {
    fn from(name: ModuleName) -> Self {
        Self::Name(name)
    }
}

/// At most 64 characters of what somebody sent, for an error message.
pub(crate) fn shorten(text: &str) -> String {
    const LIMIT: usize = 64;
    match text.char_indices().nth(LIMIT) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_made_later_sort_later() {
        let now = Timestamp::from_micros(1_700_000_000_000_000);
        let ids: Vec<_> = (0..1_000).map(|_| JobId::new(now)).collect();
        assert!(ids.is_sorted());
    }

    #[test]
    fn an_id_reads_back_what_it_wrote_and_nothing_else() {
        let id = JobId::new(Timestamp::from_micros(1));
        assert_eq!(id.to_string().parse::<JobId>().unwrap(), id);
        for bad in ["", "..", "../../etc/passwd", "a/b", "\0", &id.to_string().to_uppercase(), &"a".repeat(300)] {
            assert!(bad.parse::<JobId>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_module_name_cannot_leave_its_folder() {
        for bad in ["", ".", "..", "a/b", "a\\b", ".hidden", "Ä", "a b", "sha256:x", &"a".repeat(65)] {
            assert!(bad.parse::<ModuleName>().is_err(), "{bad:?}");
        }
        assert!("csv-stats_2.wasm".parse::<ModuleName>().is_ok());
    }
}
