//! What goes into a function and comes out: bytes and how to read them. The host hands them on and does not look.

use std::fmt;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Error, Result};

/// The media type of JSON (RFC 8259).
pub const JSON: &str = "application/json";
/// The media type of MessagePack (registered with IANA in 2025).
pub const MESSAGE_PACK: &str = "application/msgpack";
/// The media type of CBOR (RFC 8949).
pub const CBOR: &str = "application/cbor";
/// The media type of bytes of no known kind (RFC 2046).
pub const OCTETS: &str = "application/octet-stream";

/// Longest content type that is taken, in bytes.
pub(crate) const CONTENT_TYPE_LIMIT: usize = 255;

/// Bytes and their media type. Cloning is cheap: the bytes are shared.
#[derive(Clone, PartialEq, Eq)]
pub struct Payload {
    content_type: Box<str>,
    bytes: Bytes,
}

impl Payload {
    /// Bytes of this media type.
    ///
    /// # Errors
    /// `Invalid` when the media type is empty, longer than 255 bytes, or not plain printable ASCII.
    pub fn new(content_type: &str, bytes: impl Into<Bytes>) -> Result<Self> {
        Self::of(content_type.into(), bytes)
    }

    /// The same, of a content type that need not be copied.
    pub(crate) fn of(content_type: Box<str>, bytes: impl Into<Bytes>) -> Result<Self> {
        let printable = content_type.bytes().all(|byte| (0x20..0x7f).contains(&byte));
        if content_type.is_empty() || content_type.len() > CONTENT_TYPE_LIMIT || !printable {
            return Err(Error::invalid(
                "content type",
                format!("{:?} is not a media type", crate::id::shorten(&content_type)),
            ));
        }
        Ok(Self { content_type, bytes: bytes.into() })
    }

    /// No bytes, of no known kind.
    pub(crate) fn nothing() -> Self {
        Self { content_type: OCTETS.into(), bytes: Bytes::new() }
    }

    /// `value` as JSON. A function's input is the list of its arguments: `Payload::json(&(2, 40))`.
    ///
    /// # Errors
    /// `Invalid` when `value` cannot be written as JSON.
    pub fn json<T: Serialize + ?Sized>(value: &T) -> Result<Self> {
        let bytes = serde_json::to_vec(value).map_err(|error| Error::invalid("value", error.to_string()))?;
        Self::new(JSON, bytes)
    }

    /// The value these bytes are JSON of.
    ///
    /// # Errors
    /// `Invalid` when this is not JSON, or JSON of another shape.
    pub fn from_json<T: DeserializeOwned>(&self) -> Result<T> {
        if !self.is_json() {
            return Err(Error::invalid("payload", format!("{} is not {JSON}", self.content_type)));
        }
        serde_json::from_slice(&self.bytes).map_err(|error| Error::invalid("payload", error.to_string()))
    }

    /// Whether the media type is JSON, parameters aside.
    #[must_use]
    pub fn is_json(&self) -> bool {
        let essence = self.content_type.split(';').next().unwrap_or("").trim();
        essence.eq_ignore_ascii_case(JSON)
    }

    /// The media type.
    #[must_use]
    pub fn content_type(&self) -> &str {
        &self.content_type
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// How many bytes.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Payload({}, {} bytes)", self.content_type, self.bytes.len())
    }
}
