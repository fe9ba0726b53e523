//! The data folder: where it is, how a command opens it, and who works in it.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use au_host::backend::Backends;
use au_host::backend::wasm::WasmConfig;
use au_host::middleware::logging::Logging as LogAttempts;
use au_host::{Client, ClientConfig, Error, Local, LocalConfig, Middleware, Store, Takes, Tokens};
use etcetera::BaseStrategy;

use super::args::Common;
use super::config::{Config, NAME};
use super::hosted::Hosted;
use super::http_section::{AuthSection, HttpSection, RateSection};
use super::logging::Logging;
use super::otel::OtelSection;
use super::trouble::Result;

const LOG: &str = "worker.log";
/// The log of background workers begins anew above this.
const LOG_LIMIT: u64 = 1 << 20;
const LOCK: &str = "worker.lock";

/// A data folder, and what its operator decided.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    dir: PathBuf,
    config: Config,
    /// The file that was named for it, if one was: a background worker is to read the same.
    named: Option<PathBuf>,
    /// The URL of the store that jobs and modules are in, if they are not in the folder.
    store: Option<String>,
    /// What its attempts run on.
    backends: Backends,
    /// The URL of that and its token, where a command was told.
    backend: (Option<String>, Option<String>),
    /// The host elsewhere that is asked in its place.
    elsewhere: Option<Client>,
    /// Whether this very command was told of it.
    told: bool,
}

impl Place {
    /// The folder that was named, else the platform's.
    pub(crate) fn find(common: &Common) -> Result<Self> {
        let absolute = |path: &PathBuf| std::path::absolute(path).map_err(|error| Error::fault("data folder", error));
        let dir = match &common.data {
            Some(dir) => absolute(dir)?,
            None => {
                let base = etcetera::choose_base_strategy().map_err(|error| Error::fault("home folder", error))?;
                absolute(&base.data_dir().join("au-host"))?
            }
        };
        if dir.exists() && !dir.is_dir() {
            return Err(Error::invalid("--data", format!("{} is not a folder", dir.display())).into());
        }
        let named = common.config.as_ref().map(absolute).transpose()?;
        let config = Config::find(named.as_deref(), &dir)?;
        let url = common.host.clone().or_else(|| config.host.clone()).filter(|url| !url.is_empty());
        let token = common.token.clone().filter(|token| !token.is_empty());
        let client = |url: String| Client::new(&url, ClientConfig { token, ..ClientConfig::default() });
        let elsewhere = url.map(client).transpose()?;
        let told = common.host.is_some() && common.host != std::env::var("AU_HOST").ok();
        let named_here = common.store.is_some() && common.store != std::env::var("AU_STORE").ok();
        if told && named_here {
            let why = "--host is a host elsewhere, which has a store of its own; give one of the two";
            return Err(Error::invalid("--store", why).into());
        }
        let store = common.store.clone().or_else(|| config.store.clone()).filter(|url| !url.is_empty());
        let backend = (common.backend.clone(), common.backend_token.clone());
        let backends = config.backends(backend.0.as_deref(), backend.1.as_deref())?;
        Ok(Self { dir, config, named, store, backends, backend, elsewhere, told })
    }

    /// The host elsewhere that is asked, if one is.
    pub(crate) fn elsewhere(&self) -> Option<Client> {
        self.elsewhere.clone()
    }

    /// For what is done in this process or not at all. Who has a host elsewhere in the environment for other verbs may do so.
    pub(crate) fn must_be_here(&self, verb: &str) -> Result {
        let Some(client) = self.elsewhere.as_ref().filter(|_| self.told) else { return Ok(()) };
        let url = client.url();
        let why = format!("`{verb}` works on a data folder of this machine, and {url} is a host elsewhere");
        Err(Error::invalid("--host", why).into())
    }

    /// The URL of the store that hosts share, fit to be shown; `None`: what is kept is in the folder.
    pub(crate) fn store(&self) -> Option<String> {
        self.store.as_deref().map(without_secrets)
    }

    /// Where jobs and modules are, for people.
    pub(crate) fn shown(&self) -> String {
        self.store().unwrap_or_else(|| self.dir.display().to_string())
    }

    pub(crate) fn path(&self) -> &Path {
        &self.dir
    }

    /// Where its settings come from.
    pub(crate) fn settings(&self) -> String {
        let file = self.named.clone().unwrap_or_else(|| self.dir.join(NAME));
        if file.is_file() {
            file.display().to_string()
        } else {
            format!("built in; {} would change them", file.display())
        }
    }

    /// Opens it to run these jobs.
    pub(crate) async fn open(&self, takes: Takes, slots: Option<usize>) -> Result<Local> {
        self.open_with(self.settled(takes), slots).await
    }

    /// Opens it to run whatever is due, and to be known by these notes.
    pub(crate) async fn work(&self, slots: Option<usize>, labels: BTreeMap<String, String>) -> Result<Local> {
        self.open_with(LocalConfig { labels, ..self.settled(Takes::Everything) }, slots).await
    }

    async fn open_with(&self, mut config: LocalConfig, slots: Option<usize>) -> Result<Local> {
        let takes = config.takes;
        if takes == Takes::Everything {
            let cores = std::thread::available_parallelism().map_or(1, usize::from);
            let slots = slots.or(self.config.slots.map(|slots| slots.0.into())).unwrap_or(cores);
            config.slots = Some(slots);
            config.wasm.attempts = slots;
            config.wasm.threads = cores.min(slots);
            config.middleware.push(Arc::new(LogAttempts));
        }
        self.local(config).await
    }

    async fn local(&self, config: LocalConfig) -> Result<Local> {
        Ok(match self.shared().await? {
            Some(store) => Local::on(store, &self.dir, config).await?,
            None => Local::open(&self.dir, config).await?,
        })
    }

    /// What an acknowledged write survives in the store that it shares, if it does.
    pub(crate) async fn promise(&self) -> Option<au_host::Result<String>> {
        let url = self.store.as_ref()?;
        Some(au_host::store::promise(url, self.config.durability()).await)
    }

    async fn shared(&self) -> Result<Option<Arc<dyn Store>>> {
        match &self.store {
            Some(url) => Ok(Some(au_host::store::open(url, self.config.durability()).await?)),
            None => Ok(None),
        }
    }

    /// Opens it to serve those who ask over HTTP, and to run what is due.
    pub(crate) async fn serve(&self, slots: Option<usize>, outermost: Arc<dyn Middleware>) -> Result<Local> {
        let config = LocalConfig {
            policy: self.config.http_policy(),
            slots: slots.or(self.config.slots.map(|slots| slots.0.into())),
            wasm: WasmConfig { hardened: self.config.hardened, ..WasmConfig::default() },
            middleware: [outermost, Arc::new(LogAttempts)]
                .into_iter()
                .chain(self.config.rate_limit.middleware())
                .collect(),
            ..self.settled(Takes::Everything)
        };
        self.local(config).await
    }

    /// What is to be logged, and how, unless a command says otherwise.
    pub(crate) fn logging(&self, common: &Common) -> Logging {
        Logging {
            format: common.log_format.or(self.config.log_format).unwrap_or_default(),
            filter: common.log.clone().or_else(|| self.config.log.clone()),
        }
    }

    /// What its settings say of traces.
    pub(crate) fn otel(&self) -> &OtelSection {
        &self.config.otel
    }

    /// What its settings say of the HTTP API.
    pub(crate) fn http(&self) -> &HttpSection {
        &self.config.http
    }

    /// What its settings say of who is let in.
    pub(crate) fn auth(&self) -> &AuthSection {
        &self.config.auth
    }

    /// What its settings say of how often may be asked.
    pub(crate) fn rate_limit(&self) -> &RateSection {
        &self.config.rate_limit
    }

    /// A folder for uploads that are not whole yet. On the disk of the data, which has room for them or has none anyway.
    pub(crate) fn spool(&self) -> PathBuf {
        self.dir.clone()
    }

    /// Opens it to ask and to steer.
    pub(crate) async fn look(&self) -> Result<Hosted> {
        match self.elsewhere() {
            Some(client) => Ok(Hosted::There(client)),
            None => self.open(Takes::Nothing, None).await.map(Hosted::Here),
        }
    }

    /// Who may ask it over a network.
    pub(crate) async fn tokens(&self) -> Result<Tokens> {
        Ok(self.open(Takes::Nothing, None).await?.host().tokens())
    }

    /// Opens its modules, and keeps jobs nowhere.
    pub(crate) async fn ephemeral(&self) -> Result<Local> {
        let config = self.settled(Takes::Own);
        Ok(match self.shared().await? {
            Some(store) => Local::ephemeral_on(store, &self.dir, config).await?,
            None => Local::ephemeral(&self.dir, config).await?,
        })
    }

    /// What it says of how a host behaves.
    pub(crate) fn settled(&self, takes: Takes) -> LocalConfig {
        LocalConfig {
            policy: self.config.policy(),
            takes,
            slots: Some(1),
            default_ttl: self.config.ttl(),
            durability: self.config.durability(),
            wasm: WasmConfig { hardened: self.config.hardened, ..WasmConfig::small() },
            compiler: None,
            quotas: self.config.quota.quotas(),
            middleware: Vec::new(),
            webhook: self.config.webhook.config(),
            labels: BTreeMap::new(),
            backends: self.backends.clone(),
        }
    }

    /// Takes the place of the one background worker, unless somebody has it.
    pub(crate) fn lock(&self) -> Result<Option<File>> {
        let fault = |error| Error::fault("worker lock", error);
        let file =
            OpenOptions::new().create(true).truncate(false).write(true).open(self.dir.join(LOCK)).map_err(fault)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(fault(error).into()),
        }
    }

    /// Sees to it that somebody works in the background, on the folder: those who share a store see to it themselves. A worker looks for jobs once more after it let go of the lock, so
    /// whoever holds it will see what was kept before this was called.
    pub(crate) fn ensure_worker(&self) -> Result<Option<Child>> {
        if self.store.is_some() {
            return Ok(None);
        }
        match self.lock()? {
            None => Ok(None),
            Some(free) => {
                drop(free);
                self.spawn_worker().map(Some)
            }
        }
    }

    fn spawn_worker(&self) -> Result<Child> {
        let fault = |error| Error::fault("background worker", error);
        let program = std::env::current_exe().map_err(fault)?;
        let mut command = Command::new(program);
        command.args(["work", "--until-idle", "--data"]).arg(&self.dir);
        if let Some(config) = &self.named {
            command.arg("--config").arg(config);
        }
        // By the environment: a token has no place among arguments, which all can read.
        let (url, token) = &self.backend;
        command.envs(url.iter().map(|url| ("AU_BACKEND", url)));
        command.envs(token.iter().map(|token| ("AU_BACKEND_TOKEN", token)));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(self.log().map_err(fault)?);
        command.current_dir("/");
        #[cfg(unix)]
        // Ctrl-C in this terminal is not meant for it.
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        Ok(command.spawn().map_err(fault)?)
    }

    fn log(&self) -> std::io::Result<File> {
        let path = self.dir.join(LOG);
        let long = fs::metadata(&path).is_ok_and(|found| found.len() > LOG_LIMIT);
        if long {
            fs::rename(&path, path.with_extension("log.1"))?;
        }
        OpenOptions::new().create(true).append(true).open(path)
    }
}

/// A URL without its password and its parameters, which may have one. Of one that is hard to take apart only the scheme.
fn without_secrets(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let rest = rest.split(['?', '#']).next().unwrap_or("");
    let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
    let shown = match authority.rsplit_once('@') {
        Some((user, host)) => format!("{}@{host}{path}", user.split(':').next().unwrap_or("")),
        None if url.contains('@') => "…".to_owned(),
        None => rest.to_owned(),
    };
    format!("{scheme}://{}", shown.trim_start_matches('@'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_is_shown_without_its_password() {
        for (url, shown) in [
            ("postgres://ada:secret@db/jobs?sslmode=require", "postgres://ada@db/jobs"),
            ("postgres://db/jobs?user=ada&password=secret", "postgres://db/jobs"),
            ("postgres://ada:sec/ret@db/jobs", "postgres://…"),
            ("postgres://ada:sec?ret@db/jobs", "postgres://…"),
            ("redis://:secret@cache:6379/1", "redis://cache:6379/1"),
            ("redis://cache", "redis://cache"),
            ("file:/srv/jobs", "file:/srv/jobs"),
        ] {
            assert_eq!(without_secrets(url), shown);
        }
    }
}
