//! Calls itself for ever: for trying the stack limit.

use au_guest::async_compute;

/// Goes down so many levels; without a number, until the stack is used up.
#[async_compute]
pub fn recurse(levels: Option<u64>) -> u64 {
    down(levels.unwrap_or(u64::MAX))
}

#[inline(never)]
fn down(left: u64) -> u64 {
    if left == 0 { 0 } else { std::hint::black_box(down(std::hint::black_box(left - 1))) + 1 }
}
