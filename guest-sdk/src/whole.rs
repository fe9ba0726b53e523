//! A payload that is one argument whole, text or bytes, as what it is read from.

use serde::de::{Deserializer, Visitor};
use serde::forward_to_deserialize_any;

use crate::absent::Unfit;

/// The one argument there is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Whole<'a> {
    Text(&'a str),
    Octets(&'a [u8]),
}

impl<'de> Deserializer<'de> for Whole<'de> {
    type Error = Unfit;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unfit> {
        match self {
            Self::Text(text) => visitor.visit_borrowed_str(text),
            Self::Octets(bytes) => visitor.visit_borrowed_bytes(bytes),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unfit> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Unfit> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct
        seq tuple tuple_struct map struct enum identifier ignored_any
    }
}
