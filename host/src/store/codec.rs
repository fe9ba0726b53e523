//! Writes and reads the parts that kept records are made of, sealed with a checksum.
//!
//! Knows nothing of jobs; `record.rs` does. By hand rather than serde: a job is written twice and read at least once, and
//! this is a tenth of the time and a third of the bytes of JSON.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// What is wrong with a record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(in crate::store) struct Damage(pub(in crate::store) String);

impl Damage {
    pub(in crate::store) fn new(why: impl Into<String>) -> Self {
        Self(why.into())
    }
}

/// Builds a record.
#[derive(Debug)]
pub(in crate::store) struct Encoder(Vec<u8>);

impl Encoder {
    /// A record of this format.
    pub(in crate::store) fn new(format: u8) -> Self {
        let mut bytes = Vec::with_capacity(192);
        bytes.push(format);
        Self(bytes)
    }

    pub(in crate::store) fn raw(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// Small numbers take few bytes (LEB128).
    pub(in crate::store) fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0.push(number.to_le_bytes()[0] | 0x80);
            number >>= 7;
        }
        self.0.push(number.to_le_bytes()[0]);
    }

    /// Numbers near zero on either side take few bytes.
    pub(in crate::store) fn signed(&mut self, number: i64) {
        self.number(((number << 1) ^ (number >> 63)).cast_unsigned());
    }

    pub(in crate::store) fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.raw(text.as_bytes());
    }

    pub(in crate::store) fn optional<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) {
        self.number(u64::from(value.is_some()));
        if let Some(value) = value {
            write(self, value);
        }
    }

    /// For what is rare and has many parts.
    pub(in crate::store) fn json<T: Serialize>(&mut self, value: &T) {
        // None of the types kept this way has a map with keys that are not text, the one thing that could fail.
        self.text(&serde_json::to_string(value).unwrap_or_default());
    }

    /// The record, its checksum at the end.
    pub(in crate::store) fn seal(mut self) -> Vec<u8> {
        let sum = crc32fast::hash(&self.0);
        self.raw(&sum.to_le_bytes());
        self.0
    }
}

/// Takes a record apart.
#[derive(Debug)]
pub(in crate::store) struct Decoder<'a>(&'a [u8]);

impl<'a> Decoder<'a> {
    /// Checks the checksum and the format.
    pub(in crate::store) fn open(sealed: &'a [u8], format: u8) -> Result<Self, Damage> {
        let (body, sum) = sealed.split_last_chunk::<4>().ok_or_else(|| Damage::new("it is cut short"))?;
        if crc32fast::hash(body) != u32::from_le_bytes(*sum) {
            return Err(Damage::new("its checksum does not match"));
        }
        match body.split_first() {
            Some((found, rest)) if *found == format => Ok(Self(rest)),
            Some((found, _)) => Err(Damage::new(format!("it has format {found}, this version reads {format}"))),
            None => Err(Damage::new("it is empty")),
        }
    }

    pub(in crate::store) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(in crate::store) fn raw(&mut self, count: usize) -> Result<&'a [u8], Damage> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or_else(|| Damage::new("it ends too early"))?;
        self.0 = rest;
        Ok(taken)
    }

    pub(in crate::store) fn array<const N: usize>(&mut self) -> Result<[u8; N], Damage> {
        let (taken, rest) = self.0.split_first_chunk().ok_or_else(|| Damage::new("it ends too early"))?;
        self.0 = rest;
        Ok(*taken)
    }

    pub(in crate::store) fn number(&mut self) -> Result<u64, Damage> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let [byte] = self.array()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(Damage::new("a number in it has no end"))
    }

    pub(in crate::store) fn narrow<T: TryFrom<u64>>(&mut self) -> Result<T, Damage> {
        T::try_from(self.number()?).map_err(|_| Damage::new("a number in it is too large"))
    }

    pub(in crate::store) fn signed(&mut self) -> Result<i64, Damage> {
        let number = self.number()?;
        Ok((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
    }

    pub(in crate::store) fn text(&mut self) -> Result<&'a str, Damage> {
        let length = self.narrow()?;
        std::str::from_utf8(self.raw(length)?).map_err(|_| Damage::new("a text in it is not UTF-8"))
    }

    pub(in crate::store) fn optional<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, Damage>,
    ) -> Result<Option<T>, Damage> {
        match self.number()? {
            0 => Ok(None),
            _ => read(self).map(Some),
        }
    }

    pub(in crate::store) fn json<T: DeserializeOwned>(&mut self) -> Result<T, Damage> {
        serde_json::from_str(self.text()?).map_err(|error| Damage::new(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_is_read_back(number: u64, signed: i64, text: String, some: Option<u64>) {
            let mut encoder = Encoder::new(1);
            encoder.number(number);
            encoder.signed(signed);
            encoder.text(&text);
            encoder.optional(some, Encoder::number);
            let sealed = encoder.seal();
            let mut decoder = Decoder::open(&sealed, 1).unwrap();
            prop_assert_eq!(decoder.number().unwrap(), number);
            prop_assert_eq!(decoder.signed().unwrap(), signed);
            prop_assert_eq!(decoder.text().unwrap(), text);
            prop_assert_eq!(decoder.optional(Decoder::number).unwrap(), some);
        }

        #[test]
        fn a_changed_bit_is_noticed(text: String, at: prop::sample::Index, bit in 0..8) {
            let mut encoder = Encoder::new(1);
            encoder.text(&text);
            let mut sealed = encoder.seal();
            let at = at.index(sealed.len());
            sealed[at] ^= 1_u8 << bit;
            prop_assert!(Decoder::open(&sealed, 1).is_err());
        }

        #[test]
        fn garbage_is_damage_and_never_a_panic(mut garbage: Vec<u8>) {
            garbage.insert(0, 1);
            let sum = crc32fast::hash(&garbage);
            garbage.extend(sum.to_le_bytes());
            let mut decoder = Decoder::open(&garbage, 1).unwrap();
            while decoder.text().is_ok() && decoder.number().is_ok() && decoder.signed().is_ok() {}
        }
    }
}
