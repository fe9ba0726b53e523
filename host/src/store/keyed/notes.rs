//! Notes: a key each.

use super::read::strange;
use super::tries::Tries;
use super::{KeyedStore, keys};
use crate::error::Result;
use crate::store::Note;

impl KeyedStore {
    pub(super) async fn keep_note(&self, name: &str, note: &[u8]) -> Result<()> {
        let mut draft = self.draft();
        draft.put(keys::key(keys::NOTE, &[name.as_bytes()]), note.to_owned());
        if self.commit(draft).await? { Ok(()) } else { Err(strange()) }
    }

    pub(super) async fn forget_note(&self, name: &str) -> Result<bool> {
        let key = keys::key(keys::NOTE, &[name.as_bytes()]);
        let mut tries = Tries::default();
        loop {
            let note = self.read(key.clone()).await?;
            if note.is_none() {
                return Ok(false);
            }
            let mut draft = self.draft();
            draft.expect(key.clone(), note);
            draft.delete(key.clone());
            if self.commit(draft).await? {
                return Ok(true);
            }
            tries.again().await?;
        }
    }

    pub(super) async fn notes_from(&self, prefix: &str, limit: usize) -> Result<Vec<Note>> {
        let found = self.all(&keys::key(keys::NOTE, &[prefix.as_bytes()]), limit).await?;
        let read = found.into_iter().map(|(key, bytes)| {
            let name = std::str::from_utf8(&key[1..]).map_err(|_| strange())?;
            Ok(Note { name: name.to_owned(), bytes: bytes.to_vec() })
        });
        read.collect()
    }
}
