//! Names for modules. Each is a file that holds a digest, replaced as a whole.

use std::fs::{self, Metadata};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use rustc_hash::FxHashMap;

use super::folder::{self, failed};
use super::open::Registry;
use super::suggest::nearest;
use crate::error::{Error, Result};
use crate::id::{Digest, ModuleName, ModuleRef};

const ALIAS_LIMIT: u64 = 256;
/// Most names that are remembered.
const REMEMBERED: usize = 1024;
/// A file that was changed less than this ago can change again, and its times be the same: clocks of file systems are coarse.
const SETTLED: Duration = Duration::from_secs(2);

/// What names pointed at when their files were read last. Whether a file is still that one is asked each time, for names move, by
/// this process and by others; that costs a call a fifth of reading it.
#[derive(Debug, Default)]
pub(super) struct Pointers(Mutex<FxHashMap<ModuleName, (Version, Digest)>>);

/// Which file it is, and when it was last changed in any way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Version {
    inode: u64,
    changed: (i64, i64),
}

impl Pointers {
    fn get(&self, name: &ModuleName, version: Version) -> Option<Digest> {
        self.lock().get(name).filter(|(of, _)| *of == version).map(|(_, digest)| *digest)
    }

    fn remember(&self, name: &ModuleName, version: Version, digest: Digest) {
        let mut known = self.lock();
        if known.len() >= REMEMBERED {
            // Any will do: one that is used is soon back.
            let some = known.keys().next().cloned();
            some.map(|name| known.remove(&name));
        }
        known.insert(name.clone(), (version, digest));
    }

    // A map lookup is all that happens under it.
    fn lock(&self) -> MutexGuard<'_, FxHashMap<ModuleName, (Version, Digest)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Version {
    fn of(file: &Metadata) -> Self {
        Self { inode: file.ino(), changed: (file.ctime(), file.ctime_nsec()) }
    }

    /// Whether every later change shows in it.
    fn is_settled(self) -> bool {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        u64::try_from(self.changed.0).is_ok_and(|changed| Duration::from_secs(changed) + SETTLED <= now)
    }
}

impl Registry {
    /// The module that `module` names now.
    ///
    /// # Errors
    /// `NotFound` for one that is not here, with the alias that looks most like it.
    pub fn resolve(&self, module: &ModuleRef) -> Result<Digest> {
        match module {
            ModuleRef::Digest(digest) => self.known(*digest),
            ModuleRef::Name(name) => match self.pointed(name)? {
                Some(digest) => Ok(digest),
                None => Err(self.unknown(name)),
            },
        }
    }

    /// Points `name` at a module, in one step: whoever resolves it gets the old one or the new one.
    ///
    /// # Errors
    /// `NotFound` for a module that is not here.
    pub fn alias(&self, name: &ModuleName, digest: Digest) -> Result<()> {
        self.known(digest)?;
        self.folder.replace(&self.folder.alias(name), &[digest.to_string().as_bytes(), b"\n"])
    }

    /// Removes a name. The module stays.
    ///
    /// # Errors
    /// `NotFound` for a name that points nowhere, with the one that looks most like it.
    pub fn unalias(&self, name: &ModuleName) -> Result<()> {
        if folder::remove(&self.folder.alias(name))? { Ok(()) } else { Err(self.unknown(name)) }
    }

    /// All names and what they point at, in order.
    pub(super) fn aliases(&self) -> Result<Vec<(ModuleName, Digest)>> {
        let dir = self.folder.aliases();
        let mut aliases = Vec::new();
        for entry in fs::read_dir(&dir).map_err(|error| failed(&dir, error))?.flatten() {
            let Some(Ok(name)) = entry.file_name().to_str().map(str::parse::<ModuleName>) else { continue };
            match self.pointed(&name) {
                Ok(Some(digest)) => aliases.push((name, digest)),
                // Removed since the folder was read.
                Ok(None) => {}
                Err(error) => tracing::warn!(%name, error = error.chain(), "alias left out"),
            }
        }
        aliases.sort();
        Ok(aliases)
    }

    fn pointed(&self, name: &ModuleName) -> Result<Option<Digest>> {
        let path = self.folder.alias(name);
        let version = match fs::metadata(&path) {
            Ok(file) => Version::of(&file),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(&path, error)),
        };
        if let Some(digest) = self.pointers.get(name, version) {
            return Ok(Some(digest));
        }
        let Some(bytes) = folder::read(&path, ALIAS_LIMIT)? else { return Ok(None) };
        let digest = std::str::from_utf8(&bytes).ok().and_then(|text| text.trim_end().parse().ok());
        let damaged =
            || Error::Corrupt { what: format!("alias {name}"), why: "it holds no digest; set it again".into() };
        let digest = digest.ok_or_else(damaged)?;
        // Should it have been replaced since, it was changed a moment ago.
        if version.is_settled() {
            self.pointers.remember(name, version, digest);
        }
        Ok(Some(digest))
    }

    fn known(&self, digest: Digest) -> Result<Digest> {
        let path = self.folder.record(digest);
        match path.try_exists().map_err(|error| failed(&path, error))? {
            true => Ok(digest),
            false => Err(Error::not_found("module", digest)),
        }
    }

    fn unknown(&self, name: &ModuleName) -> Error {
        // Without the list there is no suggestion, and still no such name.
        let aliases = self.aliases().unwrap_or_default();
        let near = nearest(name.as_str(), aliases.iter().map(|(name, _)| name.as_str())).map(str::to_owned);
        Error::NotFound { what: "module", name: name.to_string(), nearest: near }
    }
}
