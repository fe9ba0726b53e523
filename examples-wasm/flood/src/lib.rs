//! Writes an endless log: for trying its limits.

use au_guest::{async_compute, info};

/// Writes so many lines; without a number, until it is stopped.
#[async_compute]
pub fn flood(lines: Option<u64>) -> u64 {
    let lines = lines.unwrap_or(u64::MAX);
    for line in 0..lines {
        info!("line {line} of the flood");
    }
    lines
}
