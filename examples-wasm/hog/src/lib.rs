//! Wants all the memory there is: for trying the memory limit.

use au_guest::{async_compute, info};

/// Takes memory, a MiB at a time, until there is no more; or only so many MiB.
#[async_compute]
pub fn hog(mebibytes: Option<u64>) -> u64 {
    let mut held: Vec<Vec<u8>> = Vec::new();
    while (held.len() as u64) < mebibytes.unwrap_or(u64::MAX) {
        held.push(std::hint::black_box(vec![1; 1 << 20]));
        if held.len().is_multiple_of(16) {
            info!("{} MiB held", held.len());
        }
    }
    held.len() as u64
}
