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
//! - Any number of parameters, of any types that serde can read and schemars can describe. The caller may leave out
//!   an `Option`: the last ones in a list, any of them by name.
//! - Returns a value that serde can write, or a `Result` of one; the error is shown with its `Display`. Return
//!   [`Failure`] as the error to say what kind of failure it is. A panic fails the job, with its message and place.
//! - The first line of the doc comment is what a listing of functions shows.
//! - Several functions may be marked in one module, each with a name of its own. The crate must be a `cdylib`.
//! - While it runs, a function may [`log!`] (or [`info!`], [`warn!`], …), tell its [`progress`], and ask whether it is
//!   [`cancelled`] and who it is ([`current`]). In a native test these do nothing.
//! - What cannot work (an `async fn`, generics, references, a type that serde does not know) is a compile error that says
//!   what to do.
//!
//! # Input and output
//!
//! The caller says in which content type it asks, and is answered in the same:
//!
//! | content type | cargo feature | input |
//! |---|---|---|
//! | `application/json` | `json` (default) | a list of arguments, or an object of them by name |
//! | `application/msgpack` | `msgpack` | the same |
//! | `application/cbor` | `cbor` | the same |
//! | `text/…`, UTF-8 | | the only argument, whole; a `String` is answered as text, anything else as JSON |
//! | `application/octet-stream` | | the only argument, whole; [`Bytes`] are answered as they are, anything else as JSON |
//!
//! A function that returns a [`Payload`] says itself what its bytes are. An input that does not fit is a failure of the kind
//! [`Failure::InvalidInput`] that names the argument. Nesting is read to a depth of 128.
//!
//! # Cargo features
//!
//! - `json`, `msgpack`, `cbor`: see above.
//! - `schema` (default): functions describe their parameters and output as JSON schemas, by which a host checks an input
//!   before it runs anything, and a listing shows what a function takes. Without it, types need no `JsonSchema`.
//! - `client`: typed calls, see below. It does nothing in a guest.
//!
//! With `default-features = false` a guest that takes and gives [`Bytes`] has less than 30 KB; JSON and schemas cost about
//! 100 KB.
//!
//! # What a guest cannot do
//!
//! A guest has no system beneath it, so that what it computes depends on its input alone: `SystemTime::now` and `env::vars`
//! trap, `println!` is dropped, files, sockets and threads give errors, and a `HashMap` has the same order each time. Take
//! the time, a seed, or a file's content as arguments. Memory, stack, time, output and log have limits that the host sets; an
//! attempt that hits one fails with its name and value. A function need not do anything for being cancelled or timed out: it is
//! stopped from outside.
//!
//! # Typed calls
//!
//! In a program that links `au-host`, the same crate with feature `client` gives each function three more, under its name:
//! `submit` keeps a job and gives its handle, `call` waits for the output and keeps nothing, and `request` is for what
//! neither offers: limits, retries, labels, a time to start. Parameters must have `Serialize` then, outputs `Deserialize`.
//!
//! ```no_run
//! # #[cfg(feature = "client")]
//! # mod example {
//! # use std::time::Duration;
//! # use au_guest::async_compute;
//! /// Adds two numbers.
//! #[async_compute]
//! pub fn add(x: i64, y: i64) -> Result<i64, String> {
//!     x.checked_add(y).ok_or_else(|| format!("{x} + {y} is too large"))
//! }
//!
//! async fn ask(host: &au_host::Host) -> au_host::Result<()> {
//!     let handle: au_host::Handle<i64> = add::submit(host, 2, 40).await?; // a job, from here on
//!     assert_eq!(handle.result(Duration::from_secs(10)).await?, 42);
//!
//!     assert_eq!(add::call(host, 2, 40).await?, 42); // nothing is kept
//!
//!     let mut request = add::request(2, 40)?;
//!     request.sandbox.timeout = Some(Duration::from_millis(50));
//!     request.labels.insert("batch".into(), "7".into());
//!     let handle = host.submit(request).await?.typed::<i64>();
//!     println!("{}", handle.id());
//!     Ok(())
//! }
//! # }
//! ```
//!
//! The host must have the crate's module under the crate's name, with underscores: `au-host module add my_crate.wasm` gives it
//! that name. The three are functions of a type that has the function's name, so that name is taken among types, too: a crate
//! `factorial` with a function `factorial` is used as `use ::factorial::factorial;`. The guest's crate must be an `rlib` beside a
//! `cdylib`: `crate-type = ["cdylib", "rlib"]`.

#![cfg_attr(not(target_family = "wasm"), forbid(unsafe_code))]

mod absent;
mod bytes;
#[cfg(feature = "cbor")]
mod cbor;
#[cfg(all(feature = "client", not(target_family = "wasm")))]
mod client;
mod codec;
mod convert;
mod failure;
mod function;
#[cfg(target_family = "wasm")]
mod heap;
mod input;
mod registry;
mod say;
#[cfg_attr(not(feature = "schema"), path = "no_schema.rs")]
mod schema;
#[cfg(target_family = "wasm")]
mod wasm;
mod whole;

pub use au_guest_macros::async_compute;
pub use bytes::{Bytes, Payload};
pub use failure::Failure;
pub use function::Described;
pub use registry::{call, functions};
pub use say::{Attempt, Level, cancelled, current, log, progress};

/// What the macro's code uses. Not for anybody else; changes without notice.
#[doc(hidden)]
pub mod __private {
    #[cfg(all(feature = "client", not(target_family = "wasm")))]
    pub use crate::client::{Arguments, received, typed};
    pub use crate::convert::{Plain, Probe, failure, taken, written};
    pub use crate::function::Function;
    pub use crate::input::{Slots, read};
    pub use crate::registry::add;
    pub use crate::schema::{parameter, schema};
    #[cfg(all(feature = "client", not(target_family = "wasm")))]
    pub use au_host;
    pub use serde;
}
