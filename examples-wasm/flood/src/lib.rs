//! Writes a log without end: for trying its limits.

use au_guest::{async_compute, info};

/// Writes so many lines; without a number, a hundred thousand.
#[async_compute]
pub fn flood(lines: Option<u64>) -> u64 {
    let lines = lines.unwrap_or(100_000);
    for line in 0..lines {
        info!("line {line} of the flood");
    }
    lines
}
