//! The jobs of a host under load, by their numbers: what `au-load` submits, and what is asked of them afterwards.

use std::time::Duration;

use au_host::{IdempotencyKey, KeyHolds, OCTETS, Payload, Request, Retry};

use crate::guest::ask;

/// What every fifth job has beyond its number: too much for the row of a job, so that its input and its output are files.
pub const LARGE: usize = 40_000;

/// Whether this job runs until it is cancelled, as every fourth does. All others echo their inputs.
#[must_use]
pub fn is_endless(number: u32) -> bool {
    number % 4 == 3
}

/// What the job of this number asks for, whoever submits it; every fifth has so many bytes beyond its number.
#[must_use]
pub fn request(number: u32, large: usize) -> Request {
    let key = IdempotencyKey { name: format!("job {number}"), holds: KeyHolds::WhileKept };
    let function = if is_endless(number) { "spin" } else { "echo" };
    let more = if number % 5 == 4 { large } else { 0 };
    let mut request = Request { key: Some(key), input: input(number, more), ..ask(function, number) };
    // A worker that is killed in a test of kills is not the job's fault.
    request.retry = Some(Retry { attempts: 1000, delay: Duration::from_millis(1), ..Retry::default() });
    request
}

/// The number, and so many bytes more: no two inputs are alike.
fn input(number: u32, more: usize) -> Payload {
    let bytes: Vec<u8> = number.to_le_bytes().into_iter().cycle().take(4 + more).collect();
    Payload::new(OCTETS, bytes).expect("a content type")
}
