//! Blobs: a file each, named by the digest of the blob's name, so that no name chooses a path.

use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;

use super::fault;
use super::folder::Folder;
use super::workers::{self, Workers};
use super::writer::Health;
use crate::error::{Error, Result};
use crate::id::{Digest, WorkerId};
use crate::store::Durability;

/// The blobs of one data folder. Everything here blocks.
#[derive(Debug)]
pub(super) struct Blobs {
    folder: Folder,
    workers: Arc<Workers>,
    health: Health,
    written: AtomicU64,
}

impl Blobs {
    pub(super) fn new(data: &Path, durability: Durability, workers: Arc<Workers>, health: Health) -> Self {
        Self { folder: Folder::new(data.join("blobs"), durability), workers, health, written: AtomicU64::new(0) }
    }

    pub(super) fn put(&self, name: &str, blob: &[u8]) -> Result<()> {
        self.health.check()?;
        self.write(name, blob).map_err(|error| {
            if !fault::is_full(&error) && !fault::may_pass(&error) {
                self.health.poison(&format!("blob: {error}"));
            }
            fault::file("blob", &error)
        })
    }

    fn write(&self, name: &str, blob: &[u8]) -> io::Result<()> {
        let folder = self.folder.open_or_make()?;
        self.sweep(&folder)?;
        let number = self.written.fetch_add(1, Ordering::Relaxed);
        let file = file_of(name);
        let new = format!("{file}.{}.{number}", self.workers.handle()?);
        let written = self.folder.fill(&folder, &new, blob).and_then(|()| folder.rename(&new, &folder, &file));
        if written.is_err() {
            // What cannot be removed either is swept once this process is gone.
            drop(folder.remove_file(&new));
        }
        written.and_then(|()| self.folder.sync())
    }

    /// Removes what those left behind who died while they wrote.
    fn sweep(&self, folder: &cap_std::fs::Dir) -> io::Result<()> {
        for name in workers::read_names(&self.folder.path)? {
            let maker = name.split('.').nth(1).and_then(|maker| maker.parse::<WorkerId>().ok());
            if maker.is_some_and(|maker| !self.workers.is_alive(maker)) {
                // Another process may have been first.
                drop(folder.remove_file(&name));
            }
        }
        Ok(())
    }

    pub(super) fn get(&self, name: &str) -> Result<Option<Bytes>> {
        let read = || {
            let file = self.folder.open()?.open(file_of(name))?;
            let mut bytes = Vec::new();
            // No more than it has now: nothing is ever added to one.
            let length = file.metadata()?.len();
            file.take(length).read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        match read() {
            Ok(bytes) => Ok(Some(bytes.into())),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(Error::fault("store", error)),
        }
    }

    pub(super) fn remove(&self, name: &str) -> Result<bool> {
        let removed = self.folder.open().and_then(|folder| folder.remove_file(file_of(name)));
        match removed.and_then(|()| self.folder.sync()) {
            Ok(()) => Ok(true),
            Err(error) if is_absent(&error) => Ok(false),
            Err(error) => Err(fault::file("blob", &error)),
        }
    }
}

fn file_of(name: &str) -> String {
    Digest::of(name.as_bytes()).hex()
}

fn is_absent(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
}
