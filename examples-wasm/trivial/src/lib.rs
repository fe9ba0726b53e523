//! The smallest guest there is: shows what the SDK itself costs.

use au_guest::async_compute;

/// Gives back what it is given.
#[async_compute]
pub fn trivial(value: u32) -> u32 {
    value
}
