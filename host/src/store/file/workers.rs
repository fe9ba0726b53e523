//! Who is alive: everyone who is holds the lock of a file of its own in `workers/`, and the system lets go of it for the dead.
//!
//! A name is never used again, so whoever was found dead stays dead, and whoever has no file is dead or never was.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use crate::id::WorkerId;
use crate::time::Timestamp;

/// The lock files of one data folder, and those of them that are ours.
#[derive(Debug)]
pub(super) struct Workers {
    folder: PathBuf,
    held: Mutex<HashMap<WorkerId, File>>,
    handle: OnceLock<WorkerId>,
}

impl Workers {
    pub(super) fn new(data: &Path) -> Self {
        Self { folder: data.join("workers"), held: Mutex::default(), handle: OnceLock::new() }
    }

    /// Makes this worker known, and says whether it was not. A second time changes nothing.
    pub(super) fn enter(&self, worker: WorkerId) -> io::Result<bool> {
        let mut held = self.held();
        match held.entry(worker) {
            Entry::Occupied(_) => Ok(false),
            Entry::Vacant(slot) => {
                slot.insert(self.lock_new(worker)?);
                Ok(true)
            }
        }
    }

    /// The name this handle of the store goes by, made known when it is first asked for.
    pub(super) fn handle(&self) -> io::Result<WorkerId> {
        let id = *self.handle.get_or_init(|| WorkerId::new(Timestamp::from_micros(0)));
        self.enter(id).map(|_| id)
    }

    /// Whether that is known, and is to be forgotten.
    pub(super) fn has_handle(&self) -> bool {
        self.handle.get().is_some()
    }

    /// Lets go of the lock.
    pub(super) fn leave(&self, worker: WorkerId) {
        if self.held().remove(&worker).is_some() {
            self.forget(worker);
        }
    }

    /// Whether it holds its lock. When that cannot be told, it is taken to live: its jobs must not run twice.
    pub(super) fn is_alive(&self, worker: WorkerId) -> bool {
        if self.held().contains_key(&worker) {
            return true;
        }
        match is_locked(&self.path(worker)) {
            Ok(locked) => locked,
            Err(error) if error.kind() == io::ErrorKind::NotFound => false,
            Err(error) => {
                tracing::warn!(%worker, %error, "cannot tell whether a worker lives");
                true
            }
        }
    }

    /// Removes the files of the dead, and says whether there were any.
    pub(super) fn bury(&self) -> io::Result<bool> {
        let mut any = false;
        for entry in read_names(&self.folder)? {
            let dead = match entry.parse::<WorkerId>() {
                Ok(worker) => !self.is_alive(worker),
                // Left by one that died before it had its name, or just being made: `lock_new` minds neither.
                Err(_) => matches!(is_locked(&self.folder.join(&entry)), Ok(false)),
            };
            if dead {
                any = true;
                // Somebody else may have buried it.
                drop(std::fs::remove_file(self.folder.join(entry)));
            }
        }
        Ok(any)
    }

    fn lock_new(&self, worker: WorkerId) -> io::Result<File> {
        make_private(&self.folder)?;
        // Locked before it has its name, or somebody could take it for a dead one's in between.
        let unnamed = self.folder.join(format!("{worker}.new"));
        loop {
            let file = open_private(&unnamed)?;
            file.lock()?;
            match std::fs::rename(&unnamed, self.path(worker)) {
                Ok(()) => return Ok(file),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn forget(&self, worker: WorkerId) {
        if let Err(error) = std::fs::remove_file(self.path(worker)) {
            tracing::debug!(%worker, %error, "a lock file stays until it is found");
        }
    }

    fn path(&self, worker: WorkerId) -> PathBuf {
        self.folder.join(worker.to_string())
    }

    // Nothing panics while it is held.
    fn held(&self) -> MutexGuard<'_, HashMap<WorkerId, File>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        let held: Vec<_> = self.held().drain().collect();
        for (worker, _file) in held {
            self.forget(worker);
        }
    }
}

fn is_locked(path: &Path) -> io::Result<bool> {
    match File::open(path)?.try_lock_shared() {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// The names in a folder; none if it is not there.
pub(super) fn read_names(folder: &Path) -> io::Result<Vec<String>> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let names = entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    names.collect()
}

/// Makes a folder that only its owner may enter.
pub(super) fn make_private(folder: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(folder)
}

fn open_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.create(true).truncate(false).write(true).open(path)
}
