//! Never ends: for trying time-outs and cancelling.

use au_guest::async_compute;

/// Turns round and round until it is stopped.
#[async_compute]
pub fn spin() -> u64 {
    let mut turns = 0u64;
    loop {
        turns = std::hint::black_box(turns.wrapping_add(1));
    }
}
