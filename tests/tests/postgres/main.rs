//! What is particular to the store `postgres://`: several hosts make its tables, its server goes away and comes back, connections
//! are cut in the middle. Where PostgreSQL is not installed, these tests say that they are skipped.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::sync::Arc;

use au_host::Store;
use au_host::store::{Durability, open};

mod away;
mod doubt;
mod figure;
mod opening;
mod sharing;
mod tables;

/// A store that must open.
async fn opened(url: &str) -> Arc<dyn Store> {
    open(url, Durability::Fsync).await.unwrap_or_else(|error| panic!("{}", error.chain()))
}
