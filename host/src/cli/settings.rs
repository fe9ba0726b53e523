//! How a job is run and kept, as options say it.

use std::collections::BTreeMap;

use au_host::{Clock, DirGrant, Error, IdempotencyKey, Request, SandboxRequest};

use super::args::Settings;
use super::trouble::Result;
use au_host::units::{Binding, Size};

impl Settings {
    /// Writes what was asked for into the request.
    pub(crate) fn apply(&self, request: &mut Request) -> Result {
        request.sandbox = self.sandbox()?;
        request.retry = self.retry.asked().over(None);
        request.priority = self.priority;
        request.queue = self.queue.clone();
        request.concurrency_key = self.concurrency_key.clone();
        request.ttl = self.ttl;
        request.run_at = self.delay.map(|delay| Clock::system().now().plus(delay));
        request.key = self.key.clone().map(|name| IdempotencyKey { name, holds: self.key_holds.unwrap_or_default() });
        request.labels = distinct(&self.label)?;
        request.webhook = self.webhook.clone();
        Ok(())
    }

    fn sandbox(&self) -> Result<SandboxRequest> {
        let bytes = |size: Option<Size>| size.map(|size| size.0);
        let mut sandbox = SandboxRequest {
            timeout: self.timeout,
            memory: bytes(self.memory),
            fuel: self.fuel,
            table_elements: self.table_elements,
            instances: self.instances,
            output: bytes(self.max_output),
            log_bytes: bytes(self.max_log),
            log_lines: self.max_log_lines,
            stack: bytes(self.stack),
            ..SandboxRequest::default()
        };
        for text in &self.env {
            let (name, value) = variable(text)?;
            sandbox.grants.env.insert(name, value);
        }
        sandbox.grants.dirs = grants(&self.dir, false).chain(grants(&self.dir_rw, true)).collect::<Result<_>>()?;
        sandbox.grants.clock = self.clock;
        sandbox.grants.random = self.random;
        Ok(sandbox)
    }
}

fn variable(text: &str) -> Result<(String, String)> {
    if let Some((name, value)) = text.split_once('=') {
        return Ok((name.to_owned(), value.to_owned()));
    }
    let ours = std::env::var(text).map_err(|error| Error::invalid("--env", format!("{text}: {error}")))?;
    Ok((text.to_owned(), ours))
}

fn grants(folders: &[Binding], write: bool) -> impl Iterator<Item = Result<DirGrant>> {
    folders.iter().map(move |folder| {
        let host = std::fs::canonicalize(&folder.name);
        let host = host.map_err(|error| Error::invalid("--dir", format!("{}: {error}", folder.name)))?;
        let guest = folder.value.clone().unwrap_or_else(|| folder.name.clone());
        Ok(DirGrant { host, guest, write })
    })
}

/// Labels of which none is given twice.
pub(crate) fn distinct(given: &[Binding]) -> Result<BTreeMap<String, String>> {
    let mut all = BTreeMap::new();
    for (name, value) in labels(given)? {
        let why = format!("{name:?} is given twice");
        if all.insert(name, value).is_some() {
            return Err(Error::invalid("--label", why).into());
        }
    }
    Ok(all)
}

/// Labels, each with a value.
pub(crate) fn labels(given: &[Binding]) -> Result<Vec<(String, String)>> {
    let label = |binding: &Binding| match &binding.value {
        Some(value) => Ok((binding.name.clone(), value.clone())),
        None => Err(Error::invalid("--label", format!("{:?} is not NAME=VALUE", binding.name)).into()),
    };
    given.iter().map(label).collect()
}
