//! What every store and backend must do, said once, and what the tests that cross parts share.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

#[cfg(feature = "wasm")]
pub mod backend;
#[cfg(feature = "wasm")]
pub mod example;
#[cfg(feature = "wasm")]
pub mod guest;
#[cfg(feature = "wasm")]
pub mod host;
#[cfg(feature = "wasm")]
pub mod hosts;
pub mod keyed_map;
#[cfg(feature = "wasm")]
pub mod load;
pub mod machine;
pub mod own_store;
#[cfg(feature = "postgres")]
pub mod postgres;
pub mod receiver;
#[cfg(feature = "redis")]
pub mod redis;
#[cfg(feature = "wasm")]
pub mod serving;
pub mod source;
pub mod store;
pub mod suite;

/// What README.md shows compiles.
#[cfg(all(doctest, feature = "wasm"))]
#[doc = include_str!("../../README.md")]
pub struct Readme;
