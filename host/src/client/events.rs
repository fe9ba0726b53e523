//! A job's events from a host elsewhere: server-sent events, taken up where they broke off.

use std::time::Duration;

use bytes::BytesMut;
use futures::stream::{self, BoxStream, StreamExt as _};
use http_body_util::BodyExt as _;
use hyper::StatusCode;
use hyper::header::HeaderName;

use super::Client;
use super::exchange::{Answer, Ask};
use super::problem::Problem;
use crate::error::{Error, Result};
use crate::events::{Event, Heard};
use crate::id::JobId;

const LAST: HeaderName = HeaderName::from_static("last-event-id");
/// Most bytes of one event: a line of a log, or all that is known of a job.
const LIMIT: usize = 128 << 20;
/// Silence longer than this is a broken connection: a host says every 15 s that it is there.
const SILENCE: Duration = Duration::from_secs(90);
/// Connections in a row that break before they tell anything; then the last error is told.
const BROKEN: u32 = 5;
const REST: Duration = Duration::from_millis(200);

pub(super) fn events(client: Client, id: JobId, heard: Heard) -> BoxStream<'static, Result<(Heard, Event)>> {
    let follower = Follower { client, id, heard, stream: None, broken: 0, over: false };
    stream::unfold(follower, |mut follower| async move { Some((follower.next().await?, follower)) }).boxed()
}

struct Follower {
    client: Client,
    id: JobId,
    heard: Heard,
    stream: Option<Stream>,
    broken: u32,
    over: bool,
}

impl Follower {
    async fn next(&mut self) -> Option<Result<(Heard, Event)>> {
        while !self.over {
            match self.heard().await {
                Ok(Some((heard, event))) => {
                    self.broken = 0;
                    self.heard = heard;
                    self.over = matches!(&event, Event::Status(job) if job.status.is_finished());
                    return Some(Ok((heard, event)));
                }
                // It ended before the job did: the host goes down, or has had enough of this one.
                Ok(None) => self.stream = None,
                Err(Error::Unreachable { .. } | Error::ShuttingDown | Error::Busy { .. }) if self.broken < BROKEN => {
                    self.stream = None;
                    self.broken += 1;
                    tokio::time::sleep(REST * self.broken).await;
                }
                Err(error) => {
                    self.over = true;
                    return Some(Err(error));
                }
            }
        }
        None
    }

    async fn heard(&mut self) -> Result<Option<(Heard, Event)>> {
        let stream = match &mut self.stream {
            Some(stream) => stream,
            None => match self.open().await? {
                Some(stream) => self.stream.insert(stream),
                None => {
                    self.over = true;
                    return Ok(None);
                }
            },
        };
        stream.next(&self.client).await?.map_or(Ok(None), |piece| read(self.heard, &piece).map(Some))
    }

    /// Nothing when all has been heard.
    async fn open(&self) -> Result<Option<Stream>> {
        let mut ask = Ask::get(format!("/v1/jobs/{}/events", self.id));
        if self.heard != Heard::default() {
            ask = ask.header(LAST, &self.heard.to_string())?;
        }
        let answer = self.client.wire.open(ask.clone()).await?;
        match answer.response.status() {
            StatusCode::OK => Ok(Some(Stream { answer, buffer: BytesMut::new() })),
            StatusCode::NO_CONTENT => Ok(None),
            // The same once more, for what it says.
            _ => self.client.wire.ask(ask).await.map(|_| None),
        }
    }
}

/// An event as it was sent.
#[derive(Debug, Default, PartialEq, Eq)]
struct Piece {
    kind: String,
    id: Option<String>,
    data: String,
}

struct Stream {
    answer: Answer,
    buffer: BytesMut,
}

impl Stream {
    async fn next(&mut self, client: &Client) -> Result<Option<Piece>> {
        loop {
            if let Some(piece) = taken(&mut self.buffer) {
                return Ok(Some(piece));
            }
            if self.buffer.len() > LIMIT {
                return Err(Error::refused(format!("an event has more than {LIMIT} bytes")));
            }
            let frame = tokio::time::timeout(SILENCE, self.answer.response.body_mut().frame()).await;
            let frame = frame.map_err(|late| client.wire.unreachable(late.into()))?;
            let Some(frame) = frame else { return Ok(None) };
            let frame = frame.map_err(|error| client.wire.unreachable(error.into()))?;
            if let Ok(data) = frame.into_data() {
                self.buffer.extend_from_slice(&data);
            }
        }
    }
}

/// Takes the first whole event off the buffer; comments are none.
fn taken(buffer: &mut BytesMut) -> Option<Piece> {
    loop {
        let end = buffer.windows(2).position(|pair| pair == b"\n\n")?;
        let text = String::from_utf8_lossy(&buffer[..end]).into_owned();
        drop(buffer.split_to(end + 2));
        let mut piece = Piece::default();
        for line in text.lines() {
            match line.split_once(": ") {
                Some(("event", kind)) => kind.clone_into(&mut piece.kind),
                Some(("id", id)) => piece.id = Some(id.to_owned()),
                Some(("data", data)) => piece.data.push_str(data),
                // A comment, or what later versions say.
                _ => {}
            }
        }
        if !piece.kind.is_empty() {
            return Some(piece);
        }
    }
}

fn read(before: Heard, piece: &Piece) -> Result<(Heard, Event)> {
    let bad = |error: serde_json::Error| Error::fault("event stream", error);
    let heard = piece.id.as_ref().map_or(Ok(before), |id| id.parse())?;
    let event = match &*piece.kind {
        "status" => Event::Status(serde_json::from_str(&piece.data).map_err(bad)?),
        "progress" => Event::Progress(serde_json::from_str(&piece.data).map_err(bad)?),
        "log" => Event::Log(serde_json::from_str(&piece.data).map_err(bad)?),
        "error" => return Err(serde_json::from_str::<Problem>(&piece.data).map_err(bad)?.error()),
        other => return Err(Error::fault("event stream", format!("{} is no event", crate::id::shorten(other)))),
    };
    Ok((heard, event))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_taken_when_it_is_whole_and_comments_are_none() {
        let mut buffer = BytesMut::from(&b": following\n\nevent: log\nid: 3.2\nda"[..]);
        assert_eq!(taken(&mut buffer), None);
        buffer.extend_from_slice(b"ta: {}\n\nevent: x");
        let piece = Piece { kind: "log".into(), id: Some("3.2".into()), data: "{}".into() };
        assert_eq!(taken(&mut buffer), Some(piece));
        assert_eq!(taken(&mut buffer), None);
    }
}
