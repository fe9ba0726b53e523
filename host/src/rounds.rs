//! One read for all who ask for the same while another read of it is under way.

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use rustc_hash::FxHashMap;
use tokio::sync::OnceCell;

use crate::error::Result;

/// Names that are looked up at one time, before it is looked which of them nobody waits for any more.
const MANY: usize = 256;

/// Reads by name. Whoever asks while a read of that name is under way waits for the one after it, together with all others who
/// do: nobody is told what was so before they asked, and a crowd costs two reads.
#[derive(Debug)]
pub(crate) struct Rounds<T>(Mutex<FxHashMap<String, Weak<Name<T>>>>);

#[derive(Debug)]
struct Name<T> {
    /// Held by the one that reads.
    turn: tokio::sync::Mutex<()>,
    /// The round that has not begun.
    next: Mutex<Arc<OnceCell<T>>>,
}

impl<T> Default for Rounds<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Clone> Rounds<T> {
    /// What `read` gives of this name, begun by whoever it is after this was called. Errors are each caller's own.
    pub(crate) async fn read<F: Future<Output = Result<T>>>(&self, name: &str, read: impl FnOnce() -> F) -> Result<T> {
        let name = self.name(name);
        let round = Arc::clone(&lock(&name.next));
        let found = round.get_or_try_init(async || {
            let _turn = name.turn.lock().await;
            // Whoever comes from here on may ask for what this read does not see any more.
            *lock(&name.next) = Arc::default();
            read().await
        });
        found.await.cloned()
    }

    fn name(&self, name: &str) -> Arc<Name<T>> {
        let mut names = lock(&self.0);
        if let Some(known) = names.get(name).and_then(Weak::upgrade) {
            return known;
        }
        if names.len() >= MANY {
            names.retain(|_, known| known.strong_count() > 0);
        }
        let new = Arc::new(Name { turn: tokio::sync::Mutex::default(), next: Mutex::default() });
        names.insert(name.to_owned(), Arc::downgrade(&new));
        new
    }
}

// Nothing panics while it is held.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use futures::future::join_all;
    use tokio::sync::Semaphore;

    use super::*;
    use crate::error::Error;

    #[tokio::test]
    async fn a_crowd_costs_two_reads_and_nobody_is_told_what_was_read_before_they_asked() {
        let (rounds, reads, gate) = (Rounds::default(), AtomicU32::new(0), Semaphore::new(0));
        let ask = || {
            rounds.read("x", async || {
                let number = reads.fetch_add(1, Ordering::Relaxed);
                gate.acquire().await.unwrap().forget();
                Ok(number)
            })
        };
        let first = ask();
        tokio::pin!(first);
        assert!(futures::poll!(&mut first).is_pending());
        let mut crowd = Box::pin(join_all((0..100).map(|_| ask())));
        assert!(futures::poll!(&mut crowd).is_pending());
        assert_eq!(reads.load(Ordering::Relaxed), 1);
        gate.add_permits(2);
        assert_eq!(first.await.unwrap(), 0);
        assert!(crowd.await.into_iter().all(|found| found.unwrap() == 1));
        gate.add_permits(1);
        assert_eq!(ask().await.unwrap(), 2);
    }

    #[tokio::test]
    async fn whoever_gives_up_or_fails_leaves_the_read_to_the_next() {
        let rounds = Rounds::<u32>::default();
        let mut gives_up = Box::pin(rounds.read("x", std::future::pending));
        assert!(futures::poll!(&mut gives_up).is_pending());
        let mut next = Box::pin(rounds.read("x", async || Ok(7)));
        assert!(futures::poll!(&mut next).is_pending());
        drop(gives_up);
        assert_eq!(next.await.unwrap(), 7);
        assert!(rounds.read("x", async || Err(Error::ShuttingDown)).await.is_err());
        assert_eq!(rounds.read("x", async || Ok(8)).await.unwrap(), 8);
    }

    #[tokio::test]
    async fn names_that_nobody_waits_for_are_forgotten() {
        let rounds = Rounds::default();
        for number in 0..10 * MANY {
            rounds.read(&number.to_string(), async || Ok(number)).await.unwrap();
        }
        assert!(lock(&rounds.0).len() <= MANY);
    }
}
