//! What hyper answers by itself to a head that it cannot read has a status and nothing else. On its way out it becomes a problem
//! document, as every other refusal is. A head that never ends, on which hyper says nothing, is answered too.
//!
//! Answers of handlers pass as they are, and are never looked into: whose bytes these are is known by when they come.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

use super::access::{self, Peer};
use super::patience::{Pace, Phase, Turn};
use super::problem;
use crate::error::{Error, Misuse};
use crate::middleware::metrics::Metrics;

/// Bytes in and out, and a reason where there was none.
#[derive(Debug)]
pub(super) struct Explaining<T> {
    io: T,
    pace: Pace,
    peer: Option<Peer>,
    metrics: Metrics,
    /// The request up to which all answers have been handed over: what comes before the next request is no handler's.
    settled: Turn,
    /// What goes out in place of what hyper wrote.
    instead: Bytes,
    /// Until when its sender may go on sending.
    linger: Option<Pin<Box<Sleep>>>,
}

/// How long a sender may go on: a connection that is closed with bytes unread takes its last words back.
const LINGER: Duration = Duration::from_secs(1);

impl<T> Explaining<T> {
    pub(super) fn new(io: T, pace: Pace, peer: Option<Peer>, metrics: Metrics) -> Self {
        Self { io, pace, peer, metrics, settled: Turn::default(), instead: Bytes::new(), linger: None }
    }

    /// Whether what is written now is hyper's own.
    fn is_bare(&self) -> bool {
        self.pace.between() == Some(self.settled)
    }

    /// Whether something else goes out than hyper's own, which begins so.
    fn replaces(&mut self, head: &[u8]) -> bool {
        let Some(error) = refused(head) else { return false };
        self.instead = self.words(&error);
        self.linger = Some(Box::pin(tokio::time::sleep(LINGER)));
        true
    }

    fn words(&self, error: &Error) -> Bytes {
        let bare = problem::last_words(error);
        access::unread(&bare, self.peer, &self.metrics);
        bare.bytes
    }
}

impl<T: AsyncWrite + Unpin> Explaining<T> {
    fn poll_instead(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.instead.is_empty() {
            match ready!(Pin::new(&mut self.io).poll_write(cx, &self.instead))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => drop(self.instead.split_to(written)),
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Says why a connection ends that hyper ends in silence; nobody is waited for.
    fn part(&mut self, cx: &mut Context<'_>) {
        let words = self.words(&Error::request(Misuse::TooSlow, "the head of the request came too slowly"));
        // Who does not take it now goes without.
        let written = Pin::new(&mut self.io).poll_write(cx, &words);
        tracing::trace!(?written, ?self.peer, "a head came too slowly");
        drop(Pin::new(&mut self.io).poll_flush(cx));
    }
}

impl<T: AsyncRead + Unpin> Explaining<T> {
    /// Reads on for a moment and keeps nothing.
    fn poll_discard(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(linger) = &mut self.linger else { return Poll::Ready(()) };
        let mut scratch = [0; 8 << 10];
        while linger.as_mut().poll(cx).is_pending() {
            let mut buffer = ReadBuf::new(&mut scratch);
            let read = ready!(Pin::new(&mut self.io).poll_read(cx, &mut buffer));
            if read.is_err() || buffer.filled().is_empty() {
                break;
            }
        }
        Poll::Ready(())
    }
}

/// The error that a bare answer is.
fn refused(head: &[u8]) -> Option<Error> {
    // The version is that of the request before, if there was one.
    let status = head.strip_prefix(b"HTTP/1.1 ").or_else(|| head.strip_prefix(b"HTTP/1.0 "))?.get(..3)?;
    Some(match status {
        b"431" => Error::request(Misuse::LargeHead, "the head of the request has more bytes or headers than are taken"),
        b"414" => Error::request(Misuse::LongUrl, "the URL is longer than is taken"),
        [b'4', ..] => {
            Error::request(Misuse::BadRequest, "what came is no request of HTTP/1.1, or can be read in two ways")
        }
        _ => return None,
    })
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncRead for Explaining<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let read = ready!(Pin::new(&mut self.io).poll_read(cx, buffer));
        let late = read.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::TimedOut);
        if late && self.pace.phase() == Phase::Head && self.is_bare() {
            self.part(cx);
        }
        Poll::Ready(read)
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Explaining<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.is_bare() && self.replaces(bytes) {
            return Poll::Ready(Ok(bytes.len()));
        }
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.is_bare() && self.replaces(pieces.first().map_or(&[], |piece| piece)) {
            return Poll::Ready(Ok(pieces.iter().map(|piece| piece.len()).sum()));
        }
        Pin::new(&mut self.io).poll_write_vectored(cx, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_instead(cx))?;
        // Hyper flushes when it has handed over all there was. While a request is being answered, more may come.
        if let Some(turn) = self.pace.between() {
            self.settled = turn;
        }
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_instead(cx))?;
        ready!(Pin::new(&mut self.io).poll_shutdown(cx))?;
        self.poll_discard(cx).map(Ok)
    }
}
