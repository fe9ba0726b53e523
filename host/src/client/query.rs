//! What is asked of a job, as the query of a URL says it: the other side of what the API reads.

use std::time::Duration;

use form_urlencoded::Serializer;

use crate::error::Result;
use crate::job::KeyHolds;
use crate::request::Request;
use crate::sandbox::SandboxRequest;
use crate::store::Filter;

/// Parameters, written one after the other.
#[derive(Clone, Debug, Default)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    pub(super) fn new() -> Self {
        Self::default()
    }

    pub(super) fn add(&mut self, name: &str, value: impl ToString) {
        self.0.push((name.to_owned(), value.to_string()));
    }

    pub(super) fn maybe(&mut self, name: &str, value: Option<impl ToString>) {
        value.into_iter().for_each(|value| self.add(name, value));
    }

    fn time(&mut self, name: &str, span: Option<Duration>) {
        self.maybe(name, span.map(humantime::format_duration));
    }

    /// A path with these parameters.
    pub(super) fn of(self, path: &str) -> String {
        if self.0.is_empty() {
            return path.to_owned();
        }
        format!("{path}?{}", Serializer::new(String::new()).extend_pairs(self.0).finish())
    }
}

/// What a call asks for.
pub(super) fn sandbox(query: &mut Query, asked: &SandboxRequest) {
    query.time("timeout", asked.timeout);
    query.maybe("memory", asked.memory);
    query.maybe("fuel", asked.fuel);
    query.maybe("table-elements", asked.table_elements);
    query.maybe("instances", asked.instances);
    query.maybe("max-output", asked.output);
    query.maybe("max-log", asked.log_bytes);
    query.maybe("max-log-lines", asked.log_lines);
    query.maybe("stack", asked.stack);
    for (name, value) in &asked.grants.env {
        query.add("env", format!("{name}={value}"));
    }
    for dir in &asked.grants.dirs {
        query.add(if dir.write { "dir-rw" } else { "dir" }, format!("{}={}", dir.host.display(), dir.guest));
    }
    for (name, granted) in [("clock", asked.grants.clock), ("random", asked.grants.random)] {
        query.maybe(name, granted.then_some(true));
    }
}

/// What a job asks for.
pub(super) fn job(query: &mut Query, request: &Request) -> Result<()> {
    query.maybe("key-holds", request.key.as_ref().map(|key| key.holds).filter(|holds| *holds != KeyHolds::WhileKept));
    sandbox(query, &request.sandbox);
    if let Some(retry) = &request.retry {
        query.add("attempts", retry.attempts);
        query.time("retry-delay", Some(retry.delay));
        query.time("max-retry-delay", Some(retry.max_delay));
        query.add("backoff", retry.backoff);
        query.add("jitter", retry.jitter);
        for kind in retry.on.iter().flatten() {
            query.add("retry-on", kind);
        }
    }
    query.maybe("priority", request.priority);
    query.maybe("queue", request.queue.as_ref());
    query.maybe("concurrency-key", request.concurrency_key.as_ref());
    query.time("ttl", request.ttl);
    query.maybe("run-at", request.run_at);
    for (name, value) in &request.labels {
        query.add("label", format!("{name}={value}"));
    }
    query.maybe("module-name", request.module_name.as_ref());
    query.maybe("webhook", request.webhook.as_ref());
    Ok(())
}

/// Which jobs are listed.
pub(super) fn filter(query: &mut Query, filter: &Filter) {
    for status in &filter.status {
        query.add("status", status);
    }
    query.maybe("function", filter.function.as_ref());
    query.maybe("queue", filter.queue.as_ref());
    query.maybe("module", filter.module);
    for (name, value) in &filter.labels {
        query.add("label", format!("{name}={value}"));
    }
}

/// A name as a part of a path.
pub(super) fn part(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~:".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}
