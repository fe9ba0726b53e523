//! How many compile at once: one, with a short queue. Whoever finds the queue full is told to come later.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::error::{Error, Result};

const QUEUE: usize = 16;
const COME_BACK: Duration = Duration::from_secs(10);

/// The one place to compile in, and those who wait for it.
#[derive(Debug, Default)]
pub(super) struct Slots {
    state: Mutex<State>,
    freed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    taken: bool,
    waiting: usize,
}

/// Holds the place until it is dropped.
#[derive(Debug)]
pub(super) struct Slot<'a>(&'a Slots);

impl Slots {
    /// Waits for the place. Blocks the thread.
    pub(super) fn take(&self) -> Result<Slot<'_>> {
        let mut state = self.state();
        if state.taken {
            if state.waiting == QUEUE {
                return Err(Error::Busy { retry_after: COME_BACK });
            }
            state.waiting += 1;
            state = self.freed.wait_while(state, |state| state.taken).unwrap_or_else(PoisonError::into_inner);
            state.waiting -= 1;
        }
        state.taken = true;
        Ok(Slot(self))
    }

    // No code that can panic runs under this lock, so a poisoned one still holds a whole state.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        self.0.state().taken = false;
        self.0.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn one_compiles_sixteen_wait_and_the_rest_are_told_to_come_later() {
        let slots = Arc::new(Slots::default());
        let first = slots.take().unwrap();
        let done = Arc::new(AtomicUsize::new(0));
        let waiters: Vec<_> = (0..QUEUE)
            .map(|_| {
                let (slots, done) = (slots.clone(), done.clone());
                std::thread::spawn(move || {
                    let _slot = slots.take().unwrap();
                    done.fetch_add(1, Ordering::Relaxed);
                })
            })
            .collect();
        while slots.state().waiting < QUEUE {
            std::thread::yield_now();
        }
        assert!(matches!(slots.take(), Err(Error::Busy { .. })));
        assert_eq!(done.load(Ordering::Relaxed), 0);
        drop(first);
        waiters.into_iter().for_each(|waiter| waiter.join().unwrap());
        assert_eq!(done.load(Ordering::Relaxed), QUEUE);
    }
}
