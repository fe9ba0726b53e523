//! What is left of a request's body once it has been answered.
//!
//! A connection goes on only where the next request begins. Whoever refuses a request reads its body seldom; its connection, closed
//! with bytes unread, can lose the answer, or end without a word to a client that has sent its next request on it. So the rest is
//! read for a moment, and where that does not come to its end, the answer says that the connection is closed (RFC 9112 §9.6).

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::{Request, header};

/// How long the rest of a body is read, at most.
const LINGER: Duration = Duration::from_secs(1);

/// Where the bodies of a connection's requests come back to. It has one request at a time.
#[derive(Clone, Debug, Default)]
pub(super) struct Leftover(Arc<Mutex<Option<Rest>>>);

#[derive(Debug)]
struct Rest {
    body: Incoming,
    /// The sender waits to be told whether to go on (RFC 9110 §10.1.1).
    waits: bool,
}

/// A body that comes back if it is dropped before its end.
#[derive(Debug)]
pub(super) struct Lent {
    rest: Option<Rest>,
    back: Leftover,
}

impl Leftover {
    /// The request, with a body that comes back here.
    pub(super) fn lend(&self, request: Request<Incoming>) -> Request<Lent> {
        let waits = request.headers().contains_key(header::EXPECT);
        request.map(|body| Lent { rest: Some(Rest { body, waits }), back: self.clone() })
    }

    /// Reads what came back to its end; whether that was reached. One that waits to be told to send is not told to.
    pub(super) async fn is_read(&self) -> bool {
        let Some(Rest { mut body, waits }) = self.slot().take() else { return true };
        if waits {
            return false;
        }
        let reading = async { while let Some(Ok(_)) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {} };
        tokio::time::timeout(LINGER, reading).await.is_ok()
    }

    fn slot(&self) -> MutexGuard<'_, Option<Rest>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Body for Lent {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let Some(rest) = &mut self.rest else { return Poll::Ready(None) };
        rest.waits = false;
        let frame = ready!(Pin::new(&mut rest.body).poll_frame(cx));
        if !matches!(frame, Some(Ok(_))) {
            self.rest = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.rest.as_ref().is_none_or(|rest| rest.body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        self.rest.as_ref().map_or(SizeHint::with_exact(0), |rest| rest.body.size_hint())
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(rest) = self.rest.take().filter(|rest| !rest.body.is_end_stream()) {
            *self.back.slot() = Some(rest);
        }
    }
}
