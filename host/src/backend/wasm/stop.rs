//! Stopping an attempt from outside the guests' own runtime, wherever the attempt is.
//!
//! One that waits for its turn, or sleeps in a host call, is stopped by taking its future and dropping it. One that is on a
//! core is stopped by bumping the epoch of its engine: its callback sees that it is to stop, and traps. Neither waits for a
//! place in the guests' run queue.

use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::limiter::Meter;
use super::ticker::{self, Beat, Expires};
use crate::attempt::{Events, Usage};
use crate::backend::log::Log;
use crate::error::{Error, Result};
use crate::failure::{Failure, FailureKind};
use crate::sandbox::Limits;

/// What came of an attempt.
#[derive(Debug)]
pub(super) struct Ended<T> {
    pub(super) outcome: Result<T, Failure>,
    pub(super) usage: Usage,
}

/// An attempt under way.
pub(super) type Running<T> = Pin<Box<dyn Future<Output = Result<Ended<T>>> + Send>>;

/// Why an attempt is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Why {
    /// Somebody cancelled it, or nobody waits for it any more.
    Cancelled = 1,
    /// Its time is up.
    TimedOut = 2,
}

/// What can be seen of an attempt from outside its store, and the word to stop. All that is shared of an attempt is in this
/// one place, for a call takes microseconds and each allocation some hundredths of one.
#[derive(Debug)]
pub(super) struct Watch {
    why: AtomicU8,
    pub(super) meter: Meter,
    pub(super) log: Log,
    pub(super) started: Instant,
    pub(super) timeout: Duration,
}

impl Watch {
    /// Of an attempt that starts now.
    pub(super) fn new(events: Arc<dyn Events>, limits: &Limits) -> Self {
        Self {
            why: AtomicU8::new(0),
            meter: Meter::new(limits.fuel),
            log: Log::new(events, limits),
            started: Instant::now(),
            timeout: limits.timeout,
        }
    }

    /// Whether the attempt is to stop, and why. The first reason stands.
    pub(super) fn why(&self) -> Option<Why> {
        match self.why.load(Ordering::SeqCst) {
            0 => None,
            1 => Some(Why::Cancelled),
            _ => Some(Why::TimedOut),
        }
    }

    pub(super) fn stop(&self, why: Why) {
        // Losing means that there was a reason before.
        let _ = self.why.compare_exchange(0, why as u8, Ordering::SeqCst, Ordering::SeqCst);
    }

    pub(super) fn ended<T>(&self, outcome: Result<T, Failure>) -> Ended<T> {
        Ended { outcome, usage: self.meter.usage(self.log.dropped()) }
    }

    pub(super) fn stopped(&self, why: Why) -> Failure {
        match why {
            Why::Cancelled => Failure::new(FailureKind::Cancelled, "the attempt was cancelled"),
            Why::TimedOut => {
                let millis = u64::try_from(self.timeout.as_millis()).unwrap_or(u64::MAX);
                let message = format!("the attempt did not end within its timeout of {millis} ms");
                Failure::new(FailureKind::TimedOut, message).with_limit("timeout", millis)
            }
        }
    }
}

/// An attempt that outlived its first slice, and now takes turns with others.
pub(super) struct LongRun<T> {
    place: Mutex<Where<T>>,
    done: Mutex<Option<oneshot::Sender<Result<Ended<T>>>>>,
    watch: Arc<Watch>,
    beat: Arc<Beat>,
    ticker: ticker::Waker,
}

enum Where<T> {
    /// Waits for its turn, or sleeps.
    Off(Running<T>, Option<Waker>),
    OnCore,
    Gone,
}

impl<T> fmt::Debug for LongRun<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LongRun").field("watch", &self.watch).finish_non_exhaustive()
    }
}

impl<T> LongRun<T> {
    pub(super) fn new(
        running: Running<T>,
        watch: Arc<Watch>,
        beat: Arc<Beat>,
        ticker: ticker::Waker,
    ) -> (Arc<Self>, oneshot::Receiver<Result<Ended<T>>>) {
        let (sender, receiver) = oneshot::channel();
        let place = Mutex::new(Where::Off(running, None));
        (Arc::new(Self { place, done: Mutex::new(Some(sender)), watch, beat, ticker }), receiver)
    }

    /// Stops the attempt. If it is not on a core, nothing of it is left when this returns.
    pub(super) fn stop(&self, why: Why) {
        self.watch.stop(why);
        let mut place = self.place();
        match std::mem::replace(&mut *place, Where::Gone) {
            Where::Off(running, waker) => {
                drop(place);
                self.bury(running);
                // So that the runtime lets go of the turn that will not come.
                if let Some(waker) = waker {
                    waker.wake();
                }
            }
            Where::OnCore => {
                *place = Where::OnCore;
                drop(place);
                self.beat.interrupt();
            }
            Where::Gone => {}
        }
    }

    fn turn(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut running = {
            let mut place = self.place();
            match std::mem::replace(&mut *place, Where::OnCore) {
                Where::Off(running, _) => running,
                Where::OnCore => return Poll::Pending,
                Where::Gone => {
                    *place = Where::Gone;
                    return Poll::Ready(());
                }
            }
        };
        let slice = self.ticker.slice(&self.beat);
        let polled = slice_of(&mut running, context);
        drop(slice);
        let mut place = self.place();
        match polled {
            Poll::Pending if self.watch.why().is_none() => {
                *place = Where::Off(running, Some(context.waker().clone()));
                Poll::Pending
            }
            polled => {
                *place = Where::Gone;
                drop(place);
                match polled {
                    Poll::Pending => self.bury(running),
                    Poll::Ready(ended) => {
                        discard(running);
                        self.finish(ended);
                    }
                }
                Poll::Ready(())
            }
        }
    }

    /// Ends what is still under way.
    fn bury(&self, running: Running<T>) {
        discard(running);
        let why = self.watch.why().unwrap_or(Why::Cancelled);
        self.finish(Ok(self.watch.ended(Err(self.watch.stopped(why)))));
    }

    fn finish(&self, ended: Result<Ended<T>>) {
        let sender = self.done.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(sender) = sender {
            // Nobody waits any more: then nobody needs it.
            let _ = sender.send(ended);
        }
    }

    fn place(&self) -> MutexGuard<'_, Where<T>> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Send> Expires for LongRun<T> {
    fn expire(&self) {
        self.stop(Why::TimedOut);
    }
}

/// One slice of an attempt.
pub(super) fn slice_of<T>(running: &mut Running<T>, context: &mut Context<'_>) -> Poll<Result<Ended<T>>> {
    caught(|| running.as_mut().poll(context)).unwrap_or_else(|error| Poll::Ready(Err(error)))
}

/// What runs a guest. A panic of the host costs this attempt and no other.
pub(super) fn caught<T>(runs: impl FnOnce() -> T) -> Result<T> {
    catch_unwind(AssertUnwindSafe(runs)).map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
        Error::fault("wasm backend", format!("it panicked: {}", text.unwrap_or("no message")))
    })
}

fn discard<T>(running: Running<T>) {
    if catch_unwind(AssertUnwindSafe(|| drop(running))).is_err() {
        tracing::error!("an attempt panicked the host while it was being dropped");
    }
}

/// The turns of an attempt, as the guests' runtime takes them.
#[derive(Debug)]
pub(super) struct Turns<T>(pub(super) Arc<LongRun<T>>);

impl<T> Future for Turns<T> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        self.0.turn(context)
    }
}

/// Stops the attempt when it is dropped: nobody waits for it any more.
#[derive(Debug)]
pub(super) struct Waiting<T>(pub(super) Arc<LongRun<T>>);

impl<T> Drop for Waiting<T> {
    fn drop(&mut self) {
        self.0.stop(Why::Cancelled);
    }
}
