//! The registry as a whole: opening it, and what is set once for all its modules.

use std::path::Path;
use std::sync::OnceLock;

use super::aliases::Pointers;
use super::aot::{CodeCache, EngineHash};
use super::compiler::{self, Compiler};
use super::folder::Folder;
use super::limits::ScanLimits;
use super::lock::Queues;
use super::slot::Slots;
use crate::backend::wasm::engine::CodeProfile;
use crate::error::{Error, Result};

/// The modules of a host. Share it in an `Arc`; several processes may have the same folder open.
#[derive(Debug)]
pub struct Registry {
    pub(super) folder: Folder,
    pub(super) cache: CodeCache,
    pub(super) compiler: Compiler,
    pub(super) limits: ScanLimits,
    pub(super) profile: CodeProfile,
    pub(super) queues: Queues,
    pub(super) slots: Slots,
    pub(super) pointers: Pointers,
    engine: OnceLock<EngineHash>,
}

impl Registry {
    /// Opens the registry in `dir`, making what is missing. Takes a few file operations, however many modules there are.
    ///
    /// # Errors
    /// `Refused` when somebody else could write there: compiled code is mapped from it and run.
    pub fn open(dir: &Path, compiler: Compiler) -> Result<Self> {
        let folder = Folder::open(dir)?;
        let cache = CodeCache::open(&folder)?;
        Ok(Self {
            folder,
            cache,
            compiler,
            limits: ScanLimits::default(),
            profile: CodeProfile::default(),
            queues: Queues::new(),
            slots: Slots::default(),
            pointers: Pointers::default(),
            engine: OnceLock::new(),
        })
    }

    /// Where it is.
    #[cfg(feature = "remote")]
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The program that compiles for it, if one does.
    #[cfg(feature = "remote")]
    pub(crate) fn program(&self) -> Option<&Path> {
        self.compiler.program()
    }

    /// The same, compiling what is added for this profile. Code for others is compiled when it is asked for.
    #[must_use]
    pub fn compiling_for(mut self, profile: CodeProfile) -> Self {
        self.profile = profile;
        self
    }

    /// The same, with these limits on what is added.
    #[must_use]
    pub fn scanning_with(mut self, limits: ScanLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Of the engine that added code is compiled for. Making one takes a millisecond, so not before something is added.
    pub(super) fn engine_hash(&self) -> Result<EngineHash> {
        if let Some(hash) = self.engine.get() {
            return Ok(*hash);
        }
        let hash = EngineHash::of(&compiler::engine(self.profile)?);
        Ok(*self.engine.get_or_init(|| hash))
    }
}

/// Runs what reads files or compiles where it may block.
pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|error| Error::fault("registry", error))?
}
