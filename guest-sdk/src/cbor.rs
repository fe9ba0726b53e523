//! Reads CBOR (RFC 8949). However a value is written, it is read as what is asked for: encoders shorten numbers where nothing
//! is lost, so a fraction may come as a whole number or a half float; a length may be open; tags are passed over, but for
//! those of large numbers.
//!
//! It is our own because cbor4ii, which writes, reads a number only in the very form in which it would write it.

use std::borrow::Cow;

use serde::de::value::StrDeserializer;
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error, IntoDeserializer, MapAccess, SeqAccess, VariantAccess, Visitor,
};
use serde::{Deserialize, forward_to_deserialize_any};

use crate::absent::Unfit;
use crate::codec::DEPTH;

type Result<T> = std::result::Result<T, Unfit>;

const UNSIGNED: u8 = 0;
const NEGATIVE: u8 = 1;
const BYTES: u8 = 2;
const TEXT: u8 = 3;
const LIST: u8 = 4;
const MAP: u8 = 5;
const TAG: u8 = 6;
/// In place of a length: what follows ends with a `BREAK`.
const OPEN: u8 = 31;

const EMPTY_LIST: u8 = 0x80;
const NULL: u8 = 0xf6;
const UNDEFINED: u8 = 0xf7;
const BREAK: u8 = 0xff;

/// What is left to read.
#[derive(Debug)]
pub(crate) struct Reader<'de> {
    rest: &'de [u8],
    depth: usize,
}

/// How an item begins: its major type, the bits after that, and the number they stand for.
#[derive(Clone, Copy)]
struct Head {
    major: u8,
    bits: u8,
    number: u64,
}

impl<'de> Reader<'de> {
    pub(crate) fn new(bytes: &'de [u8]) -> Self {
        Self { rest: bytes, depth: 0 }
    }

    /// What was not read.
    pub(crate) fn rest(&self) -> &'de [u8] {
        self.rest
    }

    fn take(&mut self, count: u64) -> Result<&'de [u8]> {
        let fits = usize::try_from(count).ok().and_then(|count| self.rest.split_at_checked(count));
        let (taken, rest) = fits.ok_or_else(|| Unfit::custom("the input ends too early"))?;
        self.rest = rest;
        Ok(taken)
    }

    /// Takes the next byte if it is this one.
    fn next_is(&mut self, byte: u8) -> bool {
        let is = self.rest.first() == Some(&byte);
        if is {
            self.rest = &self.rest[1..];
        }
        is
    }

    fn head(&mut self) -> Result<Head> {
        let first = self.take(1)?[0];
        let (major, bits) = (first >> 5, first & 31);
        let number = match bits {
            0..24 => bits.into(),
            24..28 => self.take(1 << (bits - 24))?.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)),
            OPEN if (BYTES..=MAP).contains(&major) => 0,
            _ => return Err(Unfit::custom("this is not CBOR")),
        };
        Ok(Head { major, bits, number })
    }

    /// The next item that is no tag, and the tag before it.
    fn tagged(&mut self) -> Result<(Option<u64>, Head)> {
        let mut tag = None;
        loop {
            match self.head()? {
                Head { major: TAG, number, .. } => tag = Some(number),
                head => return Ok((tag, head)),
            }
        }
    }

    fn bytes(&mut self, head: Head) -> Result<Cow<'de, [u8]>> {
        if head.bits != OPEN {
            return self.take(head.number).map(Cow::Borrowed);
        }
        let mut joined = Vec::new();
        while !self.next_is(BREAK) {
            let part = self.head()?;
            if part.major != head.major || part.bits == OPEN {
                return Err(Unfit::custom("this is not CBOR"));
            }
            joined.extend_from_slice(self.take(part.number)?);
        }
        Ok(joined.into())
    }

    fn text(&mut self, head: Head) -> Result<Cow<'de, str>> {
        match self.bytes(head)? {
            Cow::Borrowed(bytes) => std::str::from_utf8(bytes).map(Cow::Borrowed).map_err(Unfit::custom),
            Cow::Owned(bytes) => String::from_utf8(bytes).map(Cow::Owned).map_err(Unfit::custom),
        }
    }

    /// The items of a list or map, all of which must be read.
    fn items<T>(&mut self, head: Head, read: impl FnOnce(&mut Items<'_, 'de>) -> Result<T>) -> Result<T> {
        if self.depth == DEPTH {
            return Err(Unfit::custom("it is nested too deeply"));
        }
        self.depth += 1;
        let left = (head.bits != OPEN).then_some(head.number);
        let mut items = Items { reader: self, left };
        let value = read(&mut items)?;
        if items.more()? {
            return Err(Unfit::custom("it has more items than expected"));
        }
        self.depth -= 1;
        Ok(value)
    }
}

/// A number of up to 128 bits, as bytes.
fn large(bytes: &[u8]) -> Result<u128> {
    let digits = bytes.iter().position(|byte| *byte != 0).map_or(&[][..], |first| &bytes[first..]);
    match digits.len() {
        0..=16 => Ok(digits.iter().fold(0, |number, byte| number << 8 | u128::from(*byte))),
        _ => Err(Unfit::custom("the number has more than 128 bits")),
    }
}

fn visit_natural<'de, V: Visitor<'de>>(number: u128, visitor: V) -> Result<V::Value> {
    match u64::try_from(number) {
        Ok(number) => visitor.visit_u64(number),
        Err(_) => visitor.visit_u128(number),
    }
}

/// The number -1 - `number`.
fn visit_negative<'de, V: Visitor<'de>>(number: u128, visitor: V) -> Result<V::Value> {
    let number = -1 - i128::try_from(number).map_err(|_| Unfit::custom("the number has more than 128 bits"))?;
    match i64::try_from(number) {
        Ok(number) => visitor.visit_i64(number),
        Err(_) => visitor.visit_i128(number),
    }
}

fn visit_simple<'de, V: Visitor<'de>>(head: Head, visitor: V) -> Result<V::Value> {
    match head.bits {
        20 | 21 => visitor.visit_bool(head.bits == 21),
        22 | 23 => visitor.visit_unit(),
        25 => visitor.visit_f64(half(head.number as u16)),
        26 => visitor.visit_f64(f32::from_bits(head.number as u32).into()),
        27 => visitor.visit_f64(f64::from_bits(head.number)),
        _ => Err(Unfit::custom("this is not CBOR")),
    }
}

/// A float of 16 bits (RFC 8949, appendix D).
fn half(bits: u16) -> f64 {
    let (exponent, fraction) = (i32::from(bits >> 10 & 31), f64::from(bits & 1023));
    let size = match exponent {
        0 => fraction * 2_f64.powi(-24),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (1024.0 + fraction) * 2_f64.powi(exponent - 25),
    };
    if bits >> 15 == 0 { size } else { -size }
}

impl<'de> Deserializer<'de> for &mut Reader<'de> {
    type Error = Unfit;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        let (tag, head) = self.tagged()?;
        match head.major {
            UNSIGNED => visitor.visit_u64(head.number),
            NEGATIVE => visit_negative(head.number.into(), visitor),
            BYTES => match (tag, self.bytes(head)?) {
                (Some(2), bytes) => visit_natural(large(&bytes)?, visitor),
                (Some(3), bytes) => visit_negative(large(&bytes)?, visitor),
                (_, Cow::Borrowed(bytes)) => visitor.visit_borrowed_bytes(bytes),
                (_, Cow::Owned(bytes)) => visitor.visit_byte_buf(bytes),
            },
            TEXT => match self.text(head)? {
                Cow::Borrowed(text) => visitor.visit_borrowed_str(text),
                Cow::Owned(text) => visitor.visit_string(text),
            },
            LIST => self.items(head, |items| visitor.visit_seq(items)),
            MAP => self.items(head, |items| visitor.visit_map(items)),
            _ => visit_simple(head, visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        if self.next_is(NULL) || self.next_is(UNDEFINED) { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    /// An empty list will do, too: cbor4ii writes one.
    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        if self.next_is(EMPTY_LIST) { visitor.visit_unit() } else { self.deserialize_any(visitor) }
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        let (_, head) = self.tagged()?;
        match head.major {
            TEXT => {
                let name = self.text(head)?;
                let name: StrDeserializer<'_, Unfit> = name.as_ref().into_deserializer();
                visitor.visit_enum(name)
            }
            MAP => self.items(head, |items| visitor.visit_enum(items)),
            _ => Err(Unfit::custom("expected the name of a variant, or a map of one to its value")),
        }
    }

    fn is_human_readable(&self) -> bool {
        false
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf seq tuple tuple_struct map
        struct identifier ignored_any
    }
}

/// The items of a list or map that are left: so many, or up to a `BREAK`.
struct Items<'a, 'de> {
    reader: &'a mut Reader<'de>,
    left: Option<u64>,
}

impl Items<'_, '_> {
    fn more(&mut self) -> Result<bool> {
        match &mut self.left {
            Some(0) => Ok(false),
            Some(left) => {
                *left -= 1;
                Ok(true)
            }
            None if self.reader.next_is(BREAK) => {
                self.left = Some(0);
                Ok(false)
            }
            None => Ok(true),
        }
    }
}

impl<'de> SeqAccess<'de> for Items<'_, 'de> {
    type Error = Unfit;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>> {
        if self.more()? { seed.deserialize(&mut *self.reader).map(Some) } else { Ok(None) }
    }
}

impl<'de> MapAccess<'de> for Items<'_, 'de> {
    type Error = Unfit;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>> {
        if self.more()? { seed.deserialize(&mut *self.reader).map(Some) } else { Ok(None) }
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value> {
        seed.deserialize(&mut *self.reader)
    }
}

/// A map of one: the name of a variant, and what is in it.
impl<'de> EnumAccess<'de> for &mut Items<'_, 'de> {
    type Error = Unfit;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self)> {
        let name = self.next_key_seed(seed)?.ok_or_else(|| Unfit::custom("expected a variant"))?;
        Ok((name, self))
    }
}

impl<'de> VariantAccess<'de> for &mut Items<'_, 'de> {
    type Error = Unfit;

    fn unit_variant(self) -> Result<()> {
        Deserialize::deserialize(&mut *self.reader)
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value> {
        self.next_value_seed(seed)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value> {
        self.reader.deserialize_any(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], visitor: V) -> Result<V::Value> {
        self.reader.deserialize_any(visitor)
    }
}
