//! Modules of a host elsewhere.

use std::time::Duration;

use bytes::Bytes;
use hyper::Method;
use hyper::header::CONTENT_TYPE;
use serde::Deserialize;

use super::Client;
use super::exchange::Ask;
use super::query::{Query, part};
use super::verbs::json;
use crate::error::Result;
use crate::id::{Digest, ModuleName, ModuleRef};
use crate::local::Removed;
use crate::registry::{Function, Listed, ModuleInfo};

/// How long a host may take to check and compile a module.
const COMPILING: Duration = Duration::from_secs(10 * 60);

#[derive(Deserialize)]
struct Added {
    module: ModuleInfo,
}

#[derive(Deserialize)]
struct All {
    modules: Vec<Listed>,
}

#[derive(Deserialize)]
struct Gone {
    names: Vec<ModuleName>,
    module: Option<Digest>,
}

impl Client {
    /// As [`Local::add_module`](crate::Local::add_module).
    ///
    /// # Errors
    /// Those of the host, and `Unreachable`.
    pub async fn add_module(&self, bytes: Bytes) -> Result<ModuleInfo> {
        let ask = Ask::new(Method::PUT, "/v1/modules").header(CONTENT_TYPE, "application/wasm")?;
        // The same bytes a second time change nothing.
        let ask = ask.body(bytes).waiting(Some(COMPILING)).repeatable();
        let Added { module } = json(&self.wire.ask(ask).await?)?;
        Ok(module)
    }

    /// As [`Local::module`](crate::Local::module).
    ///
    /// # Errors
    /// `NotFound`, with the nearest name there is; `Unreachable`.
    pub async fn module(&self, module: &ModuleRef) -> Result<ModuleInfo> {
        json(&self.wire.ask(Ask::get(format!("/v1/modules/{}", part(&module.to_string())))).await?)
    }

    /// What can be called of a module.
    ///
    /// # Errors
    /// As for [`module`](Client::module).
    pub async fn functions(&self, module: &ModuleRef) -> Result<Vec<Function>> {
        self.module(module).await.map(|info| info.functions)
    }

    /// All modules, those added last first.
    ///
    /// # Errors
    /// Those of the host, and `Unreachable`.
    pub async fn list_modules(&self) -> Result<Vec<Listed>> {
        let All { modules } = json(&self.wire.ask(Ask::get("/v1/modules")).await?)?;
        Ok(modules)
    }

    /// Points a name at a module, in one step.
    ///
    /// # Errors
    /// `NotFound` for a module that is not there; `Unreachable`.
    pub async fn alias(&self, name: &ModuleName, digest: Digest) -> Result<()> {
        let mut query = Query::new();
        query.add("module", digest);
        let path = query.of(&format!("/v1/aliases/{}", part(name.as_str())));
        self.wire.ask(Ask::new(Method::PUT, path).repeatable()).await.map(|_| ())
    }

    /// Removes a name; the module stays.
    ///
    /// # Errors
    /// `NotFound`, with the nearest name there is; `Unreachable`.
    pub async fn unalias(&self, name: &ModuleName) -> Result<()> {
        self.wire.ask(Ask::new(Method::DELETE, format!("/v1/aliases/{}", part(name.as_str())))).await.map(|_| ())
    }

    /// As [`Local::remove`](crate::Local::remove): a name, and with its last name a module; or a module with all its names.
    ///
    /// # Errors
    /// `NotFound` for one that is not there, `Refused` when a job has yet to run it; `Unreachable`.
    pub async fn remove_module(&self, module: &ModuleRef) -> Result<Removed> {
        let ask = Ask::new(Method::DELETE, format!("/v1/modules/{}", part(&module.to_string())));
        let Gone { names, module } = json(&self.wire.ask(ask).await?)?;
        match (module, names) {
            (Some(digest), names) => Ok(Removed::Module { digest, names }),
            (None, names) => names
                .into_iter()
                .next()
                .map(Removed::Name)
                .ok_or_else(|| crate::error::Error::fault("host", "it removed nothing, and does not say why")),
        }
    }
}
