//! Blobs: small ones under their name, large ones in pieces as payloads are.
//!
//! The value under a name is whether it is in pieces (0 or 1), a checksum of 4 bytes, a length of 8, how many pieces in 4, and then
//! the blob, or the name of its pieces. What was there before stays for a minute, for those who are reading it.

use bytes::Bytes;

use super::RedisStore;
use super::answer::{self, decimal, own, random};
use super::payloads::{self, INLINE};
use super::{fault, scripts};
use crate::error::{Error, Result};

/// How often a blob is read that is always replaced before its pieces are there.
const TRIES: u32 = 10;

impl RedisStore {
    pub(super) async fn keep_blob(&self, name: &str, blob: &Bytes) -> Result<()> {
        for _ in 0..payloads::TRIES {
            let (file, pieces) =
                if blob.len() <= INLINE { (String::new(), 0) } else { self.payloads.write(blob).await? };
            let value = value(blob, &file, pieces);
            let kept = self.bulk.run(&scripts::PUT_BLOB, &[own(name), value, file.into(), decimal(pieces)]).await?;
            if answer::number(&kept)? == 1 {
                return Ok(());
            }
        }
        Err(payloads::lost())
    }

    pub(super) async fn read_blob(&self, name: &str) -> Result<Option<Bytes>> {
        for _ in 0..TRIES {
            let key = self.bulk.target.key("b:", name.as_bytes());
            let Some(value) = answer::optional(self.bulk.ask(redis::cmd("GET").arg(key)).await?)? else {
                return Ok(None);
            };
            let (head, rest) = value.split_first_chunk::<17>().ok_or_else(fault::strange)?;
            let [in_pieces, head @ ..] = head;
            let [s0, s1, s2, s3, l0, l1, l2, l3, l4, l5, l6, l7, ..] = *head;
            let length = u64::from_be_bytes([l0, l1, l2, l3, l4, l5, l6, l7]);
            let blob = if *in_pieces == 0 {
                Some(value.slice(17..))
            } else {
                let file = std::str::from_utf8(rest).map_err(|_| fault::strange())?;
                self.payloads.pieces(file, length).await?
            };
            match blob {
                Some(blob) if crc32fast::hash(&blob) == u32::from_be_bytes([s0, s1, s2, s3]) => return Ok(Some(blob)),
                Some(_) => return Err(damaged(name, "its checksum does not match")),
                // Replaced, and forgotten already.
                None => {}
            }
        }
        Err(damaged(name, "pieces of it are missing"))
    }

    pub(super) async fn forget_blob(&self, name: &str) -> Result<bool> {
        let removed = self.bulk.run(&scripts::REMOVE_BLOB, &[random(), own(name)]).await?;
        Ok(answer::number(&removed)? > 0)
    }
}

fn value(blob: &[u8], file: &str, pieces: usize) -> Bytes {
    let in_pieces = u8::from(!file.is_empty());
    let rest = if file.is_empty() { blob } else { file.as_bytes() };
    let pieces = u32::try_from(pieces).unwrap_or(u32::MAX);
    let sum = crc32fast::hash(blob).to_be_bytes();
    own([&[in_pieces], &sum[..], &(blob.len() as u64).to_be_bytes(), &pieces.to_be_bytes(), rest].concat())
}

fn damaged(name: &str, why: &str) -> Error {
    Error::Corrupt { what: format!("blob {}", name.escape_debug()), why: why.into() }
}
