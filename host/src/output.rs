//! What a handle's result is read as.

use serde::de::DeserializeOwned;

use crate::error::Result;
use crate::payload::Payload;

/// A type that an output is read as.
pub trait Output: Sized {
    /// Reads it.
    ///
    /// # Errors
    /// `Invalid` when the payload is of another kind or shape.
    fn read(payload: &Payload) -> Result<Self>;
}

impl Output for Payload {
    fn read(payload: &Payload) -> Result<Self> {
        Ok(payload.clone())
    }
}

/// A value that comes as JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned> Output for Json<T> {
    fn read(payload: &Payload) -> Result<Self> {
        payload.from_json().map(Self)
    }
}
