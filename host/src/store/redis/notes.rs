//! Notes: a hash by name, and the names in order.

use super::RedisStore;
use super::answer::{self, decimal, own, random};
use super::{fault, scripts};
use crate::error::Result;
use crate::store::Note;

/// Notes that one script answers with, and bytes of them.
const BATCH: usize = 256;
const BYTES: usize = 1 << 20;

impl RedisStore {
    pub(super) async fn keep_note(&self, name: &str, note: &[u8]) -> Result<()> {
        self.main.run(&scripts::PUT_NOTE, &[own(name), own(note)]).await.map(drop)
    }

    pub(super) async fn forget_note(&self, name: &str) -> Result<bool> {
        let removed = self.main.run(&scripts::REMOVE_NOTE, &[random(), own(name)]).await?;
        Ok(answer::number(&removed)? > 0)
    }

    pub(super) async fn notes_from(&self, prefix: &str, limit: usize) -> Result<Vec<Note>> {
        // No text has this byte, so it is after all that begin so.
        let end = own([b"(", prefix.as_bytes(), b"\xff"].concat());
        let mut from = own([b"[", prefix.as_bytes()].concat());
        let mut notes = Vec::new();
        while notes.len() < limit {
            let count = (limit - notes.len()).min(BATCH);
            let args = [from, end.clone(), decimal(count), decimal(BYTES)];
            let found = answer::array(self.main.run(&scripts::NOTES, &args).await?)?;
            if found.is_empty() {
                break;
            }
            for note in found {
                notes.push(read(note)?);
            }
            let last = notes.last().map(|note| note.name.as_bytes()).unwrap_or_default();
            from = own([b"(", last].concat());
        }
        Ok(notes)
    }
}

fn read(note: redis::Value) -> Result<Note> {
    let [name, bytes] = answer::parts(note)?;
    let name = String::from_utf8(answer::bytes(name)?.into()).map_err(|_| fault::strange())?;
    Ok(Note { name, bytes: answer::bytes(bytes)?.into() })
}
