//! `POST /v1/attempts`: runs an attempt for another host, which keeps its job. What goes in and comes out are frames
//! (`backend/remote/frame.rs`). The answer lasts as long as the attempt, and who closes it stops the attempt.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::Response;
use bytes::{Bytes, BytesMut};
use futures::stream;
use tokio::sync::OwnedSemaphorePermit;

use super::app::App;
use super::body;
use super::door::InFlight;
use super::problem::{Problem, Result};
use crate::attempt::Report;
use crate::backend::Context;
use crate::backend::remote::{Voice, frame};
use crate::client::FRAMES;
use crate::error::{Error, Misuse};
use crate::id::ModuleRef;

/// Between two signs of life.
const BEAT: Duration = Duration::from_secs(1);
/// When to come again that found no room.
const LATER: Duration = Duration::from_secs(1);

/// Runs an attempt of a job that another host keeps. Needs the scope `work`: it may ask for whatever this host allows at all.
#[utoipa::path(post, path = "/v1/attempts", tag = "attempts",
    request_body(content = String, content_type = "application/vnd.au-host.frames", description = "the attempt, as frames of this version of au-host"),
    responses(
        (status = 200, description = "what it says and what comes of it, as frames", content_type = "application/vnd.au-host.frames"),
        super::openapi::Refusals,
    ))]
pub(super) async fn run(State(app): State<App>, place: InFlight, request: axum::extract::Request) -> Result {
    let (head, body) = request.into_parts();
    if head.headers.get(CONTENT_TYPE).is_none_or(|kind| kind != FRAMES) {
        return Err(Error::request(Misuse::BadMediaType, format!("an attempt is sent as {FRAMES}")).into());
    }
    let (bytes, share) = body::read(body, &head.headers, app.budget(), app.limits()).await?;
    let attempt = app.host().admit_lent(frame::told(&bytes)?)?;
    drop(bytes);
    app.local().module(&ModuleRef::Digest(attempt.module)).await?;
    let seat = Arc::clone(app.attempts()).try_acquire_owned();
    let seat = seat.map_err(|_| Problem(Error::Busy { retry_after: LATER }))?;
    // From here on it has a place among attempts, in return for that among requests.
    place.release();
    let voice = Arc::new(Voice::default());
    let (host, context) = (app.host().clone(), Context { events: Arc::clone(&voice) as _, ..Context::default() });
    let running = Box::pin(async move { host.run_lent(attempt, &context).await });
    let lent = Lent { running, voice, first: true, over: false, _held: (seat, share) };
    let pieces = stream::unfold(lent, |mut lent| async { Some((lent.next().await?, lent)) });
    let mut response = Response::new(Body::from_stream(pieces));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(FRAMES));
    Ok(response)
}

/// An attempt that runs, and what is to be told of it.
struct Lent {
    running: Pin<Box<dyn Future<Output = crate::error::Result<Report>> + Send>>,
    voice: Arc<Voice>,
    first: bool,
    over: bool,
    _held: (OwnedSemaphorePermit, body::Share),
}

impl Lent {
    async fn next(&mut self) -> Option<crate::error::Result<Bytes>> {
        if self.over {
            return None;
        }
        if std::mem::take(&mut self.first) {
            // At once, so that the head of the answer goes and the other host knows that it has begun.
            return Some(frame::message(&frame::ToHost::Ready(frame::VERSION)).map(BytesMut::freeze));
        }
        tokio::select! {
            biased;
            said = self.voice.taken() => Some(Ok(said)),
            ended = &mut self.running => Some(self.end(ended)),
            () = tokio::time::sleep(BEAT) => Some(frame::message(&frame::ToHost::Beat).map(BytesMut::freeze)),
        }
    }

    fn end(&mut self, ended: crate::error::Result<Report>) -> crate::error::Result<Bytes> {
        self.over = true;
        let mut last = BytesMut::new();
        last.extend_from_slice(&self.voice.taken_now());
        last.extend_from_slice(&match ended {
            Ok(mut report) => {
                report.usage.log_dropped += self.voice.dropped();
                frame::report(&report)?
            }
            Err(error) => frame::message(&frame::ToHost::Refused(error.chain()))?,
        });
        Ok(last.freeze())
    }
}
