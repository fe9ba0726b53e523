//! Payloads: small ones stay with their job, large ones are a list of pieces under a name that is never used again.
//!
//! The pieces are there before the record that names them, and are forgotten by the server an hour after the last of them unless
//! a record has named them by then. They go over a connection of their own, one at a time, so that nobody waits behind them.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use redis::Value;
use tokio::sync::Semaphore;

use super::answer::{self, decimal, own};
use super::fault;
use super::link::Link;
use super::scripts;
use crate::error::Result;
use crate::payload::Payload;
use crate::store::codec::Damage;
use crate::store::record::Stored;

/// Largest payload that stays with its job.
pub(super) const INLINE: usize = 256 << 10;
/// Bytes of a piece.
const PIECE: usize = 1 << 20;
/// Payloads that are on their way at once.
const AT_ONCE: usize = 8;
/// How often a payload is sent whose pieces were gone before their job was there: somebody emptied the server.
pub(super) const TRIES: u32 = 3;

/// A payload that is where it will be read from.
#[derive(Debug)]
pub(super) struct Placed {
    pub(super) stored: Stored,
    /// Its bytes, where they stay with the job.
    pub(super) inline: Bytes,
    pub(super) pieces: usize,
}

impl Placed {
    /// Its list, or nothing.
    pub(super) fn name(&self) -> Bytes {
        self.stored.file.as_ref().map(own).unwrap_or_default()
    }
}

#[derive(Debug)]
pub(super) struct Payloads {
    bulk: Arc<Link>,
    room: Semaphore,
}

impl Payloads {
    pub(super) fn new(bulk: Arc<Link>) -> Self {
        Self { bulk, room: Semaphore::new(AT_ONCE) }
    }

    pub(super) async fn place(&self, payload: &Payload) -> Result<Placed> {
        let bytes = payload.bytes();
        if bytes.len() <= INLINE {
            return Ok(Placed { stored: Stored::new(payload, None), inline: bytes.clone(), pieces: 0 });
        }
        let (name, pieces) = self.write(bytes).await?;
        Ok(Placed { stored: Stored::new(payload, Some(name)), inline: Bytes::new(), pieces })
    }

    /// Writes bytes under a new name, of which nothing stays unless a record names it soon.
    pub(super) async fn write(&self, bytes: &Bytes) -> Result<(String, usize)> {
        let _room = self.room.acquire().await.map_err(|error| fault::fault(error.to_string()))?;
        for _ in 0..TRIES {
            let name = hex::encode(rand::random::<[u8; 16]>());
            if self.write_as(&name, bytes).await? {
                return Ok((name, bytes.len().div_ceil(PIECE)));
            }
        }
        Err(lost())
    }

    /// Whether all of it is there.
    async fn write_as(&self, name: &str, bytes: &Bytes) -> Result<bool> {
        let mut rest = bytes.clone();
        let mut number = 0;
        while !rest.is_empty() {
            let piece = rest.split_to(PIECE.min(rest.len()));
            let added = self.bulk.run(&scripts::CHUNK, &[own(name), decimal(number), piece]).await?;
            if answer::number(&added)? == 0 {
                return Ok(false);
            }
            number += 1;
        }
        Ok(true)
    }

    /// Forgets pieces that no record names after all. What cannot be forgotten now, the server forgets in an hour.
    pub(super) async fn forget(&self, placed: Option<&Placed>) {
        let Some(name) = placed.and_then(|placed| placed.stored.file.as_ref()) else { return };
        let key = self.bulk.target.key("f:", name.as_bytes());
        if let Err(error) = self.bulk.ask(redis::cmd("UNLINK").arg(key)).await {
            tracing::debug!(error = error.chain(), "pieces of a payload stay for an hour");
        }
    }

    /// The payload, of bytes that stay with the job or of pieces.
    pub(super) async fn read(&self, stored: &Stored, inline: Bytes) -> Result<Result<Payload, Damage>> {
        let bytes = match &stored.file {
            None => inline,
            Some(name) => match self.pieces(name, stored.length).await? {
                Some(bytes) => bytes,
                None => return Ok(Err(Damage::new("pieces of its payload are missing"))),
            },
        };
        Ok(stored.payload(bytes))
    }

    /// So many bytes in pieces; `None`: not all are there.
    pub(super) async fn pieces(&self, name: &str, length: u64) -> Result<Option<Bytes>> {
        let length = usize::try_from(length).map_err(|error| fault::fault(error.to_string()))?;
        let _room = self.room.acquire().await.map_err(|error| fault::fault(error.to_string()))?;
        let key = self.bulk.target.key("f:", name.as_bytes());
        let mut whole = BytesMut::new();
        for number in 0..length.div_ceil(PIECE) {
            match self.bulk.ask(redis::cmd("LINDEX").arg(&key).arg(number)).await? {
                Value::BulkString(piece) => whole.extend_from_slice(&piece),
                _ => return Ok(None),
            }
        }
        Ok(Some(whole.freeze()).filter(|whole| whole.len() == length))
    }
}

pub(super) fn lost() -> crate::error::Error {
    fault::fault("the pieces of a payload were gone before its job was kept: somebody empties Redis, or deletes keys of the store".into())
}
