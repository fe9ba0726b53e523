//! From a payload to arguments: a list by position, or a map by name, whatever the codec.
//!
//! All but the reading of one argument is code that functions share, so that a guest stays small.

use std::fmt;

use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use crate::absent::Absent;
use crate::codec::Codec;
use crate::failure::Failure;
use crate::whole::Whole;

/// What a function is called with.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// The media type.
    pub content_type: &'a str,
    /// The bytes.
    pub bytes: &'a [u8],
}

/// The names of a function's parameters, in order.
pub(crate) type Names = &'static [&'static str];

/// A function's arguments while they are read: the macro makes one of these for each function.
pub trait Slots: Default {
    /// Reads the argument number `at`.
    ///
    /// # Errors
    /// What the codec says.
    fn read<'de, D: Deserializer<'de>>(&mut self, at: usize, from: D) -> Result<(), D::Error>;
    /// Whether the argument number `at` was read.
    fn has(&self, at: usize) -> bool;
}

/// Arguments and the names of the parameters they are for.
#[derive(Debug)]
pub struct Arguments<S> {
    slots: S,
    names: Names,
}

impl Input<'_> {
    /// Reads the arguments.
    ///
    /// # Errors
    /// `InvalidInput`, naming the parameter.
    pub fn arguments<S: Slots>(&self, names: Names) -> Result<S, Failure> {
        let mut arguments = Arguments { slots: S::default(), names };
        match Codec::of(self.content_type)? {
            #[cfg(feature = "json")]
            Codec::Json => {
                let mut json = serde_json::Deserializer::from_slice(self.bytes);
                arguments.fill(&mut json)?;
                json.end().map_err(invalid)?;
            }
            #[cfg(feature = "msgpack")]
            Codec::MessagePack => {
                let mut message = rmp_serde::Deserializer::new(self.bytes);
                message.set_max_depth(crate::codec::DEPTH);
                arguments.fill(&mut message)?;
                ended(message.into_inner())?;
            }
            #[cfg(feature = "cbor")]
            Codec::Cbor => {
                let mut cbor = crate::cbor::Reader::new(self.bytes);
                arguments.fill(&mut cbor)?;
                ended(cbor.rest())?;
            }
            Codec::Text => {
                let text = std::str::from_utf8(self.bytes).map_err(invalid)?;
                arguments.only(Whole::Text(text))?;
            }
            Codec::Octets => arguments.only(Whole::Octets(self.bytes))?,
        }
        arguments.complete()
    }
}

/// There is one value, and nothing after it.
#[cfg(any(feature = "msgpack", feature = "cbor"))]
fn ended(rest: &[u8]) -> Result<(), Failure> {
    if rest.is_empty() { Ok(()) } else { Err(invalid("there is more after the arguments")) }
}

fn invalid(error: impl fmt::Display) -> Failure {
    Failure::InvalidInput(error.to_string())
}

impl<S: Slots> Arguments<S> {
    #[cfg(any(feature = "json", feature = "msgpack", feature = "cbor"))]
    fn fill<'de, D: Deserializer<'de>>(&mut self, from: D) -> Result<(), Failure> {
        from.deserialize_any(self).map_err(invalid)
    }

    /// The payload is the one argument there is.
    fn only<'de, D: Deserializer<'de>>(&mut self, from: D) -> Result<(), Failure> {
        match self.names {
            [name] => self.slots.read(0, from).map_err(|error| Failure::InvalidInput(of(name, &error))),
            names => Err(Failure::InvalidInput("one value was given, and it takes ".to_owned() + &count(names))),
        }
    }

    /// What is missing may be absent: an `Option` is `None`.
    fn complete(mut self) -> Result<S, Failure> {
        for (at, name) in self.names.iter().enumerate() {
            if !self.slots.has(at) && self.slots.read(at, Absent).is_err() {
                let takes = count(self.names);
                return Err(Failure::InvalidInput(["argument ", name, " is missing; it takes ", &takes].concat()));
            }
        }
        Ok(self.slots)
    }

    fn at(&mut self, at: usize) -> Slot<'_, S> {
        Slot { name: self.names[at], slots: &mut self.slots, at }
    }
}

impl<'de, S: Slots> Visitor<'de> for &mut Arguments<S> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of arguments, or a map of them by name: it takes ")?;
        f.write_str(&count(self.names))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        for at in 0..self.names.len() {
            if seq.next_element_seed(self.at(at))?.is_none() {
                return Ok(());
            }
        }
        match seq.next_element::<serde::de::IgnoredAny>()? {
            None => Ok(()),
            Some(_) => Err(A::Error::custom(format!("too many arguments; it takes {}", count(self.names)))),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            match self.names.iter().position(|name| *name == key) {
                Some(at) => map.next_value_seed(self.at(at))?,
                None => {
                    let message = format!("there is no parameter {key}; it takes {}", count(self.names));
                    return Err(A::Error::custom(message));
                }
            }
        }
        Ok(())
    }
}

struct Slot<'a, S> {
    slots: &'a mut S,
    name: &'static str,
    at: usize,
}

impl<'de, S: Slots> DeserializeSeed<'de> for Slot<'_, S> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        self.slots.read(self.at, from).map_err(|error| D::Error::custom(of(self.name, &error)))
    }
}

fn of(name: &str, error: &dyn fmt::Display) -> String {
    format!("argument {name}: {error}")
}

fn count(names: Names) -> String {
    match names {
        [] => "no arguments".into(),
        names => names.join(", "),
    }
}

/// A value that a function may be given.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a parameter of a job: it has no `serde::Deserialize`",
    label = "cannot be read",
    note = "derive it for this type and all that is in it: `#[derive(serde::Deserialize)]`"
)]
pub trait Given: DeserializeOwned {}

#[diagnostic::do_not_recommend]
impl<T: DeserializeOwned> Given for T {}

/// Reads one value; what the macro's slots call.
///
/// # Errors
/// What the codec says.
pub fn read<'de, T: Given, D: Deserializer<'de>>(slot: &mut Option<T>, from: D) -> Result<(), D::Error> {
    *slot = Some(T::deserialize(from)?);
    Ok(())
}

/// Whether the argument number `at` may be left out.
#[cfg(feature = "schema")]
pub(crate) fn is_optional<S: Slots>(at: usize) -> bool {
    S::default().read(at, Absent).is_ok()
}
