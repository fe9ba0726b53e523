//! One thread that no guest ever occupies: it bumps epochs while guests run, and stops attempts whose time is up.
//!
//! It sleeps while there is nothing of either.

use std::collections::BTreeMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread::{self, JoinHandle, Thread};
use std::time::{Duration, Instant};

use wasmtime::Engine;

use crate::error::{Error, Result};

const TICK: Duration = Duration::from_millis(1);
/// Ticks with no guest running before the thread goes to sleep: waking it costs a call some microseconds.
const LINGER: u32 = 50;

/// An engine whose guests are given a slice at a time.
pub(super) struct Beat {
    engine: Engine,
    running: AtomicU64,
}

impl fmt::Debug for Beat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Beat").field("running", &self.running).finish_non_exhaustive()
    }
}

/// Something that is stopped when its time is up.
pub(super) trait Expires: Send + Sync {
    /// Its time is up.
    fn expire(&self);
}

/// The thread.
#[derive(Debug)]
pub(super) struct Ticker {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    beats: Mutex<Vec<Weak<Beat>>>,
    deadlines: Mutex<BTreeMap<(Instant, u64), Weak<dyn Expires>>>,
    next: AtomicU64,
    parked: AtomicBool,
    closed: AtomicBool,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("parked", &self.parked).finish_non_exhaustive()
    }
}

/// Wakes the thread. Cheap to clone, and does not keep it alive.
#[derive(Clone, Debug)]
pub(super) struct Waker {
    shared: Arc<Shared>,
    thread: Thread,
}

/// While it lives, a guest of the engine is on a core.
#[derive(Debug)]
pub(super) struct Slice<'a>(&'a Beat);

/// While it lives, the deadline stands.
#[derive(Debug)]
pub(super) struct Deadline {
    shared: Arc<Shared>,
    at: (Instant, u64),
}

impl Ticker {
    pub(super) fn start() -> Result<Self> {
        let shared = Arc::new(Shared {
            beats: Mutex::default(),
            deadlines: Mutex::default(),
            next: AtomicU64::new(0),
            parked: AtomicBool::new(false),
            closed: AtomicBool::new(false),
        });
        let its = shared.clone();
        let named = thread::Builder::new().name("au-wasm-ticker".into());
        let thread = named.spawn(move || its.run()).map_err(|error| Error::fault("wasm ticker", error))?;
        Ok(Self { shared, thread: Some(thread) })
    }

    pub(super) fn waker(&self) -> Option<Waker> {
        let thread = self.thread.as_ref()?.thread().clone();
        Some(Waker { shared: self.shared.clone(), thread })
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.shared.closed.store(true, Ordering::SeqCst);
        let Some(thread) = self.thread.take() else { return };
        thread.thread().unpark();
        if thread.thread().id() != thread::current().id() {
            // A panic of it was reported by the panic hook.
            let _ = thread.join();
        }
    }
}

impl Waker {
    /// An engine that is to be kept ticking, as long as what is returned is kept.
    pub(super) fn beat(&self, engine: Engine) -> Arc<Beat> {
        let beat = Arc::new(Beat { engine, running: AtomicU64::new(0) });
        let mut beats = lock(&self.shared.beats);
        beats.retain(|beat| beat.strong_count() > 0);
        beats.push(Arc::downgrade(&beat));
        drop(beats);
        beat
    }

    /// A guest goes on a core. The clock of its engine ticks at least until the slice is dropped.
    pub(super) fn slice<'a>(&self, beat: &'a Beat) -> Slice<'a> {
        // Either the thread sees this count before it parks, or this sees that it has parked.
        beat.running.fetch_add(1, Ordering::SeqCst);
        self.wake();
        Slice(beat)
    }

    /// Has `what` expire at `at`, unless what is returned is dropped first.
    pub(super) fn at(&self, at: Instant, what: Weak<dyn Expires>) -> Deadline {
        let at = (at, self.shared.next.fetch_add(1, Ordering::Relaxed));
        lock(&self.shared.deadlines).insert(at, what);
        self.wake();
        Deadline { shared: self.shared.clone(), at }
    }

    fn wake(&self) {
        if self.shared.parked.load(Ordering::SeqCst) {
            self.thread.unpark();
        }
    }
}

impl Beat {
    /// Has every guest of the engine that is on a core look up at once.
    pub(super) fn interrupt(&self) {
        // Twice: a guest that has not yet come to its first tick has one in hand.
        self.engine.increment_epoch();
        self.engine.increment_epoch();
    }
}

impl Drop for Slice<'_> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Drop for Deadline {
    fn drop(&mut self) {
        lock(&self.shared.deadlines).remove(&self.at);
    }
}

impl Shared {
    fn run(&self) {
        let mut idle = LINGER;
        while !self.closed.load(Ordering::SeqCst) {
            idle = if self.tick() { 0 } else { idle + 1 };
            self.expire(Instant::now());
            if idle < LINGER {
                // Not a sleep: whoever waits for this thread to end wakes it.
                thread::park_timeout(TICK);
            } else {
                self.park();
                idle = 0;
            }
        }
    }

    /// Bumps the epoch of every engine that runs a guest; whether there was one.
    fn tick(&self) -> bool {
        let beats = lock(&self.beats);
        let running = beats.iter().filter_map(Weak::upgrade).filter(|beat| beat.running.load(Ordering::SeqCst) > 0);
        running.map(|beat| beat.engine.increment_epoch()).count() > 0
    }

    fn expire(&self, now: Instant) {
        loop {
            let mut deadlines = lock(&self.deadlines);
            let Some(first) = deadlines.first_entry().filter(|first| first.key().0 <= now) else { return };
            let due = first.remove();
            drop(deadlines);
            if let Some(due) = due.upgrade()
                && catch_unwind(AssertUnwindSafe(|| due.expire())).is_err()
            {
                // All guests go by this clock: it must not stop for one of them.
                tracing::error!("an attempt panicked the host while it was being stopped");
            }
        }
    }

    fn park(&self) {
        self.parked.store(true, Ordering::SeqCst);
        let next = lock(&self.deadlines).first_key_value().map(|((at, _), _)| *at);
        let busy = self.closed.load(Ordering::SeqCst) || self.tick();
        match next.map(|at| at.saturating_duration_since(Instant::now())) {
            _ if busy => {}
            Some(left) => thread::park_timeout(left),
            None => thread::park(),
        }
        self.parked.store(false, Ordering::SeqCst);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    struct Panics;
    struct Tells(mpsc::SyncSender<()>);

    impl Expires for Panics {
        fn expire(&self) {
            panic!("for a test");
        }
    }

    impl Expires for Tells {
        fn expire(&self) {
            self.0.send(()).unwrap();
        }
    }

    #[test]
    fn one_that_panics_when_its_time_is_up_does_not_stop_the_clock() {
        let ticker = Ticker::start().unwrap();
        let waker = ticker.waker().unwrap();
        let (tell, told) = mpsc::sync_channel(1);
        let (panics, tells): (Arc<dyn Expires>, Arc<dyn Expires>) = (Arc::new(Panics), Arc::new(Tells(tell)));
        let soon = Instant::now() + Duration::from_millis(1);
        let _first = waker.at(soon, Arc::downgrade(&panics));
        let _second = waker.at(soon + TICK, Arc::downgrade(&tells));
        told.recv_timeout(Duration::from_secs(20)).unwrap();
    }
}
