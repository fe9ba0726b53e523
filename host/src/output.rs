//! What a handle's result is read as.

use serde::de::DeserializeOwned;

use crate::error::Result;
use crate::payload::Payload;

/// A type that an output is read as: any that serde can read, from JSON; or [`Payload`], which is the output as it is.
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

impl<T: DeserializeOwned> Output for T {
    fn read(payload: &Payload) -> Result<Self> {
        payload.from_json()
    }
}
