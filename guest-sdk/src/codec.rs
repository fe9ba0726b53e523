//! Content types that a guest reads and writes, each behind a cargo feature.

use serde::Serialize;

use crate::bytes::Payload;
use crate::failure::Failure;

pub(crate) const JSON: &str = "application/json";
pub(crate) const MESSAGE_PACK: &str = "application/msgpack";
pub(crate) const CBOR: &str = "application/cbor";
pub(crate) const OCTETS: &str = "application/octet-stream";
pub(crate) const TEXT: &str = "text/plain; charset=utf-8";

/// How deep values are read, by every codec: as deep as serde_json reads, which a stack of 1 MiB holds unoptimised too.
#[cfg(any(feature = "msgpack", feature = "cbor"))]
pub(crate) const DEPTH: usize = 128;

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
        // Upper and lower case are the same (RFC 9110, 8.3.1).
        let is = |name: &str| essence.eq_ignore_ascii_case(name.as_bytes());
        let starts =
            |name: &str| essence.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name.as_bytes()));
        #[cfg(feature = "json")]
        if is(JSON) {
            return Ok(Self::Json);
        }
        #[cfg(feature = "msgpack")]
        if is(MESSAGE_PACK) || is("application/x-msgpack") || is("application/vnd.msgpack") {
            return Ok(Self::MessagePack);
        }
        #[cfg(feature = "cbor")]
        if is(CBOR) {
            return Ok(Self::Cbor);
        }
        match essence {
            _ if is(OCTETS) => Ok(Self::Octets),
            _ if starts("text/") => Ok(Self::Text),
            _ => Err(unknown(content_type)),
        }
    }
}

fn unknown(content_type: &str) -> Failure {
    let mut message = String::from("this function cannot read ");
    message += content_type;
    message += "; it reads ";
    for (name, built_in) in
        [(JSON, cfg!(feature = "json")), (MESSAGE_PACK, cfg!(feature = "msgpack")), (CBOR, cfg!(feature = "cbor"))]
    {
        if built_in {
            message += name;
            message += ", ";
        }
    }
    message += "text/* and application/octet-stream for its only parameter";
    Failure::InvalidInput(message)
}

/// Writes `value` by this codec. JSON stands in for text and bytes.
#[cfg_attr(
    not(any(feature = "json", feature = "msgpack", feature = "cbor")),
    expect(unused_variables, reason = "there is no codec")
)]
pub(crate) fn encode<T: Serialize>(value: &T, codec: Codec) -> Result<Payload, Failure> {
    match codec {
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
