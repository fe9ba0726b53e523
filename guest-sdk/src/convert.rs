//! From what a function returns to a payload or a failure. Inherent methods of `Wrap` win over those of the traits, so that
//! `Failure` and `Payload` are what they are, and everything else is shown or written.

use std::fmt::Display;

use serde::Serialize;

use crate::bytes::{Bytes, Payload};
use crate::codec::{self, Codec};
use crate::failure::Failure;

/// A value on its way out.
#[derive(Debug)]
pub struct Wrap<T>(pub T);

impl Wrap<Failure> {
    /// The failure itself.
    pub fn raised(self) -> Failure {
        self.0
    }
}

/// Makes failures of errors.
pub trait Raised {
    /// A failure for good, with the error's text.
    fn raised(self) -> Failure;
}

impl<E: Display> Raised for Wrap<E> {
    fn raised(self) -> Failure {
        Failure::Failed(self.0.to_string())
    }
}

impl Wrap<Payload> {
    /// The payload itself.
    pub fn encoded(self, _content_type: &str) -> Result<Payload, Failure> {
        Ok(self.0)
    }
}

impl Wrap<Bytes> {
    /// The bytes as they are for whoever asked in bytes; else a value as any other.
    pub fn encoded(self, content_type: &str) -> Result<Payload, Failure> {
        match Codec::of(content_type)? {
            Codec::Octets => Ok(Payload::new("application/octet-stream", self.0.0)),
            _ => codec::encode(&self.0, content_type),
        }
    }
}

impl Wrap<String> {
    /// The text as it is for whoever asked in text; else a value as any other.
    pub fn encoded(self, content_type: &str) -> Result<Payload, Failure> {
        match Codec::of(content_type)? {
            Codec::Text => Ok(Payload::new("text/plain; charset=utf-8", self.0)),
            _ => codec::encode(&self.0, content_type),
        }
    }
}

/// Writes values.
pub trait Encoded {
    /// The value in the content type that was asked in, or in JSON where that has no way to write it.
    fn encoded(self, content_type: &str) -> Result<Payload, Failure>;
}

impl<T: Serialize> Encoded for Wrap<T> {
    fn encoded(self, content_type: &str) -> Result<Payload, Failure> {
        codec::encode(&self.0, content_type)
    }
}
