//! Bytes too many for one value, as pieces under a name that is never used again.
//!
//! They are written before what names them. Until then the name is an orphan, as it is again from when nothing names it any more
//! until its pieces are gone. What was left an orphan by somebody who died is removed after an hour, when the host looks for what has expired.

use std::time::Duration;

use bytes::{Bytes, BytesMut};

use super::draft::Draft;
use super::read::{Pages, strange};
use super::{KeyedStore, keys};
use crate::error::Result;
use crate::time::Timestamp;

/// Bytes of a piece.
const PIECE: usize = 64 << 10;
/// Pieces of one commit, and of one read.
const AT_ONCE: usize = 8;
/// Whoever writes pieces is taken to have died after so long.
const LONG: Duration = Duration::from_secs(60 * 60);
/// Orphans that are looked at in one go.
const ORPHANS: usize = 64;

/// Pieces that nothing names yet.
#[derive(Clone, Debug)]
pub(super) struct Pieces {
    name: Vec<u8>,
    since: Bytes,
}

impl Pieces {
    /// Their name, as it stands in records.
    pub(super) fn name(&self) -> String {
        hex::encode(&self.name)
    }

    /// Their name, as it stands in keys.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.name
    }
}

impl Draft {
    /// These pieces are named from now on. Should they have been taken for left behind, that is refused.
    pub(super) fn claim(&mut self, pieces: &Pieces) {
        let orphan = keys::key(keys::ORPHAN, &[&pieces.name]);
        self.expect(orphan.clone(), Some(pieces.since.clone()));
        self.delete(orphan);
    }

    /// Nothing names what goes by this name any more.
    pub(super) fn orphan(&mut self, name: &[u8]) {
        // Older than all: whoever finds it may remove it.
        self.put(keys::key(keys::ORPHAN, &[name]), keys::sortable(Timestamp::from_micros(0)).to_vec());
    }
}

impl KeyedStore {
    /// A name that is never used again.
    pub(super) fn name(&self) -> Vec<u8> {
        self.tokens.next().to_bytes().to_vec()
    }

    pub(super) async fn write_pieces(&self, bytes: &Bytes) -> Result<Pieces> {
        let since = Bytes::copy_from_slice(&keys::sortable(self.clock.now()));
        let pieces = Pieces { name: self.name(), since };
        let mut number = 0_u32;
        for some in bytes.chunks(PIECE * AT_ONCE) {
            let mut draft = self.draft();
            if number == 0 {
                draft.put(keys::key(keys::ORPHAN, &[&pieces.name]), pieces.since.clone());
            }
            for piece in some.chunks(PIECE) {
                draft.put(keys::key(keys::PIECE, &[&pieces.name, &number.to_be_bytes()]), bytes.slice_ref(piece));
                number += 1;
            }
            if !self.commit(draft).await? {
                return Err(strange());
            }
        }
        Ok(pieces)
    }

    /// So many bytes in pieces of this name; `None`: not all are there.
    pub(super) async fn read_pieces(&self, name: &str, length: u64) -> Result<Option<Bytes>> {
        let (Ok(name), Ok(length)) = (hex::decode(name), usize::try_from(length)) else { return Ok(None) };
        let count = u32::try_from(length.div_ceil(PIECE)).map_err(|_| strange())?;
        let mut whole = BytesMut::new();
        for first in (0..count).step_by(AT_ONCE) {
            let some = (first..count).take(AT_ONCE);
            let keys = some.map(|number| keys::key(keys::PIECE, &[&name, &number.to_be_bytes()]));
            for piece in self.read_all(keys.collect()).await? {
                let Some(piece) = piece else { return Ok(None) };
                whole.extend_from_slice(&piece);
            }
        }
        Ok(Some(whole.freeze()).filter(|whole| whole.len() == length))
    }

    /// Removes all that is under these names, which nothing names. What cannot be removed now is found later.
    pub(super) async fn tidy(&self, names: Vec<Vec<u8>>) {
        for name in names {
            if let Err(error) = self.remove_pieces(&name).await {
                tracing::debug!(error = error.chain(), "pieces that nothing needs stay until they are found");
            }
        }
    }

    async fn remove_pieces(&self, name: &[u8]) -> Result<()> {
        for kind in [keys::PIECE, keys::LINES] {
            let mut pages = Pages::of(&keys::key(kind, &[name]));
            while !pages.is_over() {
                let mut draft = self.draft();
                pages.next(self, AT_ONCE).await?.into_iter().for_each(|(key, _)| draft.delete(key));
                self.commit(draft).await?;
            }
        }
        let mut draft = self.draft();
        draft.delete(keys::key(keys::ORPHAN, &[name]));
        self.commit(draft).await.map(drop)
    }

    /// Removes what somebody left behind who died.
    pub(super) async fn tidy_orphans(&self) -> Result<()> {
        let old = self.clock.now().minus(LONG);
        for (key, since) in self.all(&[keys::ORPHAN], ORPHANS).await? {
            let is_old = <[u8; 8]>::try_from(&since[..]).is_ok_and(|since| keys::time(since) < old);
            if is_old && self.is_left(&key, since).await? {
                self.tidy(vec![key[1..].to_vec()]).await;
            }
        }
        Ok(())
    }

    /// Makes an orphan one that nobody can claim any more, and says whether it still was one.
    async fn is_left(&self, key: &Bytes, since: Bytes) -> Result<bool> {
        let mut draft = self.draft();
        draft.expect(key.clone(), Some(since));
        draft.orphan(&key[1..]);
        self.commit(draft).await
    }
}
