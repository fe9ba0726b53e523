//! Who takes requests: a host in this process, or a client of one elsewhere. Code that only calls and submits takes either.

use crate::error::Result;
use crate::handle::Handle;
use crate::host::Host;
use crate::payload::Payload;
use crate::request::Request;

/// Who takes requests: a [`Host`], or a `Client` of one elsewhere.
pub trait Front: Send + Sync {
    /// As [`Host::call`].
    fn call(&self, request: Request) -> impl Future<Output = Result<Payload>> + Send;
    /// As [`Host::submit`].
    fn submit(&self, request: Request) -> impl Future<Output = Result<Handle>> + Send;
}

impl Front for Host {
    fn call(&self, request: Request) -> impl Future<Output = Result<Payload>> + Send {
        Host::call(self, request)
    }

    fn submit(&self, request: Request) -> impl Future<Output = Result<Handle>> + Send {
        Host::submit(self, request)
    }
}
