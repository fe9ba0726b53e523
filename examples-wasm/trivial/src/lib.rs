//! The smallest guest there is: shows what the SDK itself costs. It takes and gives bytes, with no codec and no schema.

use au_guest::{Bytes, async_compute};

/// Gives back the bytes it is given.
#[async_compute]
pub fn trivial(value: Bytes) -> Bytes {
    value
}
