//! Where the bytes of payloads are: small ones in the row of their job, large ones in files of their own.
//!
//! A file is written under another name, synced and renamed before the row that names it is committed. What a crash
//! leaves over names its maker, so that it can be told from what is being written right now.

use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use cap_std::fs::Dir;

use super::fault;
use super::folder::Folder;
use super::workers::{self, Workers};
use super::writer::Health;
use crate::error::{Error, Result};
use crate::id::{JobId, WorkerId};
use crate::payload::Payload;
use crate::store::Durability;
use crate::store::codec::Damage;
use crate::store::record::Stored;

/// Largest payload that is kept in its row.
pub(super) const INLINE: u64 = 32 * 1024;

/// A payload that has its place.
#[derive(Debug)]
pub(super) struct Placed {
    stored: Stored,
    bytes: Option<Bytes>,
    file: Option<Written>,
}

impl Placed {
    /// In the row. Nothing is written yet.
    pub(super) fn inline_of(payload: &Payload) -> Self {
        Self { stored: Stored::new(payload, None), bytes: Some(payload.bytes().clone()), file: None }
    }

    pub(super) fn stored(&self) -> &Stored {
        &self.stored
    }

    pub(super) fn inline(&self) -> Option<&[u8]> {
        self.bytes.as_deref()
    }

    /// Whether the file, if there is one, outlives this value.
    pub(super) fn keep(&mut self, keep: bool) {
        if let Some(file) = &mut self.file {
            file.keep = keep;
        }
    }
}

/// A file that no row may name yet.
#[derive(Debug)]
struct Written {
    folder: Arc<Dir>,
    name: String,
    keep: bool,
}

impl Drop for Written {
    fn drop(&mut self) {
        if !self.keep
            && let Err(error) = self.folder.remove_file(&self.name)
        {
            tracing::debug!(file = self.name, %error, "a payload that nothing names stays until it is swept");
        }
    }
}

/// The payload files of one data folder.
#[derive(Debug)]
pub(super) struct Payloads {
    folder: Folder,
    workers: Arc<Workers>,
    health: Health,
    written: AtomicU64,
}

impl Payloads {
    pub(super) fn new(data: &Path, durability: Durability, workers: Arc<Workers>, health: Health) -> Self {
        Self { folder: Folder::new(data.join("payloads"), durability), workers, health, written: AtomicU64::new(0) }
    }

    /// Writes a payload to a file of its own, and waits for the disk. Blocks.
    pub(super) fn write(&self, job: JobId, payload: &Payload) -> Result<Placed> {
        self.health.check()?;
        let result = self.write_new(job, payload.bytes());
        let file = result.map_err(|error| {
            if !fault::is_full(&error) && !fault::may_pass(&error) {
                self.health.poison(&format!("payload file: {error}"));
            }
            fault::file("payload file", &error)
        })?;
        Ok(Placed { stored: Stored::new(payload, Some(file.name.clone())), bytes: None, file: Some(file) })
    }

    fn write_new(&self, job: JobId, bytes: &[u8]) -> io::Result<Written> {
        let folder = Arc::new(self.folder.open_or_make()?);
        let number = self.written.fetch_add(1, Ordering::Relaxed);
        let name = format!("{job}.{}.{number}", self.workers.handle()?);
        let mut file = Written { folder, name: format!("{name}.new"), keep: false };
        self.folder.fill(&file.folder, &file.name, bytes)?;
        file.folder.rename(&file.name, &file.folder, &name)?;
        file.name = name;
        self.folder.sync()?;
        Ok(file)
    }

    /// The payload that is stored so; `None`: its file is not there. Blocks.
    pub(super) fn read(&self, stored: &Stored, inline: Option<Bytes>) -> Result<std::result::Result<Payload, Damage>> {
        let Some(name) = &stored.file else {
            return Ok(inline
                .ok_or_else(|| Damage::new("its payload is missing"))
                .and_then(|bytes| stored.payload(bytes)));
        };
        match self.read_file(name, stored.length) {
            Ok(bytes) => Ok(stored.payload(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Ok(Err(Damage::new(format!("its file {name} is missing"))))
            }
            Err(error) => Err(Error::fault("store", error)),
        }
    }

    fn read_file(&self, name: &str, length: u64) -> io::Result<Bytes> {
        let file = self.folder.open()?.open(name)?;
        let mut bytes = Vec::with_capacity(usize::try_from(length.min(file.metadata()?.len())).unwrap_or(0));
        // One byte more than it should have shows that it is too long; no more than that is read of what is not ours.
        file.take(length.saturating_add(1)).read_to_end(&mut bytes)?;
        Ok(bytes.into())
    }

    /// Deletes files that no row names any more. Blocks.
    pub(super) fn delete(&self, names: &[String]) {
        let Ok(folder) = self.folder.open() else { return };
        for name in names {
            if let Err(error) = folder.remove_file(name) {
                tracing::warn!(file = name, %error, "a payload that nothing names stays until it is swept");
            }
        }
    }

    /// Deletes the files of dead makers that `is_named` does not know. Blocks.
    pub(super) fn sweep(&self, mut is_named: impl FnMut(JobId, &str) -> Result<bool>) -> Result<()> {
        let names = workers::read_names(&self.folder.path).map_err(|error| fault::file("payloads", &error))?;
        let mut left_over = Vec::new();
        for name in names {
            let Some((job, maker)) = origin(&name) else { continue };
            if !self.workers.is_alive(maker) && !is_named(job, &name)? {
                left_over.push(name);
            }
        }
        self.delete(&left_over);
        Ok(())
    }
}

/// Whose payload a file is, and who wrote it.
fn origin(name: &str) -> Option<(JobId, WorkerId)> {
    let mut parts = name.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}
