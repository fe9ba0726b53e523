//! From what a function returns to a payload or a failure.

use std::any::Any;
use std::fmt::Display;
use std::marker::PhantomData;

use serde::Serialize;

use crate::bytes::{Bytes, Payload};
use crate::codec::{self, Codec, OCTETS, TEXT};
use crate::failure::Failure;

/// A value that a function may return.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the output of a job: it has no `serde::Serialize`",
    label = "cannot be written",
    note = "derive it for this type and all that is in it: `#[derive(serde::Serialize)]`"
)]
pub trait Written {
    /// The value in the content type that was asked in, or in JSON where that has no way to write it.
    ///
    /// # Errors
    /// What the codec says.
    fn written(self, content_type: &str) -> Result<Payload, Failure>;
}

/// Texts and bytes are sent as they are to whoever asked in them.
#[diagnostic::do_not_recommend]
impl<T: Serialize + 'static> Written for T {
    fn written(self, content_type: &str) -> Result<Payload, Failure> {
        let codec = Codec::of(content_type)?;
        let mut value = Some(self);
        match codec {
            Codec::Octets => {
                if let Some(Bytes(bytes)) = take(&mut value) {
                    return Ok(Payload::new(OCTETS, bytes));
                }
            }
            Codec::Text => {
                if let Some(text) = take::<String>(&mut value) {
                    return Ok(Payload::new(TEXT, text));
                }
            }
            #[cfg(any(feature = "json", feature = "msgpack", feature = "cbor"))]
            _ => {}
        }
        // Nothing is `null` in every codec; by itself cbor4ii would write an empty list.
        let _: Option<()> = take(&mut value);
        codec::encode(&value, codec)
    }
}

impl Written for Payload {
    fn written(self, _: &str) -> Result<Payload, Failure> {
        Ok(self)
    }
}

/// An error that a function may return.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the error of a job: it has no `Display`",
    label = "cannot be shown",
    note = "implement `std::fmt::Display` for it, or make it a `String` or an `au_guest::Failure`"
)]
pub trait Raised {
    /// A `Failure` as it is; of anything else a failure for good, with its text.
    fn failure(self) -> Failure;
}

#[diagnostic::do_not_recommend]
impl<E: Display + 'static> Raised for E {
    fn failure(self) -> Failure {
        let mut error = Some(self);
        match take(&mut error) {
            Some(failure) => failure,
            None => Failure::Failed(error.map(|error| error.to_string()).unwrap_or_default()),
        }
    }
}

/// The value, if it is a `U`. Which it is, is known when this is compiled, and the rest is left out.
fn take<U: 'static>(value: &mut dyn Any) -> Option<U> {
    value.downcast_mut::<Option<U>>().and_then(Option::take)
}

/// What the macro calls on an output.
///
/// # Errors
/// What the codec says.
pub fn written<T: Written>(value: T, content_type: &str) -> Result<Payload, Failure> {
    value.written(content_type)
}

/// What the macro calls on an error.
pub fn failure<E: Raised>(error: E) -> Failure {
    error.failure()
}

/// What the macro calls on an argument, after all were read: so there is one.
///
/// # Errors
/// Never.
pub fn taken<T>(argument: Option<T>) -> Result<T, Failure> {
    argument.ok_or(Failure::Failed(String::new()))
}

/// Asks of a type whether it is a `Result`: what is said of that type alone wins over what is said of all.
#[derive(Debug)]
pub struct Probe<T>(PhantomData<T>);

impl<T, E> Probe<Result<T, E>> {
    /// It is one.
    pub const IS_PLAIN: bool = false;
}

/// What is said of all types.
pub trait Plain {
    /// It is none.
    const IS_PLAIN: bool = true;
}

impl<T> Plain for Probe<T> {}
