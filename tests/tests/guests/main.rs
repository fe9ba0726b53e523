//! The examples, each run for real: what they answer, how the bad ones end, what they say of themselves, what they import.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod answers;
mod bad;
mod binary;
mod codecs;
mod listing;
mod tables;

use std::time::Duration;

use au_host::{Error, Failure, Local, Payload, Request, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Long enough for anything that ends.
pub(crate) const LONG: Duration = Duration::from_secs(120);

/// All examples, by the names of their crates.
pub(crate) const EXAMPLES: [&str; 13] = [
    "csv_stats",
    "factorial",
    "flood",
    "hog",
    "mandelbrot",
    "montecarlo",
    "panic",
    "primes",
    "recurse",
    "spin",
    "trap",
    "trivial",
    "wordcount",
];

/// Asks for the function of an example, which is called as the example is.
pub(crate) fn ask(example: &str, input: Payload) -> Request {
    Request::new(example.parse().unwrap(), example, input)
}

/// The same, with arguments as JSON.
pub(crate) fn ask_json<T: Serialize>(example: &str, arguments: &T) -> Request {
    ask(example, Payload::json(arguments).unwrap())
}

pub(crate) async fn call<T: Serialize, U: DeserializeOwned>(local: &Local, example: &str, arguments: &T) -> U {
    local.host().call(ask_json(example, arguments)).await.unwrap().from_json().unwrap()
}

/// Why the function failed.
pub(crate) fn failure<T: std::fmt::Debug>(result: Result<T>) -> Failure {
    match result {
        Err(Error::Failed(failure)) => failure,
        other => panic!("expected a failure of the function, got {other:?}"),
    }
}
