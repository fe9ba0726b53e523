//! What is known of each module: its description, its bytes, and taking it away.

use std::fs;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::folder::{self, failed};
use super::function::Function;
use super::kind::Kind;
use super::lock::{Purpose, hold};
use super::open::Registry;
use crate::error::{Error, Result};
use crate::id::{Digest, ModuleName};
use crate::time::Timestamp;

const RECORD_LIMIT: u64 = 64 << 20;

/// What is known of a module. Never changes, for neither do its bytes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModuleInfo {
    /// The digest of its bytes, which is its name.
    pub digest: Digest,
    /// How many bytes it has.
    pub size: u64,
    /// How it is called.
    pub kind: Kind,
    /// What it asks for: `module::name` of a core module, interface or function of a component.
    pub imports: Vec<String>,
    /// What it offers, as its code names it.
    pub exports: Vec<String>,
    /// What can be called.
    pub functions: Vec<Function>,
    /// When it was added first.
    pub added: Timestamp,
}

impl ModuleInfo {
    /// The function of this name.
    ///
    /// # Errors
    /// `NotFound`, with the name that looks most like it.
    pub fn function(&self, name: &str) -> Result<&Function> {
        self.functions.iter().find(|function| function.name == name).ok_or_else(|| Error::NotFound {
            what: "function",
            name: crate::id::shorten(name),
            nearest: super::nearest(name, self.functions.iter().map(|function| &*function.name)).map(str::to_owned),
        })
    }
}

/// A module in a listing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Listed {
    /// What is known of it.
    #[serde(flatten)]
    pub info: ModuleInfo,
    /// The aliases that point at it, in order.
    pub aliases: Vec<ModuleName>,
}

impl Registry {
    /// What is known of a module.
    ///
    /// # Errors
    /// `NotFound` for one that is not here, `Corrupt` when its record is damaged.
    pub fn info(&self, digest: Digest) -> Result<ModuleInfo> {
        self.recorded(digest)?.ok_or_else(|| Error::not_found("module", digest))
    }

    /// What is known of a module, if it was added.
    pub(super) fn recorded(&self, digest: Digest) -> Result<Option<ModuleInfo>> {
        let path = self.folder.record(digest);
        let Some(bytes) = folder::read(&path, RECORD_LIMIT)? else { return Ok(None) };
        let damaged = |why: String| Error::Corrupt { what: format!("the record of module {digest}"), why };
        let info: ModuleInfo = serde_json::from_slice(&bytes).map_err(|error| damaged(error.to_string()))?;
        if info.digest != digest {
            return Err(damaged(format!("it is of {}", info.digest)));
        }
        Ok(Some(info))
    }

    /// All modules, those added last first. One whose record is damaged is left out, and said in the log.
    ///
    /// # Errors
    /// `Fault` when the folder cannot be read.
    pub fn list(&self) -> Result<Vec<Listed>> {
        let aliases = self.aliases()?;
        let dir = self.folder.modules();
        let mut listed = Vec::new();
        for entry in fs::read_dir(&dir).map_err(|error| failed(&dir, error))?.flatten() {
            let name = entry.file_name();
            let hex = name.to_str().and_then(|name| name.strip_suffix(".json"));
            let Some(Ok(digest)) = hex.map(|hex| format!("sha256:{hex}").parse()) else { continue };
            match self.recorded(digest) {
                Ok(Some(info)) => {
                    let aliases =
                        aliases.iter().filter(|(_, to)| *to == digest).map(|(name, _)| name.clone()).collect();
                    listed.push(Listed { info, aliases });
                }
                // Removed since the folder was read.
                Ok(None) => {}
                Err(error) => tracing::warn!(%digest, error = error.chain(), "module left out of the list"),
            }
        }
        listed.sort_by_key(|listed| (std::cmp::Reverse(listed.info.added), listed.info.digest));
        Ok(listed)
    }

    /// The bytes of a module, checked against its digest.
    ///
    /// # Errors
    /// `NotFound` for one that is not here, `Corrupt` when the bytes are not those that were added.
    pub fn bytes(&self, digest: Digest) -> Result<Bytes> {
        let read = folder::read(&self.folder.module(digest), self.limits.bytes)?;
        let bytes = read.ok_or_else(|| Error::not_found("module", digest))?;
        if Digest::of(&bytes) != digest {
            let why = format!("its bytes have the digest {}; add the module again", Digest::of(&bytes));
            return Err(Error::Corrupt { what: format!("module {digest}"), why });
        }
        Ok(bytes.into())
    }

    /// Removes a module, the aliases that point at it, and its compiled code. What already runs goes on.
    ///
    /// # Errors
    /// `NotFound` for one that is not here.
    pub fn remove(&self, digest: Digest) -> Result<()> {
        let _held = hold(&self.folder, Purpose::Record, digest)?;
        for (name, _) in self.aliases()?.into_iter().filter(|(_, to)| *to == digest) {
            folder::remove(&self.folder.alias(&name))?;
        }
        // The record first: a module without one is not there, whatever else a crash leaves behind.
        let known = folder::remove(&self.folder.record(digest))?;
        let kept = folder::remove(&self.folder.module(digest))?;
        self.cache.forget(digest)?;
        if known || kept { Ok(()) } else { Err(Error::not_found("module", digest)) }
    }
}
