//! What typed calls are made of (feature `client`): arguments on their way to a host, and outputs on their way back.

use au_host::{Error, Handle, ModuleName, Output, Request, Result};
use serde::Serialize;

use crate::bytes::Payload;

/// A value that can be sent to a function.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be sent to a job: it has no `serde::Serialize`, which feature `client` asks of parameters",
    label = "cannot be written",
    note = "derive it for this type and all that is in it: `#[derive(serde::Serialize)]`"
)]
pub trait Sent: Serialize {}

#[diagnostic::do_not_recommend]
impl<T: Serialize> Sent for T {}

/// Arguments, written as a JSON list one after the other. A tuple would not do: serde knows those of up to 16.
#[derive(Debug, Default)]
pub struct Arguments(Vec<u8>);

impl Arguments {
    /// Adds the next.
    ///
    /// # Errors
    /// `Invalid` when it cannot be written as JSON.
    pub fn add<T: Sent>(&mut self, argument: &T) -> Result<()> {
        self.0.push(if self.0.is_empty() { b'[' } else { b',' });
        serde_json::to_writer(&mut self.0, argument).map_err(|error| Error::invalid("argument", error.to_string()))
    }

    /// The request that asks for `function` of the module that is named as the crate of `path` is.
    ///
    /// # Errors
    /// `Invalid` when that is no name for a module.
    pub fn request(mut self, path: &str, function: &str) -> Result<Request> {
        let name = path.split("::").next().unwrap_or(path);
        // As the command line names a file that is added.
        let module: ModuleName = name.to_ascii_lowercase().parse()?;
        self.0.extend_from_slice(if self.0.is_empty() { b"[]" } else { b"]" });
        let input = au_host::Payload::new(au_host::JSON, self.0)?;
        Ok(Request::new(module.into(), function, input))
    }
}

/// A value that can be read from what a function gave.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be read by a client: it has no `serde::Deserialize`, which feature `client` asks of outputs",
    label = "cannot be read",
    note = "derive it for this type and all that is in it: `#[derive(serde::Deserialize)]`"
)]
pub trait Received: Output {}

#[diagnostic::do_not_recommend]
impl<T: Output> Received for T {}

/// The same job, its output read as a `T`.
pub fn typed<T: Received>(handle: Handle) -> Handle<T> {
    handle.typed()
}

/// The output, read as a `T`.
///
/// # Errors
/// `Invalid` when it is of another shape.
pub fn received<T: Received>(output: &au_host::Payload) -> Result<T> {
    T::read(output)
}

/// As it is, whatever its media type.
impl Output for Payload {
    fn read(payload: &au_host::Payload) -> Result<Self> {
        Ok(Self::new(payload.content_type().to_owned(), payload.bytes().to_vec()))
    }
}
