//! What is particular to the store `redis:`: which servers it refuses, how it loses a server and finds it again, and what it keeps there.
//! Without redis-server these tests say that they are skipped.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::sync::Arc;

use au_host::store::{Durability, open};
use au_host::{Error, Job, Payload, Store};
use au_tests::redis::Server;
use au_tests::store::jobs;

mod figure;
mod keeping;
mod losing;
mod refusing;
mod taking;
mod tls;

/// Goes on only where there is a server to be had.
macro_rules! needs_redis {
    () => {
        if !au_tests::redis::is_there(std::thread::current().name().unwrap_or("a test of redis:")) {
            return;
        }
    };
}
use needs_redis;

async fn store(url: &str) -> Arc<dyn Store> {
    open(url, Durability::Fsync).await.unwrap()
}

async fn refusal(url: &str, durability: Durability) -> Error {
    open(url, durability).await.map(drop).unwrap_err()
}

fn large(size: usize) -> Job {
    let mut spec = jobs::spec();
    spec.input = Payload::new("a/b", (0..size).map(|at| (at % 251).to_le_bytes()[0]).collect::<Vec<_>>()).unwrap();
    Job::new(spec)
}

/// What the names of all keys of this store begin with.
fn base(url: &str) -> String {
    let (_, prefix) = url.split_once("prefix=").unwrap();
    format!("{{{prefix}}}:")
}

/// All keys of one kind.
fn keys(server: &Server, url: &str, kind: &str) -> Vec<String> {
    let pattern = format!("{}{kind}:*", base(url).replace('{', "\\{"));
    let found = server.ask(&["--no-raw", "keys", &pattern]);
    found.lines().filter(|line| line.contains('"')).map(str::to_owned).collect()
}
