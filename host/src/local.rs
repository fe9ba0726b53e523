//! A host on one machine: a data folder with its jobs and modules, and the sandbox in this process.
//!
//! Several processes may have one folder open, each with a `Local` of its own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::backend::wasm::{Engines, WasmBackend, WasmConfig};
use crate::backend::{BackendUrl, Backends, OpenBackends, Parts};
use crate::builder::Takes;
use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::handle::Handle;
use crate::host::{Host, Kept};
use crate::id::{Digest, JobId, ModuleName, ModuleRef};
use crate::job::Status;
use crate::known::KnownModules;
use crate::middleware::Middleware;
use crate::quota::Quotas;
use crate::registry::{Compiler, Function, Listed, ModuleInfo, Registry};
use crate::request::Request;
use crate::sandbox::{Sandbox, SandboxPolicy};
use crate::shared::Shared;
use crate::store::file::FileStore;
use crate::store::memory::MemoryStore;
use crate::store::{Durability, Filter, Store};
use crate::webhook::WebhookConfig;

const MODULES: &str = "modules";

/// How a [`Local`] is to behave. The default suits a host of one's own functions.
#[derive(Clone, Debug, Default)]
pub struct LocalConfig {
    /// What a job gets that asks for nothing, and what it may ask for.
    pub policy: SandboxPolicy,
    /// Which jobs it runs.
    pub takes: Takes,
    /// How many jobs it runs at once; `None`: as many as suit the machine.
    pub slots: Option<usize>,
    /// How long a finished job is kept that does not say; `None`: until it is removed.
    pub default_ttl: Option<Duration>,
    /// Who compiles modules; `None`: an `au-host` program, found as [`Compiler::find`] does.
    pub compiler: Option<Compiler>,
    /// What an acknowledged submit survives.
    pub durability: Durability,
    /// How the sandboxes are set up.
    pub wasm: WasmConfig,
    /// Where attempts run. In this process, unless said otherwise.
    pub backends: Backends,
    /// How much each tenant may have.
    pub quotas: Quotas,
    /// What may refuse requests and wraps attempts, in order: the first is outermost.
    pub middleware: Vec<Arc<dyn Middleware>>,
    /// Where webhooks may go, and for how long they are tried.
    pub webhook: WebhookConfig,
    /// What is shown of it in the list of hosts on its store.
    pub labels: BTreeMap<String, String>,
}

/// What [`Local::remove`] removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Removed {
    /// A name of a module that has others.
    Name(ModuleName),
    /// A module, and all its names.
    Module {
        /// Which one.
        digest: Digest,
        /// The names it had.
        names: Vec<ModuleName>,
    },
}

/// A host with everything it needs in one folder.
///
/// ```no_run
/// # use std::path::Path;
/// # use std::time::Duration;
/// # use au_host::{Local, LocalConfig, ModuleRef, Payload, Request};
/// # async fn example() -> au_host::Result<()> {
/// let local = Local::open(Path::new("data"), LocalConfig::default()).await?;
/// let module = local.add_module(std::fs::read("factorial.wasm").unwrap().into()).await?;
/// let request = Request::new(ModuleRef::Digest(module.digest), "factorial", Payload::json(&[20])?);
/// let handle = local.host().submit(request).await?;
/// println!("{} {}", handle.id(), handle.status().await?);
/// let product = handle.typed::<u64>().result(Duration::from_secs(10)).await?;
/// assert_eq!(product, 2_432_902_008_176_640_000);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Local {
    host: Host,
    registry: Arc<Registry>,
    known: Arc<KnownModules>,
    backend: Arc<WasmBackend>,
    /// What attempts run on.
    backends: OpenBackends,
    /// Where the modules are that it shares with other hosts, if it does.
    shared: Option<Shared>,
    /// `None` for a host whose jobs are not in its folder.
    kept: Option<Arc<FileStore>>,
    /// Goes with the host, when it was made for it.
    _folder: Option<tempfile::TempDir>,
}

/// Where things are kept that are not in the folder of a host.
struct Stores {
    jobs: Arc<dyn Store>,
    /// Modules that are shared with other hosts.
    modules: Option<Arc<dyn Store>>,
    /// Whether jobs are gone when the host ends.
    forgets: bool,
}

impl Stores {
    /// In which jobs are kept nowhere.
    fn forgetful(modules: Option<Arc<dyn Store>>) -> Self {
        Self { jobs: Arc::new(MemoryStore::new()), modules, forgets: true }
    }
}

impl Local {
    /// Opens the host in `dir`, making what is missing.
    ///
    /// # Errors
    /// `Refused` when somebody else could write to the folder; what the store says when it cannot be opened.
    pub async fn open(dir: &Path, config: LocalConfig) -> Result<Self> {
        Self::at(dir.to_owned(), config, None).await
    }

    /// A host in a folder of its own that is removed with it.
    ///
    /// # Errors
    /// As for [`open`](Local::open).
    pub async fn temporary(config: LocalConfig) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("au-host-").tempdir();
        let folder = folder.map_err(|error| Error::fault("temporary folder", error))?;
        Self::at(folder.path().to_owned(), config, Some(folder)).await
    }

    /// A host whose jobs and modules are in `store`, which other hosts on other machines may have open as well. What this machine
    /// needs besides goes into `dir`: modules that were fetched, and their code.
    ///
    /// # Errors
    /// `Refused` when somebody else could write to the folder; what the store says.
    pub async fn on(store: Arc<dyn Store>, dir: &Path, config: LocalConfig) -> Result<Self> {
        let modules = Some(Arc::clone(&store));
        Self::apart(Stores { jobs: store, modules, forgets: false }, dir, config).await
    }

    /// A host whose modules are those of `dir`, and whose jobs are kept nowhere.
    ///
    /// # Errors
    /// As for [`open`](Local::open).
    pub async fn ephemeral(dir: &Path, config: LocalConfig) -> Result<Self> {
        Self::apart(Stores::forgetful(None), dir, config).await
    }

    /// The same with the modules of `store`, as [`on`](Local::on) has them.
    ///
    /// # Errors
    /// As for [`on`](Local::on).
    pub async fn ephemeral_on(store: Arc<dyn Store>, dir: &Path, config: LocalConfig) -> Result<Self> {
        Self::apart(Stores::forgetful(Some(store)), dir, config).await
    }

    async fn apart(stores: Stores, dir: &Path, config: LocalConfig) -> Result<Self> {
        let (dir, compiler) = (dir.to_owned(), config.compiler.clone());
        let engines = engines(&config)?;
        let registry = blocking(move || registry(&dir, compiler)).await?;
        Self::with(stores, (registry, engines), config, None).await
    }

    async fn at(dir: PathBuf, config: LocalConfig, folder: Option<tempfile::TempDir>) -> Result<Self> {
        let (path, durability) = (dir.clone(), config.durability);
        let compiler = config.compiler.clone();
        let engines = engines(&config)?;
        let open = move || Ok((FileStore::open(&path, durability).map(Arc::new)?, registry(&dir, compiler)?));
        let (store, registry) = blocking(open).await?;
        let stores = Stores { jobs: Arc::clone(&store) as _, modules: None, forgets: false };
        let mut local = Self::with(stores, (registry, engines), config, folder).await?;
        local.kept = Some(store);
        Ok(local)
    }

    async fn with(
        Stores { jobs, modules, forgets }: Stores,
        (registry, engines): (Arc<Registry>, Engines),
        config: LocalConfig,
        folder: Option<tempfile::TempDir>,
    ) -> Result<Self> {
        let backend = Arc::new(WasmBackend::of(engines, Arc::clone(&registry)));
        let part = |store| {
            let (registry, backend) = (Arc::clone(&registry), Arc::clone(&backend));
            Shared { store, registry, backend, names: Arc::default() }
        };
        let shared = modules.map(part);
        let known = Arc::new(KnownModules::new(Arc::clone(&registry), shared.clone()));
        let parts = Parts { registry: &registry, wasm: &backend, config: &config.wasm };
        let backends = OpenBackends::new(&config.backends, &parts)?;
        if config.takes != Takes::Nothing {
            backends.warm();
        }
        let mut builder = Host::builder(jobs, Arc::clone(&known) as _, backends.backend())
            .routed(!config.backends.routes.is_empty())
            .policy(config.policy)
            .takes(config.takes)
            .forgets(forgets)
            .default_ttl(config.default_ttl)
            .quotas(config.quotas)
            .webhook(config.webhook)
            .labels(config.labels);
        for middleware in config.middleware {
            builder = builder.middleware(middleware);
        }
        if let Some(slots) = config.slots {
            builder = builder.slots(slots);
        }
        Ok(Self {
            host: builder.build().await?,
            registry,
            known,
            backend,
            backends,
            shared,
            kept: None,
            _folder: folder,
        })
    }

    /// The front door: calls, jobs and handles.
    #[must_use]
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// Whether the job should run by now and nobody has it: it is due, or it runs on a worker that has died.
    ///
    /// # Errors
    /// As for [`Handle::status`](crate::Handle::status).
    pub async fn is_unattended(&self, id: JobId) -> Result<bool> {
        let job = self.host.handle(id).metadata().await?;
        Ok(match (job.run_at, job.worker, &self.kept) {
            (Some(run_at), ..) => run_at <= Clock::system().now(),
            (None, Some(worker), Some(store)) => !store.is_alive(worker),
            _ => false,
        })
    }

    /// Takes a module in: checks it, compiles it in a child process, and finds out what it offers. The same bytes a second time
    /// change nothing.
    ///
    /// # Errors
    /// `Module` when it is refused, with the rule it broke; `Busy` when too many are being compiled.
    pub async fn add_module(&self, bytes: Bytes) -> Result<ModuleInfo> {
        let backend = &self.backend;
        let describe = async |info: ModuleInfo| backend.describe(&info).await;
        let info = self.registry.add(bytes.clone(), Clock::system().now(), describe).await?;
        if let Some(shared) = &self.shared {
            shared.publish(&info, &bytes).await?;
        }
        Ok(info)
    }

    /// Puts a module that is known elsewhere where this host finds it; it is compiled once it is needed.
    pub(crate) async fn put_module(&self, info: &ModuleInfo, bytes: Bytes) -> Result<()> {
        match &self.shared {
            Some(shared) => shared.publish(info, &bytes).await,
            None => self.add_module(bytes).await.map(drop),
        }
    }

    /// The bytes of a module.
    ///
    /// # Errors
    /// `NotFound` for one that is not here, `Corrupt` when they are not those that were added.
    pub async fn module_bytes(&self, digest: Digest) -> Result<Bytes> {
        if let Some(shared) = &self.shared {
            return shared.bytes(digest).await;
        }
        let registry = Arc::clone(&self.registry);
        blocking(move || registry.bytes(digest)).await
    }

    /// What is known of a module.
    ///
    /// # Errors
    /// `NotFound`, with the nearest name there is.
    pub async fn module(&self, module: &ModuleRef) -> Result<ModuleInfo> {
        let info = match &self.shared {
            Some(shared) => shared.fetch(shared.resolve(module).await?).await?,
            None => {
                let (registry, module) = (Arc::clone(&self.registry), module.clone());
                blocking(move || registry.info(registry.resolve(&module)?)).await?
            }
        };
        self.known.learn(&info);
        Ok(info)
    }

    /// Submits a job, and makes its module ready for it: for a host that has just begun. Before that, when the job may end before
    /// it is kept; else meanwhile, while the disk is waited for.
    ///
    /// # Errors
    /// As for [`Host::submit`].
    pub async fn submit(&self, request: Request) -> Result<Handle> {
        let needs = self.needs(&request)?;
        self.with_ready(needs, self.host.submit(request)).await
    }

    /// The same, but `KeyTaken` when the key names a job with another module, function or input.
    ///
    /// # Errors
    /// As for [`Host::submit_once`].
    pub async fn submit_once(&self, request: Request) -> Result<Kept> {
        let needs = self.needs(&request)?;
        self.with_ready(needs, self.host.submit_once(request)).await
    }

    /// What is to be ready for a call, if that is known before it is admitted.
    fn needs(&self, request: &Request) -> Result<Option<(Digest, Sandbox)>> {
        let sandbox = self.host.inner.settings.policy.resolve(&request.sandbox)?;
        Ok(if let ModuleRef::Digest(module) = request.module { Some((module, sandbox)) } else { None })
    }

    async fn with_ready<T>(
        &self,
        needs: Option<(Digest, Sandbox)>,
        submitting: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let Some((module, sandbox)) = needs else { return submitting.await };
        // If it cannot be made ready, the attempt will find out too, and say so where it belongs.
        let ready = async {
            if self.backends.are_here() {
                drop(self.backend.ready(module, &sandbox.limits).await);
            }
        };
        if self.host.inner.takes() == Takes::Own && sandbox.grants.is_empty() {
            ready.await;
            return submitting.await;
        }
        tokio::join!(submitting, ready).0
    }

    /// What its attempts run on: what each is called, where it is, and whether it answers. The last one runs what no other is for.
    pub async fn check_backends(&self) -> Vec<(String, BackendUrl, Result<()>)> {
        self.backends.check().await
    }

    /// What can be called of a module.
    ///
    /// # Errors
    /// As for [`module`](Local::module).
    pub async fn functions(&self, module: &ModuleRef) -> Result<Vec<Function>> {
        self.module(module).await.map(|info| info.functions)
    }

    /// All modules, those added last first.
    ///
    /// # Errors
    /// `Fault` when the folder cannot be read.
    pub async fn list_modules(&self) -> Result<Vec<Listed>> {
        if let Some(shared) = &self.shared {
            return shared.list().await;
        }
        let registry = Arc::clone(&self.registry);
        blocking(move || registry.list()).await
    }

    /// Points a name at a module, in one step: whoever asks gets the old one or the new one.
    ///
    /// # Errors
    /// `NotFound` for a module that is not here.
    pub async fn alias(&self, name: &ModuleName, digest: Digest) -> Result<()> {
        if let Some(shared) = &self.shared {
            return shared.alias(name, digest).await;
        }
        let (registry, name) = (Arc::clone(&self.registry), name.clone());
        blocking(move || registry.alias(&name, digest)).await
    }

    /// Removes a name; the module stays.
    ///
    /// # Errors
    /// `NotFound`, with the nearest name there is.
    pub async fn unalias(&self, name: &ModuleName) -> Result<()> {
        if let Some(shared) = &self.shared {
            return shared.unalias(name).await;
        }
        let (registry, name) = (Arc::clone(&self.registry), name.clone());
        blocking(move || registry.unalias(&name)).await
    }

    /// Removes a module with its names. What already runs goes on; jobs that have yet to start will fail.
    ///
    /// # Errors
    /// `NotFound` for one that is not here.
    pub async fn remove_module(&self, digest: Digest) -> Result<()> {
        let registry = Arc::clone(&self.registry);
        let removed = match &self.shared {
            Some(shared) => shared.remove(digest).await,
            None => Ok(()),
        };
        let here = blocking(move || registry.remove(digest)).await;
        let removed = match (removed, here) {
            // It need not have been fetched.
            (Ok(()), Err(Error::NotFound { .. })) if self.shared.is_some() => Ok(()),
            (removed, here) => removed.and(here),
        };
        // Also when it was gone already: another process may have removed it. After it is gone, or it would be looked up anew.
        self.known.forget(digest);
        self.backend.forget(digest);
        removed
    }

    /// Removes a name, and with the last name the module; or, by its digest, a module with all its names.
    ///
    /// # Errors
    /// `NotFound` for one that is not here, `Refused` when a job has yet to run it.
    pub async fn remove(&self, module: &ModuleRef) -> Result<Removed> {
        let digest = self.module(module).await?.digest;
        let listed = self.list_modules().await?.into_iter().find(|listed| listed.info.digest == digest);
        let names = listed.map(|listed| listed.aliases).unwrap_or_default();
        if let (ModuleRef::Name(name), [_, _, ..]) = (module, &*names) {
            self.unalias(name).await?;
            return Ok(Removed::Name(name.clone()));
        }
        let open = vec![Status::Pending, Status::Running];
        let filter = Filter { status: open, module: Some(digest), ..Filter::default() };
        if let Some(job) = self.host.list(filter, None, 1).await?.first() {
            return Err(Error::refused(format!("job {} has yet to run it; wait for it, or cancel it", job.id)));
        }
        self.remove_module(digest).await?;
        Ok(Removed::Module { digest, names })
    }

    /// Shuts the host down: waits for what runs, at most `grace`, and gives the rest back.
    ///
    /// # Errors
    /// As for [`Host::shutdown`].
    pub async fn close(self, grace: Duration) -> Result<()> {
        self.host.shutdown(grace).await
    }

    /// The same, for a program that ends right after. What the sandboxes and the store take of memory, files and threads is
    /// left to that, which is faster than to give it back piece by piece; else it is lost for good.
    ///
    /// # Errors
    /// As for [`Host::shutdown`].
    pub async fn leave(self, grace: Duration) -> Result<()> {
        std::mem::forget(Arc::clone(&self.backend));
        let store = self.kept.clone();
        let closed = self.close(grace).await;
        if let Some(store) = store
            && store.may_be_left()
        {
            std::mem::forget(store);
        }
        closed
    }
}

fn registry(dir: &Path, compiler: Option<Compiler>) -> Result<Arc<Registry>> {
    // Without one, what is compiled already still runs, and what is not says what is missing.
    let compiler = compiler.map_or_else(Compiler::find, Ok).unwrap_or_else(|_| Compiler::Child("au-host".into()));
    Registry::open(&dir.join(MODULES), compiler).map(Arc::new)
}

/// The engines of a host. One that runs what it is handed and no more is about to need one: that is made meanwhile.
fn engines(config: &LocalConfig) -> Result<Engines> {
    let engines = Engines::new(config.wasm.clone())?;
    if config.takes == Takes::Own {
        drop(tokio::task::spawn_blocking(engines.warm()));
    }
    Ok(engines)
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|error| Error::fault("host", error))?
}
