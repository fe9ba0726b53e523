//! What to do when a commit was refused because others were faster: rest a little, longer each time, and look again.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use crate::error::{Error, Result};

/// After so many refusals it is for the caller to try again.
const MOST: u32 = 200;
/// So many times others only have the thread before the next try.
const QUICK: u32 = 2;
/// Longest rest, as a power of two of milliseconds.
const LONGEST: u32 = 5;
/// A good time to wait for those who give up.
const SOON: Duration = Duration::from_secs(1);

/// How often somebody was refused.
#[derive(Debug, Default)]
pub(super) struct Tries(u32);

impl Tries {
    /// Waits before the next try, by chance a shorter or longer while, so that no two are always in each other's way.
    pub(super) async fn again(&mut self) -> Result<()> {
        self.0 += 1;
        if self.0 >= MOST {
            return Err(Error::Busy { retry_after: SOON });
        }
        if self.0 <= QUICK {
            tokio::task::yield_now().await;
        } else {
            let longest = 1000 << (self.0 - QUICK).min(LONGEST);
            tokio::time::sleep(Duration::from_micros(RandomState::new().hash_one(self.0) % longest)).await;
        }
        Ok(())
    }
}
