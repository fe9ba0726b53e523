//! The modules of a registry as the host asks for them: what it looked up once is kept ready, for calls take microseconds.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use rustc_hash::FxHashMap;

use crate::error::{Error, Result};
use crate::id::{Digest, ModuleRef};
use crate::modules::Modules;
use crate::payload::Payload;
use crate::registry::{Checker, Kind, ModuleInfo, Registry};
use crate::shared::Shared;

/// Most modules that are kept ready.
const READY: usize = 256;
/// Inputs above this are checked on a thread that may block.
const LARGE: u64 = 64 << 10;

/// Looks modules up in a registry and remembers them: what a digest names never changes.
#[derive(Debug)]
pub(crate) struct KnownModules {
    registry: Arc<Registry>,
    /// `None` where the registry is all there is.
    shared: Option<Shared>,
    ready: Mutex<FxHashMap<Digest, Arc<Known>>>,
}

#[derive(Debug)]
struct Known {
    info: ModuleInfo,
    checkers: FxHashMap<String, Checker>,
}

impl KnownModules {
    pub(crate) fn new(registry: Arc<Registry>, shared: Option<Shared>) -> Self {
        Self { registry, shared, ready: Mutex::default() }
    }

    /// Lets go of a module that is removed.
    pub(crate) fn forget(&self, digest: Digest) {
        self.ready().remove(&digest);
    }

    async fn known(&self, digest: Digest) -> Result<Arc<Known>> {
        if let Some(known) = self.ready().get(&digest) {
            return Ok(Arc::clone(known));
        }
        if let Some(shared) = &self.shared {
            return Ok(self.keep(digest, Known::of(shared.fetch(digest).await?)));
        }
        let registry = Arc::clone(&self.registry);
        let read = tokio::task::spawn_blocking(move || registry.info(digest).map(Known::of)).await;
        Ok(self.keep(digest, read.map_err(|error| Error::fault("registry", error))??))
    }

    /// Remembers a module that was looked up elsewhere.
    pub(crate) fn learn(&self, info: &ModuleInfo) {
        // What a digest names never changes.
        if !self.ready().contains_key(&info.digest) {
            self.keep(info.digest, Known::of(info.clone()));
        }
    }

    fn keep(&self, digest: Digest, known: Known) -> Arc<Known> {
        let known = Arc::new(known);
        let mut ready = self.ready();
        if ready.len() >= READY {
            // Any will do: one that is used is soon back.
            let some = ready.keys().next().copied();
            some.map(|digest| ready.remove(&digest));
        }
        ready.insert(digest, Arc::clone(&known));
        known
    }

    // A map lookup is all that happens under it.
    fn ready(&self) -> MutexGuard<'_, FxHashMap<Digest, Arc<Known>>> {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn of(info: ModuleInfo) -> Self {
        let checkers = info.functions.iter().map(|function| (function.name.clone(), Checker::of(function))).collect();
        Self { info, checkers }
    }

    fn check(&self, function: &str, input: &Payload) -> Result<()> {
        if self.info.kind != Kind::Compute {
            return Err(Error::Module {
                code: "module_kind_mismatch".into(),
                why: format!(
                    "it exports no au:compute/guest, so it cannot be called; build it with au-guest ({})",
                    self.info.digest
                ),
            });
        }
        match self.checkers.get(function) {
            Some(checker) => checker.check(input),
            None => self.info.function(function).map(|_| ()),
        }
    }
}

#[async_trait]
impl Modules for KnownModules {
    async fn admit(&self, module: &ModuleRef, function: &str, input: &Payload) -> Result<Digest> {
        let digest = match (module, &self.shared) {
            (ModuleRef::Digest(digest), _) => *digest,
            (ModuleRef::Name(_), Some(shared)) => shared.resolve(module).await?,
            // A few microseconds, and it must be read each time: names move.
            (ModuleRef::Name(_), None) => self.registry.resolve(module)?,
        };
        let known = self.known(digest).await?;
        if input.len() <= LARGE {
            return known.check(function, input).map(|()| digest);
        }
        let (function, input) = (function.to_owned(), input.clone());
        let checked = tokio::task::spawn_blocking(move || known.check(&function, &input)).await;
        checked.map_err(|error| Error::fault("registry", error))?.map(|()| digest)
    }

    async fn fetch(&self, module: Digest) -> Result<()> {
        if self.shared.is_some() { self.known(module).await.map(drop) } else { Ok(()) }
    }
}
