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
        // By bytes: text is cut at characters, and the code for that is large.
        let bytes = content_type.as_bytes();
        let essence = bytes.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
        match essence {
            #[cfg(feature = "json")]
            b"application/json" => Ok(Self::Json),
            #[cfg(feature = "msgpack")]
            b"application/msgpack" | b"application/x-msgpack" | b"application/vnd.msgpack" => Ok(Self::MessagePack),
            #[cfg(feature = "cbor")]
            b"application/cbor" => Ok(Self::Cbor),
            b"application/octet-stream" => Ok(Self::Octets),
            text if text.starts_with(b"text/") => Ok(Self::Text),
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

/// Writes `value` in this content type. JSON stands in for text and bytes; without JSON, only texts and bytes can be written.
#[cfg_attr(
    not(any(feature = "json", feature = "msgpack", feature = "cbor")),
    expect(unused_variables, reason = "there is no codec")
)]
pub(crate) fn encode<T: Serialize>(value: &T, content_type: &str) -> Result<Payload, Failure> {
    match Codec::of(content_type)? {
        #[cfg(feature = "msgpack")]
        Codec::MessagePack => {
            let bytes = rmp_serde::to_vec_named(value).map_err(unwritten)?;
            Ok(Payload::new(MESSAGE_PACK, bytes))
        }
        #[cfg(feature = "cbor")]
        Codec::Cbor => Ok(Payload::new(CBOR, cbor4ii::serde::to_vec(Vec::new(), value).map_err(unwritten)?)),
        #[cfg(feature = "json")]
        _ => Ok(Payload::new(JSON, serde_json::to_vec(value).map_err(unwritten)?)),
        #[cfg(not(feature = "json"))]
        _ => {
            Err(Failure::Failed("this module has no JSON to answer in: it was built without the feature `json`".into()))
        }
    }
}

#[cfg(any(feature = "json", feature = "msgpack", feature = "cbor"))]
fn unwritten(error: impl std::fmt::Display) -> Failure {
    Failure::Failed(format!("the output cannot be written: {error}"))
}
