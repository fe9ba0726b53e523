//! Values that are bytes.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserializer, SeqAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};

/// An output that is bytes of a media type of its own: a picture, a document. Sent as it is.
///
/// ```
/// # use au_guest::{Payload, async_compute};
/// /// A dot.
/// #[async_compute]
/// fn dot() -> Payload {
///     Payload::new("image/svg+xml", "<svg xmlns='http://www.w3.org/2000/svg'/>")
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payload {
    /// The media type.
    pub content_type: Cow<'static, str>,
    /// The bytes.
    pub bytes: Vec<u8>,
}

impl Payload {
    /// Bytes of a media type.
    pub fn new(content_type: impl Into<Cow<'static, str>>, bytes: impl Into<Vec<u8>>) -> Self {
        Self { content_type: content_type.into(), bytes: bytes.into() }
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Payload {
    fn schema_name() -> Cow<'static, str> {
        "Payload".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "contentEncoding": "binary" })
    }
}

/// A parameter or result that is bytes: binary in MessagePack and CBOR, a list of numbers in JSON. As the only parameter it
/// takes a payload of `application/octet-stream` whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bytes(pub Vec<u8>);

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Not `byte_buf`: whoever has no bytes to write sends a list of numbers, in whatever codec.
        deserializer.deserialize_any(BytesVisitor).map(Self)
    }
}

struct BytesVisitor;

impl<'de> Visitor<'de> for BytesVisitor {
    type Value = Vec<u8>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("bytes")
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
        Ok(bytes.to_vec())
    }

    fn visit_byte_buf<E>(self, bytes: Vec<u8>) -> Result<Vec<u8>, E> {
        Ok(bytes)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<u8>, A::Error> {
        let mut bytes = Vec::new();
        while let Some(byte) = seq.next_element()? {
            bytes.push(byte);
        }
        Ok(bytes)
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Bytes {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Bytes".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "array", "items": { "type": "integer", "minimum": 0, "maximum": 255 } })
    }
}
