//! What a function makes of a payload, by every codec: JSON, MessagePack, CBOR, and texts and bytes as they are.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod answers;
mod arguments;
mod cbor;
mod hostile;
mod numbers;
mod random;
mod whole;

use au_guest::{Failure, Payload, call};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A codec as the caller knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Codec {
    Json,
    MessagePack,
    Cbor,
}

impl Codec {
    pub(crate) const ALL: [Self; 3] = [Self::Json, Self::MessagePack, Self::Cbor];

    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::MessagePack => "application/msgpack",
            Self::Cbor => "application/cbor",
        }
    }

    pub(crate) fn write<T: Serialize>(self, value: &T) -> Vec<u8> {
        match self {
            Self::Json => serde_json::to_vec(value).unwrap(),
            Self::MessagePack => rmp_serde::to_vec_named(value).unwrap(),
            Self::Cbor => cbor4ii::serde::to_vec(Vec::new(), value).unwrap(),
        }
    }

    pub(crate) fn read<T: DeserializeOwned>(self, bytes: &[u8]) -> T {
        match self {
            Self::Json => serde_json::from_slice(bytes).unwrap(),
            Self::MessagePack => rmp_serde::from_slice(bytes).unwrap(),
            Self::Cbor => cbor4ii::serde::from_slice(bytes).unwrap(),
        }
    }

    /// Calls a function with arguments in this codec.
    pub(crate) fn call<T: Serialize>(self, function: &str, arguments: &T) -> Result<Payload, Failure> {
        call(function, self.content_type(), &self.write(arguments))
    }

    /// The output of a function that must have one, which must be written as was asked.
    pub(crate) fn output<T: Serialize, U: DeserializeOwned>(self, function: &str, arguments: &T) -> U {
        let output = self.call(function, arguments).unwrap_or_else(|failure| panic!("{self:?}: {failure}"));
        assert_eq!(output.content_type, self.content_type());
        self.read(&output.bytes)
    }
}

/// Why a function could not read its input.
pub(crate) fn refusal(result: Result<Payload, Failure>) -> String {
    match result {
        Err(Failure::InvalidInput(why)) => why,
        other => panic!("expected a refusal of the input, got {other:?}"),
    }
}
