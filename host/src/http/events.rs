//! `GET /v1/jobs/{id}/events`: what happens to a job, as server-sent events. Read from the store as fast as they are taken: who
//! reads slowly misses states in between, holds nobody back, and costs no memory.

use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CONTENT_TYPE, HeaderName};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::stream::{self, BoxStream, Stream, StreamExt as _};
use serde::Serialize;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::app::App;
use super::door::InFlight;
use super::followers::Place;
use super::path::JobPath;
use super::principal::Caller;
use super::problem::{self, Problem, Result};
use super::query::Query;
use crate::error::{Error, Misuse};
use crate::events::{Event, Heard};
use crate::token::TokenId;

/// Between two looks at whether the token of a follower is good still.
const LOOK: Duration = Duration::from_secs(5);
const LAST: HeaderName = HeaderName::from_static("last-event-id");

/// Follows a job: events `status`, `progress` and `log`, each with an id to come back with. Ends after the last status; asked
/// again for what comes after that, answers 204.
#[utoipa::path(get, path = "/v1/jobs/{id}/events", tag = "jobs",
    params(
        ("id" = String, Path, description = "the job"),
        ("Last-Event-ID" = Option<String>, Header, description = "the id of the last event that was heard"),
    ),
    responses(
        (status = 200, description = "events, until the job has finished", content_type = "text/event-stream"),
        (status = 204, description = "the job has finished, and all has been heard"),
        super::openapi::Refusals,
    ))]
pub(super) async fn events(
    State(app): State<App>,
    caller: Caller,
    JobPath(id): JobPath,
    request: InFlight,
    query: Query,
    headers: HeaderMap,
) -> Result {
    query.end()?;
    let heard = heard(&headers)?;
    let (handle, job) = caller.job(&app, id).await?;
    if job.status.is_finished() && heard.version == job.version {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let now = Instant::now();
    let following = Following {
        _place: app.follow(&caller, &request)?,
        events: handle.events_after(heard),
        token: caller.token,
        look: now + LOOK,
        end: now + app.limits().stream,
        keep_alive: now + app.limits().keep_alive,
        drain: app.drain().clone(),
        app,
    };
    let mut response = Response::new(Body::from_stream(following.pieces()));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    Ok(response)
}

fn heard(headers: &HeaderMap) -> Result<Heard> {
    let Some(sent) = headers.get(LAST) else { return Ok(Heard::default()) };
    let read = sent.to_str().ok().and_then(|text| text.parse().ok());
    read.ok_or_else(|| Problem(Error::request(Misuse::BadHeader, "the Last-Event-ID is none that this host gave")))
}

struct Following {
    _place: Place,
    app: App,
    events: BoxStream<'static, crate::error::Result<(Heard, Event)>>,
    token: Option<TokenId>,
    /// When it is time to look at that.
    look: Instant,
    end: Instant,
    /// When it is time to say something.
    keep_alive: Instant,
    drain: CancellationToken,
}

impl Following {
    /// Made one at a time, when the one before has been taken.
    fn pieces(self) -> impl Stream<Item = std::result::Result<Bytes, axum::Error>> {
        // At once, so that whoever waits for the head of the answer knows that it is followed.
        let first = stream::once(async { Bytes::from_static(b": following\n\n") });
        first.chain(stream::unfold(self, |mut following| async { Some((following.next().await?, following)) })).map(Ok)
    }

    /// Ends when the host drains, and when the token that opened it opens nothing any more: who comes back hears why.
    async fn next(&mut self) -> Option<Bytes> {
        let piece = loop {
            tokio::select! {
                biased;
                () = self.drain.cancelled() => return None,
                () = tokio::time::sleep_until(self.end) => return None,
                () = tokio::time::sleep_until(self.look), if self.token.is_some() => {
                    self.look = Instant::now() + LOOK;
                    if let Some(token) = self.token && !self.app.guard().is_good(token).await {
                        return None;
                    }
                }
                event = self.events.next() => break match event? {
                    Ok((heard, event)) => piece(heard, &event),
                    Err(error) => written("error", None, &problem::document(&error)),
                },
                () = tokio::time::sleep_until(self.keep_alive) => break Bytes::from_static(b": still here\n\n"),
            }
        };
        self.keep_alive = Instant::now() + self.app.limits().keep_alive;
        Some(piece)
    }
}

fn piece(heard: Heard, event: &Event) -> Bytes {
    match event {
        Event::Status(job) => written("status", Some(heard), job),
        Event::Progress(progress) => written("progress", Some(heard), progress),
        Event::Log(entry) => written("log", Some(heard), entry),
    }
}

fn written<T: Serialize>(kind: &str, heard: Option<Heard>, data: &T) -> Bytes {
    let id = heard.map(|heard| format!("id: {heard}\n")).unwrap_or_default();
    // What these types hold can be written as JSON, which has no line breaks of its own.
    let data = serde_json::to_string(data).unwrap_or_default();
    format!("event: {kind}\n{id}data: {data}\n\n").into()
}
