//! The folder a registry lives in: which file is where, who may write it, and how a file is replaced as a whole.
//!
//! Knows nothing of what the files hold.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::error::{Error, Result};
use crate::id::{Digest, ModuleName};

const PARTS: [&str; 6] = ["modules", "aliases", "cache", "verdicts", "locks", "tmp"];
const WRITABLE_BY_OTHERS: u32 = 0o022;
/// A file that is still unfinished after this long was left by a process that died.
const STRAY: Duration = Duration::from_secs(3_600);

/// Paths and whole-file writes below one directory.
#[derive(Debug)]
pub(super) struct Folder {
    root: PathBuf,
}

impl Folder {
    /// Makes what is missing, and checks that nobody else can write here.
    pub(super) fn open(dir: &Path) -> Result<Self> {
        private(dir)?;
        // The root itself may be reached through a link of the user's own; nothing below may.
        let root = dir.canonicalize().map_err(|error| failed(dir, error))?;
        check(&root)?;
        let folder = Self { root };
        for part in PARTS {
            private(&folder.root.join(part))?;
            check(&folder.root.join(part))?;
        }
        folder.sweep();
        Ok(folder)
    }

    #[cfg(feature = "remote")]
    pub(super) fn path(&self) -> &Path {
        &self.root
    }

    pub(super) fn module(&self, digest: Digest) -> PathBuf {
        self.root.join("modules").join(format!("{}.wasm", digest.hex()))
    }

    pub(super) fn record(&self, digest: Digest) -> PathBuf {
        self.root.join("modules").join(format!("{}.json", digest.hex()))
    }

    pub(super) fn modules(&self) -> PathBuf {
        self.root.join("modules")
    }

    pub(super) fn alias(&self, name: &ModuleName) -> PathBuf {
        self.root.join("aliases").join(name.as_str())
    }

    pub(super) fn aliases(&self) -> PathBuf {
        self.root.join("aliases")
    }

    pub(super) fn verdict(&self, digest: Digest, profile: &str) -> PathBuf {
        self.root.join("verdicts").join(format!("{profile}-{}.json", digest.hex()))
    }

    pub(super) fn verdicts(&self) -> PathBuf {
        self.root.join("verdicts")
    }

    pub(super) fn cache(&self) -> PathBuf {
        self.root.join("cache")
    }

    pub(super) fn lock(&self, name: &str) -> PathBuf {
        self.root.join("locks").join(name)
    }

    /// Replaces `path` by a file of these parts, in one step: a reader sees all of the old or all of the new. On the disk
    /// when this returns.
    pub(super) fn replace(&self, path: &Path, parts: &[&[u8]]) -> Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(self.root.join("tmp")).map_err(|error| failed(path, error))?;
        let written = parts.iter().try_for_each(|part| file.write_all(part)).and_then(|()| file.as_file().sync_all());
        written.map_err(|error| failed(path, error))?;
        file.persist(path).map_err(|error| failed(path, error.error))?;
        sync_parent(path)
    }

    /// Puts `bytes` at `path` unless somebody already put a file there; gives what is there.
    pub(super) fn found(&self, path: &Path, bytes: &[u8]) -> Result<Vec<u8>> {
        let mut file = tempfile::NamedTempFile::new_in(self.root.join("tmp")).map_err(|error| failed(path, error))?;
        let written = file.write_all(bytes).and_then(|()| file.as_file().sync_all());
        written.map_err(|error| failed(path, error))?;
        match file.persist_noclobber(path) {
            Ok(_) => sync_parent(path)?,
            Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(failed(path, error.error)),
        }
        fs::read(path).map_err(|error| failed(path, error))
    }

    fn sweep(&self) {
        let Ok(entries) = fs::read_dir(self.root.join("tmp")) else { return };
        let stray = |entry: &fs::DirEntry| {
            let changed = entry.metadata().and_then(|meta| meta.modified()).ok();
            changed.and_then(|at| SystemTime::now().duration_since(at).ok()).is_some_and(|age| age > STRAY)
        };
        for entry in entries.flatten().filter(stray) {
            // Another process may have swept it already; what stays is tried again at the next start.
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// The bytes of `path`, none if there is no such file, `Corrupt` if it has more than `most`.
pub(super) fn read(path: &Path, most: u64) -> Result<Option<Vec<u8>>> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file.map_err(|error| failed(path, error))?,
    };
    let mut bytes = Vec::new();
    file.take(most + 1).read_to_end(&mut bytes).map_err(|error| failed(path, error))?;
    if bytes.len() as u64 > most {
        let why = format!("{} has more than {most} bytes", path.display());
        return Err(Error::Corrupt { what: "a file of the module registry".into(), why });
    }
    Ok(Some(bytes))
}

/// Removes `path`; says whether it was there.
pub(super) fn remove(path: &Path) -> Result<bool> {
    match fs::remove_file(path) {
        Ok(()) => sync_parent(path).map(|()| true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(failed(path, error)),
    }
}

/// Makes a directory only we may enter, if there is none.
pub(super) fn private(dir: &Path) -> Result<()> {
    if dir.is_dir() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(|error| failed(dir, error))
}

/// Refuses a directory that somebody else could put code into.
pub(super) fn check(dir: &Path) -> Result<()> {
    let meta = fs::symlink_metadata(dir).map_err(|error| failed(dir, error))?;
    let refuse = |why: &str| Err(Error::refused(format!("{} {why}, so its code cannot be trusted", dir.display())));
    if meta.file_type().is_symlink() {
        return refuse("is a symbolic link");
    }
    if !meta.is_dir() {
        return refuse("is not a directory");
    }
    if meta.uid() != rustix::process::geteuid().as_raw() {
        return refuse("belongs to another user");
    }
    if meta.mode() & WRITABLE_BY_OTHERS != 0 {
        return refuse("can be written by other users (`chmod go-w` takes that from them)");
    }
    Ok(())
}

/// A failed file operation, as the error it is to the caller.
pub(super) fn failed(path: &Path, error: io::Error) -> Error {
    let what = format!("{}: {error}", path.display());
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Error::StorageFull { why: what },
        kind => Error::fault("registry", io::Error::new(kind, what)),
    }
}

fn sync_parent(path: &Path) -> Result<()> {
    let Some(parent) = path.parent() else { return Ok(()) };
    File::open(parent).and_then(|dir| dir.sync_all()).map_err(|error| failed(parent, error))
}
