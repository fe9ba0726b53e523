//! Write a plain function, mark it `#[async_compute]`, compile it to WebAssembly, run it as a job on au-host.
//!
//! ```
//! use au_guest::async_compute;
//!
//! /// Adds two numbers.
//! #[async_compute]
//! fn add(x: i64, y: i64) -> Result<i64, String> {
//!     x.checked_add(y).ok_or_else(|| format!("{x} + {y} is too large"))
//! }
//!
//! assert_eq!(add(2, 40), Ok(42)); // still a plain function
//! ```
//!
//! - Any number of parameters, of any types that serde can read and schemars can describe; the last ones may be left out
//!   by the caller if they are `Option`s.
//! - Returns a value that serde can write, or a `Result` of one; the error is shown with its `Display`. Return
//!   [`Failure`] as the error to say what kind of failure it is. A panic fails the job, with its message and place.
//! - The first line of the doc comment is what a listing of functions shows.
//! - Several functions may be marked in one module. The crate must be a `cdylib`.
//! - While it runs, a function may [`log!`] (or [`info!`], [`warn!`], …), tell its [`progress`], and ask whether it is
//!   [`cancelled`] and who it is ([`current`]). In a native test these do nothing.
//!
//! In a guest, `SystemTime::now` and `env::vars` trap, `println!` is dropped, and files and threads give errors: a function is
//! a function of its input.

#![cfg_attr(not(target_family = "wasm"), forbid(unsafe_code))]

mod bytes;
mod codec;
mod convert;
mod failure;
mod function;
mod input;
mod registry;
mod say;
#[cfg_attr(not(feature = "schema"), path = "no_schema.rs")]
mod schema;
#[cfg(target_family = "wasm")]
mod wasm;

pub use au_guest_macros::async_compute;
pub use bytes::{Bytes, Payload};
pub use failure::Failure;
pub use function::Described;
pub use registry::{call, functions};
pub use say::{Attempt, Level, cancelled, current, log, progress};

/// What the macro's code uses. Not for anybody else; changes without notice.
#[doc(hidden)]
pub mod __private {
    pub use crate::convert::{Encoded, Raised, Wrap};
    pub use crate::function::Function;
    pub use crate::input::{Input, Slots, read};
    pub use crate::registry::add;
    pub use crate::schema::{Generator, Parameter, Schema, parameter, schema};
    #[cfg(feature = "client")]
    pub use au_host;
    pub use serde;
}
