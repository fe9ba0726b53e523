//! What every store and backend must do, said once, and what the tests that cross parts share.

pub mod store;
pub mod suite;
