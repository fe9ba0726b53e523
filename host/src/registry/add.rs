//! Taking a module in: checked, compiled, kept, described, in this order. Whatever fails, nothing is added.

use std::fs::File;
use std::sync::Arc;

use bytes::Bytes;

use super::aot::CodeId;
use super::folder;
use super::function::Function;
use super::lock::{Purpose, hold};
use super::open::{Registry, blocking};
use super::prescan::{fits, prescan};
use super::records::ModuleInfo;
use crate::error::{Error, Result};
use crate::id::Digest;
use crate::time::Timestamp;

impl Registry {
    /// Takes a module in. `describe` is asked what can be called; it gets what is known so far and may already ask for the
    /// [`component`](Registry::component), [`module`](Registry::module) or [`bytes`](Registry::bytes). Adding the same bytes
    /// again changes nothing and gives what is known. Of several who add the same bytes at once, one does the work.
    ///
    /// Dropping the future is safe: a compile that has begun ends by itself, and its code is there for the next try.
    ///
    /// # Errors
    /// `Module` when it is refused, `Busy` when too many wait for a compile, else what `describe` says.
    pub async fn add(
        self: &Arc<Self>,
        bytes: Bytes,
        now: Timestamp,
        describe: impl AsyncFnOnce(ModuleInfo) -> Result<Vec<Function>>,
    ) -> Result<ModuleInfo> {
        fits(bytes.len() as u64, &self.limits)?;
        let digest = if bytes.len() < 1 << 16 { Digest::of(&bytes) } else { hashed(bytes.clone()).await? };
        let _turn = self.queues.enter(digest).await;
        let registry = self.clone();
        let mut info = match blocking(move || registry.prepare(&bytes, digest, now)).await? {
            Prepared::Known(info) => return Ok(info),
            Prepared::New(info, lock) => (info, lock),
        };
        let described = describe(info.0.clone()).await;
        let registry = self.clone();
        blocking(move || match described {
            Ok(functions) => {
                info.0.functions = functions;
                registry.record(info.0)
            }
            Err(error) => {
                registry.discard(digest)?;
                Err(error)
            }
        })
        .await
    }

    /// Everything up to the description. The lock is held until that is kept.
    fn prepare(&self, bytes: &[u8], digest: Digest, now: Timestamp) -> Result<Prepared> {
        let lock = hold(&self.folder, Purpose::Record, digest)?;
        if let Some(info) = self.whole(digest, bytes)? {
            return Ok(Prepared::Known(info));
        }
        let id = CodeId { engine: self.engine_hash()?, profile: self.profile, digest };
        let scan = prescan(bytes, &self.limits)?;
        self.compile(&id, bytes, || self.cache.holds(&id))?;
        self.folder.replace(&self.folder.module(digest), &[bytes])?;
        let size = bytes.len() as u64;
        let (kind, imports, exports) = (scan.kind, scan.imports, scan.exports);
        Ok(Prepared::New(ModuleInfo { digest, size, kind, imports, exports, functions: Vec::new(), added: now }, lock))
    }

    /// What is known of a module that is here. If its bytes or record are damaged they are repaired, which these bytes can.
    fn whole(&self, digest: Digest, bytes: &[u8]) -> Result<Option<ModuleInfo>> {
        let info = match self.recorded(digest) {
            Err(Error::Corrupt { .. }) | Ok(None) => return Ok(None),
            Ok(Some(info)) => info,
            Err(error) => return Err(error),
        };
        match self.bytes(digest) {
            Ok(_) => {}
            Err(Error::Corrupt { .. } | Error::NotFound { .. }) => {
                self.folder.replace(&self.folder.module(digest), &[bytes])?;
            }
            Err(error) => return Err(error),
        }
        Ok(Some(info))
    }

    fn record(&self, info: ModuleInfo) -> Result<ModuleInfo> {
        let bytes = serde_json::to_vec(&info).map_err(|error| Error::fault("registry", error))?;
        self.folder.replace(&self.folder.record(info.digest), &[&bytes])?;
        Ok(info)
    }

    fn discard(&self, digest: Digest) -> Result<()> {
        folder::remove(&self.folder.module(digest))?;
        self.cache.forget(digest)
    }
}

enum Prepared {
    Known(ModuleInfo),
    New(ModuleInfo, File),
}

async fn hashed(bytes: Bytes) -> Result<Digest> {
    blocking(move || Ok(Digest::of(&bytes))).await
}
