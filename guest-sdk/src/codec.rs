//! Content types that a guest reads and writes, each behind a cargo feature.

use serde::Serialize;

use crate::bytes::Payload;
use crate::failure::Failure;

pub(crate) const JSON: &str = "application/json";
pub(crate) const MESSAGE_PACK: &str = "application/msgpack";
pub(crate) const CBOR: &str = "application/cbor";

/// How a payload is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Codec {
    #[cfg(feature = "json")]
    Json,
    #[cfg(feature = "msgpack")]
    MessagePack,
    #[cfg(feature = "cbor")]
    Cbor,
    /// One argument, whole: a text.
    Text,
    /// One argument, whole: bytes.
    Octets,
}

impl Codec {
    /// The codec of a content type, its parameters aside.
    pub(crate) fn of(content_type: &str) -> Result<Self, Failure> {
        let essence = content_type.split(';').next().unwrap_or("").trim();
        match essence {
            #[cfg(feature = "json")]
            JSON => Ok(Self::Json),
            #[cfg(feature = "msgpack")]
            MESSAGE_PACK | "application/x-msgpack" | "application/vnd.msgpack" => Ok(Self::MessagePack),
            #[cfg(feature = "cbor")]
            CBOR => Ok(Self::Cbor),
            "application/octet-stream" => Ok(Self::Octets),
            text if text.starts_with("text/") => Ok(Self::Text),
            _ => Err(unknown(content_type)),
        }
    }
}

fn unknown(content_type: &str) -> Failure {
    let mut known = String::new();
    for (name, built_in) in
        [(JSON, cfg!(feature = "json")), (MESSAGE_PACK, cfg!(feature = "msgpack")), (CBOR, cfg!(feature = "cbor"))]
    {
        if built_in {
            known += name;
            known += ", ";
        }
    }
    let mut message = String::from("this function cannot read ");
    message += content_type;
    message += "; it reads ";
    message += &known;
    message += "and, for its only parameter, text/* and application/octet-stream";
    Failure::InvalidInput(message)
}

/// Writes `value` in this content type; JSON stands in for text and bytes.
pub(crate) fn encode<T: Serialize>(value: &T, content_type: &str) -> Result<Payload, Failure> {
    match Codec::of(content_type)? {
        #[cfg(feature = "msgpack")]
        Codec::MessagePack => {
            let bytes = rmp_serde::to_vec_named(value).map_err(unwritten)?;
            Ok(Payload::new(MESSAGE_PACK, bytes))
        }
        #[cfg(feature = "cbor")]
        Codec::Cbor => {
            let mut bytes = Vec::new();
            ciborium::into_writer(value, &mut bytes).map_err(unwritten)?;
            Ok(Payload::new(CBOR, bytes))
        }
        _ => Ok(Payload::new(JSON, serde_json::to_vec(value).map_err(unwritten)?)),
    }
}

fn unwritten(error: impl std::fmt::Display) -> Failure {
    Failure::Failed(format!("the output cannot be written: {error}"))
}
