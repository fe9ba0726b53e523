//! Attempts that a host elsewhere runs for this one: a request each, which is answered as long as the attempt takes.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::header::CONTENT_TYPE;
use hyper::{Method, StatusCode};

use super::Client;
use super::exchange::{Answer, Ask};
use crate::error::{Error, Misuse, Result};

/// The media type of frames.
pub(crate) const FRAMES: &str = "application/vnd.au-host.frames";
const PATH: &str = "/v1/attempts";
/// Bytes of an attempt that go to a host within a second, at least: what is not there yet cannot be answered.
const SLOWEST: u64 = 1 << 20;

/// An answer that is under way. Dropping it closes its connection.
pub(crate) struct AttemptAnswer {
    client: Client,
    answer: Answer,
}

impl std::fmt::Debug for AttemptAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AttemptAnswer").field("client", &self.client).finish_non_exhaustive()
    }
}

impl Client {
    /// Has the host there run an attempt, given as frames. When this returns, it has begun.
    pub(crate) async fn attempt(&self, frames: Bytes) -> Result<AttemptAnswer> {
        let sending = Duration::from_secs(frames.len() as u64 / SLOWEST);
        let ask = Ask::new(Method::POST, PATH).header(CONTENT_TYPE, FRAMES)?.body(frames).waiting(Some(sending));
        let answer = self.wire.open(ask).await?;
        if answer.response.status() == StatusCode::OK {
            return Ok(AttemptAnswer { client: self.clone(), answer });
        }
        Err(self.wire.problem(answer).await?)
    }

    /// Whether the host there would run attempts for this one: asked with one that is none.
    pub(crate) async fn can_attempt(&self) -> Result<()> {
        match self.attempt(Bytes::new()).await {
            Ok(_) | Err(Error::Invalid { .. }) => Ok(()),
            Err(Error::Request { misuse: Misuse::NoRoute | Misuse::BadMethod, .. }) => {
                Err(Error::refused(format!("{} is of a version that runs no attempts for others", self.url())))
            }
            Err(error) => Err(error),
        }
    }
}

impl AttemptAnswer {
    /// The next bytes; nothing at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>> {
        while let Some(frame) = self.answer.response.body_mut().frame().await {
            let frame = frame.map_err(|error| self.client.wire.unreachable(error.into()))?;
            if let Ok(data) = frame.into_data() {
                return Ok(Some(data));
            }
        }
        Ok(None)
    }

    /// All of it was heard: what is left is the end of the answer, after which its connection is free for others.
    pub(crate) fn end(self) {
        let Self { client, answer } = self;
        // It takes no longer than an answer may.
        drop(tokio::spawn(async move { client.wire.over(answer).await }));
    }
}
