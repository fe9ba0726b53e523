//! A folder of files that are written as a whole: under another name first, synced, and renamed.

use std::io::{self, Write};
use std::path::PathBuf;

use cap_std::ambient_authority;
use cap_std::fs::{Dir, OpenOptions};

use super::{schema, workers};
use crate::store::Durability;

/// A folder below the data folder, made when something is first written to it. Everything here blocks.
#[derive(Debug)]
pub(super) struct Folder {
    pub(super) path: PathBuf,
    durability: Durability,
}

impl Folder {
    pub(super) fn new(path: PathBuf, durability: Durability) -> Self {
        Self { path, durability }
    }

    pub(super) fn open(&self) -> io::Result<Dir> {
        Dir::open_ambient_dir(&self.path, ambient_authority())
    }

    pub(super) fn open_or_make(&self) -> io::Result<Dir> {
        match self.open() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                workers::make_private(&self.path)?;
                if self.durability == Durability::Fsync {
                    schema::sync_names(&self.path)?;
                }
                self.open()
            }
            opened => opened,
        }
    }

    /// Writes a new file. Its name may not last yet.
    pub(super) fn fill(&self, folder: &Dir, name: &str, bytes: &[u8]) -> io::Result<()> {
        let mut options = OpenOptions::new();
        #[cfg(unix)]
        cap_std::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut open = folder.open_with(name, options.write(true).create_new(true))?;
        open.write_all(bytes)?;
        if self.durability == Durability::Fsync { open.sync_data() } else { Ok(()) }
    }

    /// Makes the names in the folder last. Not through `Dir`, whose handle is one that cannot be synced.
    pub(super) fn sync(&self) -> io::Result<()> {
        if self.durability == Durability::Fsync { std::fs::File::open(&self.path)?.sync_all() } else { Ok(()) }
    }
}
