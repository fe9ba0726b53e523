//! Names for modules. Each is a file that holds a digest, replaced as a whole.

use std::fs;

use super::folder::{self, failed};
use super::open::Registry;
use super::suggest::nearest;
use crate::error::{Error, Result};
use crate::id::{Digest, ModuleName, ModuleRef};

const ALIAS_LIMIT: u64 = 256;

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
        let Some(bytes) = folder::read(&self.folder.alias(name), ALIAS_LIMIT)? else { return Ok(None) };
        let digest = std::str::from_utf8(&bytes).ok().and_then(|text| text.trim_end().parse().ok());
        let damaged =
            || Error::Corrupt { what: format!("alias {name}"), why: "it holds no digest; set it again".into() };
        digest.ok_or_else(damaged).map(Some)
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
