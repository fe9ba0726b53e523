//! Blobs: small ones under their name, large ones in pieces as payloads are.

use bytes::Bytes;

use super::payloads::INLINE;
use super::pieces::Pieces;
use super::tries::Tries;
use super::{KeyedStore, keys};
use crate::error::{Error, Result};
use crate::store::codec::{Damage, Decoder, Encoder};

const BLOB: u8 = 1;
/// How often a blob is read that is always replaced before its pieces are there.
const TRIES: u32 = 10;

/// What is under the name of a blob.
#[derive(Debug)]
struct Head {
    length: u64,
    checksum: u32,
    /// Its pieces; `None`: it is here.
    pieces: Option<String>,
    inline: Bytes,
}

impl Head {
    fn to_bytes(&self) -> Vec<u8> {
        let mut to = Encoder::new(BLOB);
        to.number(self.length);
        to.raw(&self.checksum.to_le_bytes());
        to.optional(self.pieces.as_deref(), Encoder::text);
        to.raw(&self.inline);
        to.seal()
    }

    fn read(sealed: &[u8]) -> Result<Self, Damage> {
        let from = &mut Decoder::open(sealed, BLOB)?;
        let (length, checksum) = (from.number()?, u32::from_le_bytes(from.array()?));
        let pieces = from.optional(|from| from.text().map(str::to_owned))?;
        let here = if pieces.is_some() { 0 } else { usize::try_from(length).unwrap_or(usize::MAX) };
        Ok(Self { length, checksum, pieces, inline: Bytes::copy_from_slice(from.raw(here)?) })
    }
}

impl KeyedStore {
    pub(super) async fn keep_blob(&self, name: &str, blob: &Bytes) -> Result<()> {
        let pieces = if blob.len() > INLINE { Some(self.write_pieces(blob).await?) } else { None };
        let head = Head {
            length: blob.len() as u64,
            checksum: crc32fast::hash(blob),
            pieces: pieces.as_ref().map(Pieces::name),
            inline: if pieces.is_some() { Bytes::new() } else { blob.clone() },
        };
        let put = self.replace_blob(name, Some((&head, pieces.as_ref()))).await;
        if let (Err(error), Some(pieces)) = (&put, &pieces)
            && !matches!(error, Error::Fault { .. })
        {
            self.tidy(vec![pieces.bytes().to_vec()]).await;
        }
        put.map(drop)
    }

    pub(super) async fn forget_blob(&self, name: &str) -> Result<bool> {
        self.replace_blob(name, None).await
    }

    /// Puts this in place of what was under the name, and says whether there was something.
    async fn replace_blob(&self, name: &str, next: Option<(&Head, Option<&Pieces>)>) -> Result<bool> {
        let key = keys::key(keys::BLOB, &[name.as_bytes()]);
        let mut tries = Tries::default();
        loop {
            let before = self.read(key.clone()).await?;
            if before.is_none() && next.is_none() {
                return Ok(false);
            }
            // A damaged one is replaced like any other; what its pieces were is not known.
            let old = before.as_ref().and_then(|head| Head::read(head).ok()?.pieces);
            let old: Vec<_> = old.and_then(|name| hex::decode(name).ok()).into_iter().collect();
            let (was_there, mut draft) = (before.is_some(), self.draft());
            draft.expect(key.clone(), before);
            draft.delete(key.clone());
            if let Some((head, pieces)) = next {
                draft.put(key.clone(), head.to_bytes());
                pieces.iter().for_each(|pieces| draft.claim(pieces));
            }
            old.iter().for_each(|name| draft.orphan(name));
            if self.commit(draft).await? {
                self.tidy(old).await;
                return Ok(was_there);
            }
            tries.again().await?;
        }
    }

    pub(super) async fn read_blob(&self, name: &str) -> Result<Option<Bytes>> {
        let damaged =
            |damage: Damage| Error::Corrupt { what: format!("blob {}", name.escape_debug()), why: damage.to_string() };
        for _ in 0..TRIES {
            let Some(head) = self.read(keys::key(keys::BLOB, &[name.as_bytes()])).await? else { return Ok(None) };
            let head = Head::read(&head).map_err(damaged)?;
            let blob = match &head.pieces {
                None => Some(head.inline),
                Some(name) => self.read_pieces(name, head.length).await?,
            };
            match blob {
                Some(blob) if crc32fast::hash(&blob) == head.checksum => return Ok(Some(blob)),
                Some(_) => return Err(damaged(Damage::new("its checksum does not match"))),
                // Replaced, and its pieces are gone.
                None => {}
            }
        }
        Err(damaged(Damage::new("pieces of it are missing")))
    }
}
