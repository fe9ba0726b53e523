//! One connection: HTTP/1.1 by hyper, each request answered by the routes.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;
use hyper::header::{CONNECTION, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use super::accept::Serving;
use super::access::Peer;
use super::explaining::Explaining;
use super::leftover::Leftover;
use super::patience::{Pace, Patient, Phase};

/// Answers what comes over `io` until it closes; when the drain begins, after the request that is being answered.
pub(super) async fn serve<T>(io: T, peer: Option<Peer>, serving: Serving)
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let Serving { door, limits, drain, metrics, .. } = serving;
    let pace = Pace::default();
    let answering = pace.clone();
    let leftover = Leftover::default();
    let answer = service_fn(move |request: Request<Incoming>| {
        answering.set(Phase::Busy);
        let (door, pace, leftover) = (door.clone(), answering.clone(), leftover.clone());
        async move {
            let mut response = door.answer(leftover.lend(request).map(Body::new), peer).await;
            if !leftover.is_read().await {
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            Ok::<Response<Paced>, Infallible>(response.map(|body| Paced { body, pace }))
        }
    });
    let io = Explaining::new(Patient::new(io, pace.clone(), &limits), pace.clone(), peer, metrics);
    let connection = http1::Builder::new()
        // `Patient` sees to that, with one timer for all of a connection's requests.
        .header_read_timeout(None)
        .max_headers(limits.headers)
        .max_buf_size(limits.head_bytes.max(8 << 10))
        .serve_connection(TokioIo::new(io), answer);
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = drain.cancelled() => {
            if pace.phase() == Phase::New {
                // Nobody has asked anything yet, and may never.
                return;
            }
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}

/// A response's body, whose end is the end of its request.
struct Paced {
    body: Body,
    pace: Pace,
}

impl http_body::Body for Paced {
    type Data = bytes::Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Paced {
    fn drop(&mut self) {
        self.pace.set(Phase::Idle);
    }
}
