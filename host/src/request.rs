//! What a caller asks for, and how it becomes a spec: resolved, checked, and held under the host's limits. No IO of its own.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::id::{Digest, JobId, ModuleRef};
use crate::job::{IdempotencyKey, Options, Spec, labels_bytes};
use crate::payload::Payload;
use crate::retry::Retry;
use crate::sandbox::{Grants, Sandbox, SandboxRequest};
use crate::time::Timestamp;
use crate::webhook::WebhookUrl;

/// Most labels a job has.
pub(crate) const LABELS: usize = 64;
/// Longest name of a label, idempotency key, or principal, in bytes.
pub(crate) const NAME_LIMIT: usize = 255;
/// Longest value of a label, in bytes.
pub(crate) const VALUE_LIMIT: usize = 4096;
/// Bytes of all environment variables of a job, and of all folders that it is granted.
pub(crate) const GRANTS_LIMIT: usize = 64 << 10;
/// Priorities there are. A store looks at each that jobs wait with, whenever it is asked for due ones.
pub(crate) const PRIORITIES: RangeInclusive<i32> = -100..=100;

/// A function call, and how it is to be run and kept. Everything but the call itself has a default.
///
/// ```
/// # use au_host::{Payload, Request};
/// let mut request = Request::new("factorial".parse()?, "factorial", Payload::json(&[100])?);
/// request.labels.insert("batch".into(), "7".into());
/// # Ok::<(), au_host::Error>(())
/// ```
///
/// As JSON it is what schedules keep of it: all but the input, which need be no JSON.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Request {
    /// The code, by alias or digest.
    pub module: ModuleRef,
    /// Which of its functions.
    pub function: String,
    /// What the function is given: JSON is a list of arguments, or an object of them by name.
    #[serde(skip, default = "Payload::nothing")]
    pub input: Payload,
    /// What each attempt may use and touch.
    #[serde(default)]
    pub sandbox: SandboxRequest,
    /// How often to try; `None`: as the policy of the function says, or [`Retry::default`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<Retry>,
    /// Not to be started before this; `None`: at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_at: Option<Timestamp>,
    /// Higher ones are started first; from -100 to 100. `None`: as the policy of the function says, or 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<i32>,
    /// How long it is kept after it finished; `None`: as the host's default says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl: Option<Duration>,
    /// Makes a submit that is sent twice one job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<IdempotencyKey>,
    /// Who asks, as an edge established it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal: Option<String>,
    /// The caller's own notes.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// What to show as the module's name; `None`: the alias it was asked for by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub module_name: Option<String>,
    /// Who is told that the job has finished, by a host that takes everything: at least once, signed, and for a day where nobody answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook: Option<WebhookUrl>,
    /// The queue to wait in, which may say how many of its jobs run at one time; `None`: as the policy of the function says, or the one
    /// that is named `default`.
    pub queue: Option<String>,
    /// Of the jobs of the queue that have the same, only so many run at one time as the queue says for each key.
    pub concurrency_key: Option<String>,
}

impl Request {
    /// A call with everything else left to the host.
    #[must_use]
    pub fn new(module: ModuleRef, function: impl Into<String>, input: Payload) -> Self {
        Self {
            module,
            function: function.into(),
            input,
            sandbox: SandboxRequest::default(),
            retry: None,
            run_at: None,
            priority: None,
            ttl: None,
            key: None,
            principal: None,
            labels: BTreeMap::new(),
            module_name: None,
            webhook: None,
            queue: None,
            concurrency_key: None,
        }
    }

    /// The same call once more: at once, and without the key, which names the first.
    pub(crate) fn again(spec: Spec) -> Self {
        let Options {
            sandbox,
            retry,
            priority,
            ttl,
            principal,
            labels,
            module_name,
            webhook,
            queue,
            concurrency_key,
            ..
        } = spec.options;
        Self {
            sandbox: sandbox.into(),
            retry: Some(retry),
            priority: Some(priority),
            ttl,
            principal,
            labels,
            module_name,
            webhook,
            queue,
            concurrency_key,
            ..Self::new(ModuleRef::Digest(spec.module), spec.function, spec.input)
        }
    }

    /// Whether `spec` is of the same call: the same input for the same function, of the module that is named the same.
    pub(crate) fn is_call_of(&self, module: Digest, spec: &Spec) -> bool {
        let named = match &self.module {
            ModuleRef::Name(name) => spec.options.module_name.as_deref() == Some(name.as_str()),
            ModuleRef::Digest(_) => false,
        };
        (named || module == spec.module) && self.function == spec.function && self.input == spec.input
    }

    /// Bytes that are kept of it, by [`Spec::bytes`].
    pub(crate) fn bytes(&self) -> u64 {
        self.input.len() + labels_bytes(&self.labels)
    }

    /// Whether it may stand for many jobs: it must not name one.
    pub(crate) fn may_be_many(&self) -> Result<()> {
        match self.key {
            Some(_) => Err(Error::invalid("idempotency key", "it names one job, and a map is many")),
            None => Ok(()),
        }
    }

    /// Whether its texts and counts are within bounds.
    pub(crate) fn bounded(&self, input_limit: u64) -> Result<()> {
        if self.input.len() > input_limit {
            let why = format!("{} bytes is over this host's limit of {input_limit}", self.input.len());
            return Err(Error::invalid("input", why));
        }
        self.retry.iter().try_for_each(Retry::bounded)?;
        self.priority.map_or(Ok(()), priority)?;
        if self.labels.len() > LABELS {
            return Err(Error::invalid("labels", format!("{} are more than {LABELS}", self.labels.len())));
        }
        for (name, value) in &self.labels {
            text("label", name)?;
            if value.len() > VALUE_LIMIT {
                return Err(Error::invalid("label", format!("its value is longer than {VALUE_LIMIT} bytes")));
            }
        }
        grants(&self.sandbox.grants)?;
        self.key.iter().try_for_each(|key| text("idempotency key", &key.name))?;
        self.principal.iter().try_for_each(|name| text("principal", name))?;
        self.queue.iter().try_for_each(|name| text("queue", name))?;
        self.concurrency_key.iter().try_for_each(|key| text("concurrency key", key))?;
        self.module_name.iter().try_for_each(|name| text("module name", name))
    }

    /// The spec of a job, now that everything about it is known.
    pub(crate) fn spec(self, module: Digest, sandbox: Sandbox, default_ttl: Option<Duration>, now: Timestamp) -> Spec {
        let alias = || match &self.module {
            ModuleRef::Name(name) => Some(name.to_string()),
            ModuleRef::Digest(_) => None,
        };
        let module_name = self.module_name.clone().or_else(alias);
        let options = Options {
            sandbox,
            retry: self.retry.unwrap_or_default(),
            run_at: self.run_at.unwrap_or(now),
            priority: self.priority.unwrap_or_default(),
            ttl: self.ttl.or(default_ttl),
            key: self.key,
            principal: self.principal,
            labels: self.labels,
            module_name,
            trace: None,
            trace_state: None,
            webhook: self.webhook,
            queue: self.queue,
            concurrency_key: self.concurrency_key,
        };
        Spec { id: JobId::new(now), created: now, module, function: self.function, input: self.input, options }
    }
}

/// Whether a text can be a name.
pub(crate) fn text(what: &'static str, text: &str) -> Result<()> {
    match text.len() {
        0 => Err(Error::invalid(what, "it is empty")),
        len if len > NAME_LIMIT => Err(Error::invalid(what, format!("it is longer than {NAME_LIMIT} bytes"))),
        _ => Ok(()),
    }
}

/// Whether the texts of these are within bounds: they are kept with the job.
fn grants(grants: &Grants) -> Result<()> {
    let env = grants.env.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>();
    let dirs = grants.dirs.iter().map(|dir| dir.host.as_os_str().len() + dir.guest.len()).sum::<usize>();
    for (what, bytes) in [("env", env), ("dirs", dirs)] {
        if bytes > GRANTS_LIMIT {
            return Err(Error::invalid(what, format!("{bytes} bytes are more than {GRANTS_LIMIT}")));
        }
    }
    Ok(())
}

/// Whether there is such a priority.
pub(crate) fn priority(priority: i32) -> Result<()> {
    if PRIORITIES.contains(&priority) {
        return Ok(());
    }
    let (least, most) = (PRIORITIES.start(), PRIORITIES.end());
    Err(Error::invalid("priority", format!("{priority} is not between {least} and {most}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> Request {
        Request::new("math".parse().unwrap(), "add", Payload::json(&[1, 2]).unwrap())
    }

    #[test]
    fn what_is_out_of_bounds_is_named() {
        let mut long_label = request();
        long_label.labels.insert("l".repeat(NAME_LIMIT + 1), String::new());
        let mut no_attempt = request();
        no_attempt.retry = Some(Retry { attempts: 0, ..Retry::default() });
        let mut high = request();
        high.priority = Some(101);
        let mut large = request();
        large.sandbox.grants.env.insert("a".into(), "b".repeat(GRANTS_LIMIT));
        let requests = [(long_label, "label"), (no_attempt, "attempts"), (high, "priority"), (large, "env")];
        for (request, word) in requests {
            assert!(request.bounded(100).unwrap_err().to_string().contains(word));
        }
        assert!(request().bounded(4).unwrap_err().to_string().contains("input"));
        request().bounded(100).unwrap();
    }

    #[test]
    fn a_spec_keeps_the_alias_it_was_asked_for_by() {
        let now = Timestamp::from_micros(7);
        let sandbox = Sandbox { limits: crate::Limits::default(), grants: crate::Grants::default() };
        let spec = request().spec(Digest::of(b""), sandbox, Some(Duration::from_secs(1)), now);
        assert_eq!(spec.options.module_name.as_deref(), Some("math"));
        assert_eq!((spec.created, spec.options.run_at), (now, now));
        assert_eq!(spec.options.ttl, Some(Duration::from_secs(1)));
    }
}
