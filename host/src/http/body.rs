//! Reading a body: no more of it, no slower, and no more bodies at one time than the limits say.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use bytes::{Bytes, BytesMut};
use futures::StreamExt as _;
use http_body::Body as _;
use tokio::time::Instant;

use super::config::HttpLimits;
use super::json;
use super::problem::{Problem, Result};
use crate::error::{Error, Misuse};
use crate::payload::{JSON, Payload};

/// So many bytes give a sender a second more.
const PACE: u64 = 64 << 10;
/// JSON above this is checked on a thread that may block.
const LARGE: usize = 256 << 10;

/// The bytes of all bodies that are held at one time.
#[derive(Clone, Debug)]
pub(super) struct Budget(Arc<Account>);

#[derive(Debug)]
struct Account {
    most: u64,
    used: AtomicU64,
}

impl Budget {
    pub(super) fn new(most: u64) -> Self {
        Self(Arc::new(Account { most, used: AtomicU64::new(0) }))
    }

    fn open(&self) -> Share {
        Share { account: Arc::clone(&self.0), held: 0 }
    }
}

/// What one body has of the budget.
#[derive(Debug)]
pub(super) struct Share {
    account: Arc<Account>,
    held: u64,
}

impl Share {
    fn grow(&mut self, bytes: u64) -> Result<()> {
        let before = self.account.used.fetch_add(bytes, Ordering::Relaxed);
        self.held += bytes;
        if before.saturating_add(bytes) > self.account.most {
            return Err(Error::Busy { retry_after: Duration::from_secs(1) }.into());
        }
        Ok(())
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.account.used.fetch_sub(self.held, Ordering::Relaxed);
    }
}

/// The longest that an input may take to come in.
pub(super) fn longest(limits: &HttpLimits) -> Duration {
    limits.body + Duration::from_secs(limits.body_bytes / PACE)
}

/// Pieces of a body, until it is too late or too much.
pub(super) struct Pieces {
    stream: BodyDataStream,
    most: u64,
    read: u64,
    began: Instant,
    span: Duration,
}

impl Pieces {
    /// Refuses at once what says that it is too long, or packed: nothing here unpacks what strangers send.
    pub(super) fn of(body: Body, headers: &HeaderMap, most: u64, limits: &HttpLimits) -> Result<Self> {
        if headers.get(CONTENT_ENCODING).is_some_and(|coding| coding != "identity") {
            let why = "a body is taken as it is: no Content-Encoding but identity";
            return Err(Error::request(Misuse::BadMediaType, why).into());
        }
        let length = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        if length.is_some_and(|length| length > most) {
            return Err(too_large(most));
        }
        Ok(Self { stream: body.into_data_stream(), most, read: 0, began: Instant::now(), span: limits.body })
    }

    pub(super) async fn next(&mut self) -> Result<Option<Bytes>> {
        // Where its length was told nobody need be asked.
        if self.stream.is_end_stream() {
            return Ok(None);
        }
        let late = self.began + self.span + Duration::from_secs(self.read / PACE);
        let piece = match tokio::time::timeout_at(late, self.stream.next()).await {
            Err(_) => return Err(Error::request(Misuse::TooSlow, "the body came too slowly").into()),
            Ok(None) => return Ok(None),
            Ok(Some(Err(error))) => {
                return Err(Error::request(Misuse::BadHeader, format!("the body broke off: {error}")).into());
            }
            Ok(Some(Ok(piece))) => piece,
        };
        self.read += piece.len() as u64;
        if self.read > self.most {
            return Err(too_large(self.most));
        }
        Ok(Some(piece))
    }
}

fn too_large(most: u64) -> Problem {
    Problem(Error::request(Misuse::TooLarge, format!("the body has more than {most} bytes")))
}

/// All of a body, and its share of the budget, to be held as long as the bytes are.
pub(super) async fn read(
    body: Body,
    headers: &HeaderMap,
    budget: &Budget,
    limits: &HttpLimits,
) -> Result<(Bytes, Share)> {
    let mut pieces = Pieces::of(body, headers, limits.body_bytes, limits)?;
    let mut share = budget.open();
    let Some(first) = pieces.next().await? else { return Ok((Bytes::new(), share)) };
    share.grow(first.len() as u64)?;
    let Some(second) = pieces.next().await? else { return Ok((first, share)) };
    let mut all = BytesMut::from(first);
    let mut piece = Some(second);
    while let Some(more) = piece {
        share.grow(more.len() as u64)?;
        all.extend_from_slice(&more);
        piece = pieces.next().await?;
    }
    Ok((all.freeze(), share))
}

/// What `curl -d` says of every body. No guest reads forms, so that its body is held to be what people mean: JSON.
const FORM: &str = "application/x-www-form-urlencoded";

/// A body as an input: of the type it says, else JSON; and JSON it is, if it says so. Nothing at all is no arguments.
pub(super) async fn payload(headers: &HeaderMap, bytes: Bytes) -> Result<Payload> {
    let bad = |why: String| Problem(Error::request(Misuse::BadMediaType, why));
    let kind = match headers.get(CONTENT_TYPE) {
        None if bytes.is_empty() => return Ok(Payload::new(JSON, &b"[]"[..])?),
        None => JSON,
        Some(kind) if kind == FORM => JSON,
        Some(kind) => kind.to_str().map_err(|_| bad("the Content-Type is not plain text".into()))?,
    };
    let payload = Payload::new(kind, bytes).map_err(|error| bad(error.to_string()))?;
    if payload.is_json() {
        let bytes = payload.bytes().clone();
        if bytes.len() < LARGE {
            json::check(&bytes)?;
        } else {
            let checked = tokio::task::spawn_blocking(move || json::check(&bytes)).await;
            checked.map_err(|error| Error::fault("server", error))??;
        }
    }
    Ok(payload)
}
