//! What a schedule asks for its jobs beyond the call, as people read it: only what was said, for the rest is the host's to say.

use au_host::{Request, Retry, SandboxRequest, units};
use humantime::format_duration;

/// A line for each thing that was asked for, by what it is.
pub(crate) fn asked(request: &Request) -> Vec<(&'static str, String)> {
    let mut lines = Vec::new();
    let mut fact = |what, text: Option<String>| lines.extend(text.map(|text| (what, text)));
    fact("queue", request.queue.clone());
    fact("key", request.concurrency_key.clone());
    fact("priority", request.priority.map(|priority| priority.to_string()));
    fact("retry", request.retry.as_ref().map(retry));
    fact("ttl", request.ttl.map(|span| format_duration(span).to_string()));
    fact("webhook", request.webhook.as_ref().map(ToString::to_string));
    for (name, value) in &request.labels {
        fact("label", Some(format!("{name}={value}")));
    }
    fact("limits", listed(&limits(&request.sandbox)));
    fact("grants", listed(&grants(&request.sandbox)));
    lines
}

fn retry(retry: &Retry) -> String {
    let (delay, longest) = (format_duration(retry.delay), format_duration(retry.max_delay));
    let mut text = format!(
        "{} attempts, {} rests from {delay} to {longest}, jitter {} %",
        retry.attempts, retry.backoff, retry.jitter
    );
    if let Some(on) = &retry.on {
        let kinds: Vec<_> = on.iter().map(ToString::to_string).collect();
        text += &format!(", on {}", kinds.join(","));
    }
    text
}

fn limits(asked: &SandboxRequest) -> Vec<String> {
    let size = |bytes: Option<u64>| bytes.map(units::bytes);
    let count = |count: Option<u64>| count.map(|count| count.to_string());
    // By the names of their options.
    let all = [
        ("timeout", asked.timeout.map(|span| format_duration(span).to_string())),
        ("memory", size(asked.memory)),
        ("fuel", count(asked.fuel)),
        ("table-elements", count(asked.table_elements)),
        ("instances", count(asked.instances)),
        ("max-output", size(asked.output)),
        ("max-log", size(asked.log_bytes)),
        ("max-log-lines", count(asked.log_lines)),
        ("stack", size(asked.stack)),
    ];
    all.into_iter().filter_map(|(name, value)| Some(format!("{name} {}", value?))).collect()
}

/// Without the values of variables, which may be secrets; `--json` has them.
fn grants(asked: &SandboxRequest) -> Vec<String> {
    let grants = &asked.grants;
    let env = grants.env.keys().map(|name| format!("env {name}"));
    let dir = |dir: &au_host::DirGrant| {
        format!("{} {}={}", if dir.write { "dir-rw" } else { "dir" }, dir.host.display(), dir.guest)
    };
    let plain = [("clock", grants.clock), ("random", grants.random)];
    let plain = plain.into_iter().filter(|(_, granted)| *granted).map(|(name, _)| name.to_owned());
    env.chain(grants.dirs.iter().map(dir)).chain(plain).collect()
}

fn listed(parts: &[String]) -> Option<String> {
    (!parts.is_empty()).then(|| parts.join(", "))
}
