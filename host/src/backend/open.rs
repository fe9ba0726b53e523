//! Opens the backends that URLs name.

use std::sync::Arc;

use super::Backend;
use super::routed::{Route, Routed, Rule};
use super::url::BackendUrl;
use super::wasm::{WasmBackend, WasmConfig};
#[cfg(not(feature = "remote"))]
use crate::error::Error;
use crate::error::Result;
use crate::registry::Registry;

/// Where attempts run.
#[derive(Clone, Debug, Default)]
pub struct Backends {
    /// What runs whatever no other is for.
    pub rest: BackendSpec,
    /// Others, and what they are for.
    pub routes: Vec<RouteSpec>,
}

/// A backend to be.
#[derive(Clone, Default)]
pub struct BackendSpec {
    /// Where it is.
    pub url: BackendUrl,
    /// What tells a host elsewhere who asks. It needs the scope `work` there.
    pub token: Option<String>,
}

impl std::fmt::Debug for BackendSpec {
    /// All but the token, which is a secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BackendSpec").field("url", &self.url).finish_non_exhaustive()
    }
}

/// A backend to be, and what it is for.
#[derive(Clone, Debug)]
pub struct RouteSpec {
    /// What it is called where people read of it.
    pub name: String,
    /// The backend.
    pub backend: BackendSpec,
    /// Which attempts it is for.
    pub rule: Rule,
    /// How much of that it gets, beside others. At least 1.
    pub weight: usize,
}

/// What backends are made with.
#[derive(Debug)]
#[cfg_attr(not(feature = "remote"), expect(dead_code, reason = "only those that are not in this process need more"))]
pub(crate) struct Parts<'a> {
    pub(crate) registry: &'a Arc<Registry>,
    pub(crate) wasm: &'a Arc<WasmBackend>,
    pub(crate) config: &'a WasmConfig,
}

/// A backend that is there.
#[derive(Debug)]
pub(crate) enum Opened {
    /// In this process.
    Wasm(Arc<WasmBackend>),
    #[cfg(feature = "remote")]
    Process(Arc<super::remote::Remote<super::remote::Processes>>),
    #[cfg(feature = "remote")]
    Http(Arc<super::remote::Remote<super::remote::Elsewhere>>),
}

impl Opened {
    /// The backend of this URL. Nothing is started or sent yet.
    pub(crate) fn new(spec: &BackendSpec, parts: &Parts<'_>) -> Result<Self> {
        match &spec.url {
            BackendUrl::Wasm => Ok(Self::Wasm(Arc::clone(parts.wasm))),
            #[cfg(feature = "remote")]
            BackendUrl::Process(bounds) => {
                let default = super::remote::ProcessConfig::default();
                let config = super::remote::ProcessConfig {
                    workers: bounds.workers.unwrap_or(default.workers.min(parts.config.attempts)),
                    silence: bounds.silence.unwrap_or(default.silence),
                    hardened: parts.config.hardened,
                    ..default
                };
                let remote = super::remote::Remote::processes(Arc::clone(parts.registry), config)?;
                Ok(Self::Process(Arc::new(remote)))
            }
            #[cfg(feature = "remote")]
            BackendUrl::Http(url, bounds) => {
                let default = super::remote::ElsewhereConfig::default();
                let config = super::remote::ElsewhereConfig {
                    token: spec.token.clone(),
                    attempts: bounds.workers.unwrap_or(default.attempts),
                    silence: bounds.silence.unwrap_or(default.silence),
                };
                let remote = super::remote::Remote::elsewhere(Arc::clone(parts.registry), url, config)?;
                Ok(Self::Http(Arc::new(remote)))
            }
            #[cfg(not(feature = "remote"))]
            url => Err(Error::Missing { part: format!("backend {url}"), feature: "remote" }),
        }
    }

    /// As what hosts run attempts on.
    pub(crate) fn backend(&self) -> Arc<dyn Backend> {
        match self {
            Self::Wasm(backend) => Arc::clone(backend) as _,
            #[cfg(feature = "remote")]
            Self::Process(backend) => Arc::clone(backend) as _,
            #[cfg(feature = "remote")]
            Self::Http(backend) => Arc::clone(backend) as _,
        }
    }

    /// Gets ready for attempts that are about to come.
    pub(crate) fn warm(&self) {
        #[cfg(feature = "remote")]
        if let Self::Process(backend) = self {
            backend.warm();
        }
    }

    /// Whether it answers.
    pub(crate) async fn check(&self) -> Result<()> {
        match self {
            Self::Wasm(_) => Ok(()),
            #[cfg(feature = "remote")]
            Self::Process(backend) => backend.check().await,
            #[cfg(feature = "remote")]
            Self::Http(backend) => backend.check().await,
        }
    }
}

/// Every backend of a host, by the name people know it by; the last one runs what no other is for.
#[derive(Debug)]
pub(crate) struct OpenBackends(Vec<(String, BackendUrl, Opened)>, Arc<dyn Backend>);

impl OpenBackends {
    pub(crate) fn new(backends: &Backends, parts: &Parts<'_>) -> Result<Self> {
        let mut opened = Vec::new();
        let mut routes = Vec::new();
        for RouteSpec { name, backend: spec, rule, weight } in &backends.routes {
            let one = Opened::new(spec, parts)?;
            let (name, rule) = (name.clone(), rule.clone());
            routes.push(Route { name: name.clone(), backend: one.backend(), rule, weight: *weight });
            opened.push((name, spec.url.clone(), one));
        }
        let rest = Opened::new(&backends.rest, parts)?;
        let backend = if routes.is_empty() { rest.backend() } else { Arc::new(Routed::new(routes, rest.backend())) };
        opened.push(("default".to_owned(), backends.rest.url.clone(), rest));
        Ok(Self(opened, backend))
    }

    /// All of them as one.
    pub(crate) fn backend(&self) -> Arc<dyn Backend> {
        Arc::clone(&self.1)
    }

    /// Whether attempts run in this process and nowhere else.
    pub(crate) fn are_here(&self) -> bool {
        self.0.iter().all(|(_, url, _)| *url == BackendUrl::Wasm)
    }

    pub(crate) fn warm(&self) {
        self.0.iter().for_each(|(_, _, opened)| opened.warm());
    }

    /// What each is called, where it is, and whether it answers.
    pub(crate) async fn check(&self) -> Vec<(String, BackendUrl, Result<()>)> {
        let mut checked = Vec::new();
        for (name, url, opened) in &self.0 {
            checked.push((name.clone(), url.clone(), opened.check().await));
        }
        checked
    }
}
