//! Payloads: small ones stay in the row of their job, large ones are in pieces.

use bytes::Bytes;

use super::KeyedStore;
use super::pieces::Pieces;
use crate::error::{Error, Result};
use crate::job::Phase;
use crate::payload::Payload;
use crate::store::codec::Damage;
use crate::store::record::Stored;

/// Largest payload, or blob, that is in no pieces.
pub(super) const INLINE: usize = 4 << 10;

/// A payload that is where it will be read from.
#[derive(Debug)]
pub(super) struct Placed {
    pub(super) stored: Stored,
    /// Its bytes, where they stay in the row.
    pub(super) inline: Bytes,
    pub(super) pieces: Option<Pieces>,
}

impl KeyedStore {
    pub(super) async fn place(&self, payload: &Payload) -> Result<Placed> {
        let bytes = payload.bytes();
        if bytes.len() <= INLINE {
            return Ok(Placed { stored: Stored::new(payload, None), inline: bytes.clone(), pieces: None });
        }
        let pieces = self.write_pieces(bytes).await?;
        Ok(Placed { stored: Stored::new(payload, Some(pieces.name())), inline: Bytes::new(), pieces: Some(pieces) })
    }

    pub(super) async fn place_output(&self, phase: &Phase) -> Result<Option<Placed>> {
        match phase {
            Phase::Completed { output, .. } => self.place(output).await.map(Some),
            _ => Ok(None),
        }
    }

    /// Removes the pieces of payloads that no row came to name, unless one may have.
    pub(super) async fn discard<T>(&self, placed: &[Option<&Placed>], came: &Result<T>) {
        if !matches!(came, Err(Error::Fault { .. })) {
            let pieces = placed.iter().flatten().filter_map(|placed| placed.pieces.as_ref());
            self.tidy(pieces.map(|pieces| pieces.bytes().to_vec()).collect()).await;
        }
    }

    /// The payload, of bytes in the row or of pieces.
    pub(super) async fn load_payload(&self, stored: &Stored, inline: Bytes) -> Result<Result<Payload, Damage>> {
        let bytes = match &stored.file {
            None => inline,
            Some(name) => match self.read_pieces(name, stored.length).await? {
                Some(bytes) => bytes,
                None => return Ok(Err(Damage::new("pieces of its payload are missing"))),
            },
        };
        Ok(stored.payload(bytes))
    }
}
