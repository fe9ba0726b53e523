//! One at a time per digest: between the tasks of this process and between processes that share the folder.
//!
//! Digests share 256 lock files, so that locks need no clearing away. Two that meet only wait for each other.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;

use tokio::sync::{Mutex, MutexGuard};

use super::folder::{Folder, failed};
use crate::error::Result;
use crate::id::Digest;

const STRIPES: usize = 256;

/// Where the tasks of this process queue, so that only the first of them holds a thread while it waits for the file.
#[derive(Debug)]
pub(super) struct Queues(Vec<Mutex<()>>);

impl Queues {
    pub(super) fn new() -> Self {
        Self((0..STRIPES).map(|_| Mutex::new(())).collect())
    }

    pub(super) async fn enter(&self, digest: Digest) -> MutexGuard<'_, ()> {
        self.0[usize::from(digest.as_bytes()[0])].lock().await
    }
}

/// What a lock is for. One who holds `Record` may take `Code`, never the other way round.
#[derive(Clone, Copy, Debug)]
pub(super) enum Purpose {
    /// Adding or removing the module.
    Record,
    /// Compiling it.
    Code,
}

/// Waits until no other process holds this lock. It is held until the file is dropped, or this process dies.
pub(super) fn hold(folder: &Folder, purpose: Purpose, digest: Digest) -> Result<File> {
    let kind = match purpose {
        Purpose::Record => "record",
        Purpose::Code => "code",
    };
    let path = folder.lock(&format!("{kind}-{:02x}", digest.as_bytes()[0]));
    let file =
        OpenOptions::new().create(true).append(true).mode(0o600).open(&path).map_err(|error| failed(&path, error))?;
    file.lock().map_err(|error| failed(&path, error))?;
    Ok(file)
}
