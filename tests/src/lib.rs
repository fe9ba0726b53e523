//! What every store and backend must do, said once, and what the tests that cross parts share.

#[cfg(feature = "wasm")]
pub mod backend;
#[cfg(feature = "wasm")]
pub mod guest;
#[cfg(feature = "wasm")]
pub mod host;
pub mod store;
pub mod suite;
