//! How a call is run and kept, as a query says it: the options of the command line, under the same names.

use std::collections::BTreeMap;

use super::problem::Result;
use super::query::{Query, bad};
use crate::clock::Clock;
use crate::request::Request;
use crate::retry::RetryRequest;
use crate::sandbox::{DirGrant, Grants, SandboxRequest};
use crate::time::Timestamp;
use crate::units::{Binding, Size};

/// Writes what a call may be asked to do into the request.
pub(super) fn sandbox(query: &mut Query, request: &mut Request) -> Result<()> {
    if query.is_empty() {
        // To look for each of them takes a microsecond, and most calls have none.
        request.sandbox = SandboxRequest::default();
        return Ok(());
    }
    let mut size = |name: &str| query.value::<Size>(name).map(|size| size.map(|size| size.0));
    let (memory, output, log_bytes, stack) = (size("memory")?, size("max-output")?, size("max-log")?, size("stack")?);
    request.sandbox = SandboxRequest {
        timeout: query.time("timeout")?,
        memory,
        fuel: query.value("fuel")?,
        table_elements: query.value("table-elements")?,
        instances: query.value("instances")?,
        output,
        log_bytes,
        log_lines: query.value("max-log-lines")?,
        stack,
        grants: grants(query)?,
    };
    Ok(())
}

fn grants(query: &mut Query) -> Result<Grants> {
    let dir = |write| {
        move |Binding { name, value }: Binding| DirGrant {
            guest: value.unwrap_or_else(|| name.clone()),
            host: name.into(),
            write,
        }
    };
    let (read, write) = (bindings(query, "dir")?, bindings(query, "dir-rw")?);
    let dirs = read.into_iter().map(dir(false)).chain(write.into_iter().map(dir(true))).collect();
    Ok(Grants { env: named(query, "env")?, dirs, clock: query.flag("clock")?, random: query.flag("random")? })
}

/// Writes how a job is to be kept and tried into the request, too.
pub(super) fn job(query: &mut Query, request: &mut Request) -> Result<()> {
    sandbox(query, request)?;
    let on = query.all("retry-on");
    let on = (!on.is_empty()).then(|| on.iter().map(|kind| kind.parse()).collect::<crate::error::Result<_>>());
    request.retry = RetryRequest {
        attempts: query.value("attempts")?,
        delay: query.time("retry-delay")?,
        max_delay: query.time("max-retry-delay")?,
        backoff: query.value("backoff")?,
        jitter: query.value("jitter")?,
        on: on.transpose()?,
    }
    .over(None);
    request.priority = query.value("priority")?;
    request.queue = query.text("queue")?;
    request.concurrency_key = query.text("concurrency-key")?;
    request.ttl = query.time("ttl")?;
    request.run_at = run_at(query)?;
    request.labels = named(query, "label")?;
    request.module_name = query.text("module-name")?;
    request.webhook = query.text("webhook")?.map(|url| url.parse()).transpose()?;
    // A bulk of none has it wrong as well.
    Ok(request.bounded(u64::MAX)?)
}

fn run_at(query: &mut Query) -> Result<Option<Timestamp>> {
    match (query.value("run-at")?, query.time("delay")?) {
        (Some(_), Some(_)) => Err(bad("run-at and delay say the same in two ways".into())),
        (Some(run_at), None) => Ok(Some(run_at)),
        (None, delay) => Ok(delay.map(|delay| Clock::system().now().plus(delay))),
    }
}

/// All `NAME=VALUE` of a parameter, each name once.
pub(super) fn named(query: &mut Query, name: &str) -> Result<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    for binding in bindings(query, name)? {
        let Some(value) = binding.value else {
            return Err(bad(format!("{name}={:?} is not NAME=VALUE", crate::id::shorten(&binding.name))));
        };
        if found.insert(binding.name, value).is_some() {
            return Err(bad(format!("one {name} is given twice")));
        }
    }
    Ok(found)
}

fn bindings(query: &mut Query, name: &str) -> Result<Vec<Binding>> {
    let read = |text: String| text.parse().map_err(|why| bad(format!("{name}: {why}")));
    query.all(name).into_iter().map(read).collect()
}
