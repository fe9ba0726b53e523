//! Whether an attempt may be expected to be over in its first slice, without a word.
//!
//! Such a one is called on the stack of the thread it begins on. One that could give way needs a stack of its own, and to make
//! it and to change to it and back takes a tenth of what a short call takes. One that is not over in its slice, or has something
//! to say, is stopped and begun again on a stack of its own: nobody has seen anything of it, and it has seen nothing but its
//! input. That costs it a slice once, for the next is not expected to be quick.

use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

const EXPECTED: u8 = 0;
const SLOW: u8 = 1;
const SPEAKS: u8 = 2;

/// An attempt that took no longer is taken for quick: well below a slice, for one that is now over in it, now not, would run twice.
const BRIEF: Duration = Duration::from_micros(500);
/// Stack that is left for host functions, which do next to nothing for a guest that may not say anything.
const HOST_STACK: usize = 256 << 10;

/// Why an attempt was not over at once. What its guest is trapped with.
#[derive(Clone, Copy, Debug, thiserror::Error)]
pub(super) enum NotAtOnce {
    /// Its slice was over before it was.
    #[error("it takes longer")]
    Slow,
    /// It has something to say.
    #[error("it has something to say")]
    Speaks,
}

/// What attempts of a module were like of late.
#[derive(Debug)]
pub(super) struct Quick(AtomicU8);

impl Quick {
    /// Of a module that nothing is known of yet: most functions are short, and one that is not loses a slice.
    pub(super) const fn new() -> Self {
        Self(AtomicU8::new(EXPECTED))
    }

    /// Whether the next attempt is to be called at once, on the stack of this thread, of which a guest takes `stack` bytes.
    pub(super) fn expected(&self, stack: usize) -> bool {
        self.0.load(Ordering::Relaxed) == EXPECTED
            && stacker::remaining_stack().is_some_and(|left| left >= stack + HOST_STACK)
    }

    /// An attempt was not over at once. A module whose functions speak is not tried again: they will.
    pub(super) fn was_not(&self, why: NotAtOnce) {
        let now = match why {
            NotAtOnce::Slow => SLOW,
            NotAtOnce::Speaks => SPEAKS,
        };
        self.0.fetch_max(now, Ordering::Relaxed);
    }

    /// An attempt with a stack of its own was over after `took`.
    pub(super) fn was(&self, took: Duration) {
        if took <= BRIEF {
            // Losing means that it was not slow.
            let _ = self.0.compare_exchange(SLOW, EXPECTED, Ordering::Relaxed, Ordering::Relaxed);
        }
    }
}
