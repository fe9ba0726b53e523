//! A connection's patience: how long it waits for a first byte, for a head, for the next request, and for a reader.
//!
//! Knows nothing of HTTP but what [`Pace`] is told; the time of a body is the reader's of that body.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use super::config::HttpLimits;

/// What a connection waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(super) enum Phase {
    /// Its first byte.
    New,
    /// The rest of a head.
    Head,
    /// Nothing: a request is being answered.
    Busy,
    /// The next request.
    Idle,
}

/// Where a connection stands, told by whoever answers its requests. All who tell are of its one task.
#[derive(Clone, Debug, Default)]
pub(super) struct Pace(Arc<AtomicU32>);

/// A phase, and of which request: the same phase of another is another wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stage(u32);

/// Of which request a connection stands at the end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Turn(u32);

impl Stage {
    fn phase(self) -> Phase {
        match self.0 & 3 {
            0 => Phase::New,
            1 => Phase::Head,
            2 => Phase::Busy,
            _ => Phase::Idle,
        }
    }

    fn then(self, phase: Phase) -> Self {
        let request = self.0 & !3;
        Self(if phase == Phase::Busy { request.wrapping_add(4) } else { request } | phase as u32)
    }
}

impl Pace {
    pub(super) fn set(&self, phase: Phase) {
        self.0.store(self.stage().then(phase).0, Ordering::Relaxed);
    }

    pub(super) fn phase(&self) -> Phase {
        self.stage().phase()
    }

    /// The request after which the connection stands; `None` while one is being answered.
    pub(super) fn between(&self) -> Option<Turn> {
        let stage = self.stage();
        (stage.phase() != Phase::Busy).then_some(Turn(stage.0 & !3))
    }

    fn stage(&self) -> Stage {
        Stage(self.0.load(Ordering::Relaxed))
    }
}

/// Bytes in and out, within time.
#[derive(Debug)]
pub(super) struct Patient<T> {
    io: T,
    pace: Pace,
    spans: Spans,
    reading: Pin<Box<Sleep>>,
    /// What is waited for, and when it is too late.
    waits: Option<(Stage, Instant)>,
    writing: Pin<Box<Sleep>>,
    blocked: bool,
}

#[derive(Clone, Copy, Debug)]
struct Spans {
    first_byte: Duration,
    head: Duration,
    idle: Duration,
    write: Duration,
}

impl<T> Patient<T> {
    pub(super) fn new(io: T, pace: Pace, limits: &HttpLimits) -> Self {
        let HttpLimits { first_byte, head, idle, write, .. } = *limits;
        let timer = || Box::pin(tokio::time::sleep(Duration::ZERO));
        let spans = Spans { first_byte, head, idle, write };
        Self { io, pace, spans, reading: timer(), waits: None, writing: timer(), blocked: false }
    }

    /// Ready when whoever should send has not for too long.
    fn poll_late(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let stage = self.pace.stage();
        let span = match stage.phase() {
            Phase::New => self.spans.first_byte,
            Phase::Head => self.spans.head,
            Phase::Idle => self.spans.idle,
            Phase::Busy => return Poll::Pending,
        };
        let late = match self.waits {
            Some((known, late)) if known == stage => late,
            _ => Instant::now() + span,
        };
        self.waits = Some((stage, late));
        // A timer that goes off too early is set anew then, and not with every request.
        if self.reading.deadline() > late {
            self.reading.as_mut().reset(late);
        }
        loop {
            ready!(self.reading.as_mut().poll(cx));
            if self.reading.deadline() >= late {
                return Poll::Ready(());
            }
            self.reading.as_mut().reset(late);
        }
    }

    /// The outcome of a write, or an error when nobody took a byte for too long.
    fn written<R>(&mut self, cx: &mut Context<'_>, outcome: Poll<io::Result<R>>) -> Poll<io::Result<R>> {
        if outcome.is_ready() {
            self.blocked = false;
            return outcome;
        }
        if !std::mem::replace(&mut self.blocked, true) {
            let span = self.spans.write;
            self.writing.as_mut().reset(Instant::now() + span);
        }
        ready!(self.writing.as_mut().poll(cx));
        Poll::Ready(Err(late()))
    }
}

fn late() -> io::Error {
    io::ErrorKind::TimedOut.into()
}

impl<T: AsyncRead + Unpin> AsyncRead for Patient<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.io).poll_read(cx, buffer);
        if read.is_pending() {
            ready!(self.poll_late(cx));
            return Poll::Ready(Err(late()));
        }
        if buffer.filled().len() > before && matches!(self.pace.phase(), Phase::New | Phase::Idle) {
            self.pace.set(Phase::Head);
        }
        read
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Patient<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.io).poll_write(cx, bytes);
        self.written(cx, outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.io).poll_write_vectored(cx, pieces);
        self.written(cx, outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.io).poll_flush(cx);
        let flushed = self.written(cx, outcome);
        if flushed.is_ready() && self.pace.phase() == Phase::Idle {
            // The end of an answer. It may be that nobody reads again before this wakes them: then the reader is told.
            let _ = self.poll_late(cx);
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.io).poll_shutdown(cx);
        self.written(cx, outcome)
    }
}
