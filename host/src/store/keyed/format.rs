//! Marks the store with the version of its keys, and tries whether it takes writes.

use super::read::strange;
use super::tries::Tries;
use super::{KeyedStore, keys};
use crate::error::{Error, Result};

/// Of keys, rows and what else is kept beside records, which have versions of their own.
const VERSION: &[u8] = b"1";

impl KeyedStore {
    /// Marks an empty store, and refuses one of a later version.
    pub(super) async fn mark(&self) -> Result<()> {
        let mut tries = Tries::default();
        loop {
            match self.read(keys::FORMAT).await? {
                Some(version) if version == VERSION => return Ok(()),
                Some(version) => {
                    let (found, known) = (version.escape_ascii(), VERSION.escape_ascii());
                    let why = format!("the store is of version {found}, this program knows {known}: use a later one");
                    return Err(Error::refused(why));
                }
                None => {}
            }
            let mut draft = self.draft();
            draft.expect(keys::FORMAT, None);
            draft.put(keys::FORMAT, VERSION);
            if self.commit(draft).await? {
                return Ok(());
            }
            tries.again().await?;
        }
    }

    /// Writes something that nobody reads.
    pub(super) async fn touch(&self) -> Result<()> {
        let mut draft = self.draft();
        draft.stamp(keys::READY);
        if self.commit(draft).await? { Ok(()) } else { Err(strange()) }
    }
}
