//! `au-host.toml`: what the operator of a data folder decides, for every command that works on it.
//!
//! Options of a command win over it, and it over what is built in. A key that is not known is an error: a limit with a typo
//! in its name would be no limit.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use au_host::backend::Backends;
use au_host::store::Durability;
use au_host::{Error, GrantCeiling, Limits, SandboxPolicy};
use serde::de::{Deserialize, Deserializer, Error as _, Visitor};

use super::backend_section::{self, BackendSection};
use super::http_section::{AuthSection, HttpSection, RateSection};
use super::logging::Format;
use super::otel::OtelSection;
use super::quota_section::QuotaSection;
use super::trouble::{Result, Trouble};
use super::webhook_section::WebhookSection;
use au_host::units::{self, Size};

/// Its name, in a data folder.
pub(crate) const NAME: &str = "au-host.toml";

/// What can be said in it.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    /// What an acknowledged job survives: `fsync`, a power cut; `os`, the death of processes only.
    durability: Commits,
    /// Slower sandboxes, with less that could go wrong.
    pub(crate) hardened: bool,
    /// Jobs at once of a worker.
    pub(crate) slots: Option<Slots>,
    /// How long a finished job is kept that does not say.
    ttl: Option<Text<Span>>,
    /// What a job gets that does not ask.
    limits: Bounds,
    /// The most a job may ask for.
    ceiling: Bounds,
    /// Which grants a job may ask for.
    grants: Granted,
    /// As `--log`.
    pub(crate) log: Option<String>,
    /// As `--log-format`.
    pub(crate) log_format: Option<Format>,
    /// Where traces are sent.
    pub(crate) otel: OtelSection,
    /// The host elsewhere that commands ask in place of this folder.
    pub(crate) host: Option<String>,
    /// The store that jobs and modules are kept in, in place of this folder.
    pub(crate) store: Option<String>,
    /// What runs functions, unless one of `backends` is for them.
    pub(crate) backend: Option<String>,
    /// What runs certain functions, or jobs with certain labels.
    pub(crate) backends: BTreeMap<String, BackendSection>,
    /// Of `serve`.
    pub(crate) http: HttpSection,
    /// Whom `serve` lets in.
    pub(crate) auth: AuthSection,
    /// How often `serve` lets them ask.
    pub(crate) rate_limit: RateSection,
    /// How much each tenant may have.
    pub(crate) quota: QuotaSection,
    /// Where webhooks may go.
    pub(crate) webhook: WebhookSection,
}

/// Between 1 and 4096.
#[derive(Clone, Copy, Debug, serde::Deserialize)]
#[serde(try_from = "u16")]
pub(crate) struct Slots(pub(crate) u16);

#[derive(Clone, Copy, Debug, Default, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
enum Commits {
    #[default]
    Fsync,
    Os,
}

#[derive(Clone, Copy, Debug, Default, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Granted {
    #[default]
    Anything,
    Harmless,
    Nothing,
}

impl Granted {
    fn ceiling(self) -> GrantCeiling {
        match self {
            Self::Anything => GrantCeiling::Anything,
            Self::Harmless => GrantCeiling::Harmless,
            Self::Nothing => GrantCeiling::Nothing,
        }
    }
}

#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Bounds {
    timeout: Option<Text<Span>>,
    memory: Option<Text<Size>>,
    fuel: Option<u64>,
    output: Option<Text<Size>>,
    log: Option<Text<Size>>,
    log_lines: Option<u64>,
    stack: Option<Text<Size>>,
    table_elements: Option<u64>,
    instances: Option<u64>,
}

impl Config {
    /// The one that was named, which must be there; else that of the data folder, if it has one.
    pub(crate) fn find(named: Option<&Path>, folder: &Path) -> Result<Self> {
        let path = named.map_or_else(|| folder.join(NAME), Path::to_owned);
        match std::fs::read_to_string(&path) {
            Ok(text) => Self::read(&text)
                .map_err(|why| Error::invalid("configuration", format!("{}: {why}", path.display())).into()),
            Err(error) if named.is_none() && error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) if named.is_none() => Err(Error::fault("data folder", error).into()),
            Err(error) => Err(Trouble::file(&path, &error)),
        }
    }

    fn read(text: &str) -> Result<Self, String> {
        let config: Self = toml::from_str(text).map_err(|error| {
            let line = error.span().map_or(1, |span| text[..span.start].matches('\n').count() + 1);
            format!("line {line}: {}", error.message())
        })?;
        config.sound()?;
        config.rate_limit.sound()?;
        config.quota.sound()?;
        config.backends(None, None).map_err(|error| error.to_string())?;
        Ok(config)
    }

    /// A default over its ceiling would be one that nobody gets.
    fn sound(&self) -> Result<(), String> {
        let SandboxPolicy { default, ceiling, .. } = self.policy();
        let millis = |span: Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        let pairs = [
            ("timeout", millis(default.timeout), millis(ceiling.timeout)),
            ("memory", default.memory, ceiling.memory),
            ("output", default.output, ceiling.output),
            ("log", default.log_bytes, ceiling.log_bytes),
            ("log_lines", default.log_lines, ceiling.log_lines),
            ("stack", default.stack, ceiling.stack),
            ("table_elements", default.table_elements, ceiling.table_elements),
            ("instances", default.instances, ceiling.instances),
            ("fuel", default.fuel.unwrap_or(1), ceiling.fuel.unwrap_or(u64::MAX)),
        ];
        let names = |wrong: &dyn Fn(u64, u64) -> bool| {
            pairs.iter().find(|(_, limit, ceiling)| wrong(*limit, *ceiling)).map(|pair| pair.0)
        };
        if let Some(name) = names(&|limit, ceiling| limit == 0 || ceiling == 0) {
            return Err(format!("{name} of 0 leaves nothing to run with"));
        }
        match names(&|limit, ceiling| limit > ceiling) {
            Some(name) => Err(format!("the limit of {name} is over its ceiling")),
            None => Ok(()),
        }
    }

    /// What a job may ask for. The caller owns the machine, unless it says otherwise.
    pub(crate) fn policy(&self) -> SandboxPolicy {
        // As humantime has it, so that it is told as `1year`.
        const YEAR: Duration = Duration::from_secs(31_557_600);
        const HOUR: Duration = Duration::from_secs(60 * 60);
        let ceiling = Limits { timeout: YEAR, memory: 4 << 30, output: 1 << 30, ..Limits::ceiling() };
        let ceiling = self.ceiling.over(ceiling);
        let default = Limits { timeout: HOUR, ..Limits::default() };
        SandboxPolicy {
            // What is lowered by a ceiling is lowered; what is set over one is a mistake.
            default: self.limits.over(lower(default, &ceiling)),
            ceiling,
            grants: self.grants.ceiling(),
        }
    }

    /// What a caller over HTTP may ask for: the same limits, and no grants but harmless ones, unless `[http]` says otherwise.
    pub(crate) fn http_policy(&self) -> SandboxPolicy {
        let built_in = if let Granted::Nothing = self.grants { Granted::Nothing } else { Granted::Harmless };
        SandboxPolicy { grants: self.http.grants.unwrap_or(built_in).ceiling(), ..self.policy() }
    }

    pub(crate) fn durability(&self) -> Durability {
        match self.durability {
            Commits::Fsync => Durability::Fsync,
            Commits::Os => Durability::Os,
        }
    }

    /// Where attempts run, unless this URL says otherwise.
    pub(crate) fn backends(&self, url: Option<&str>, token: Option<&str>) -> Result<Backends, Error> {
        backend_section::backends(url.or(self.backend.as_deref()), token, &self.backends)
    }

    pub(crate) fn ttl(&self) -> Option<Duration> {
        self.ttl.as_ref().map(|ttl| ttl.0.0)
    }
}

fn lower(limits: Limits, ceiling: &Limits) -> Limits {
    Limits {
        timeout: limits.timeout.min(ceiling.timeout),
        memory: limits.memory.min(ceiling.memory),
        fuel: limits.fuel,
        table_elements: limits.table_elements.min(ceiling.table_elements),
        instances: limits.instances.min(ceiling.instances),
        output: limits.output.min(ceiling.output),
        log_bytes: limits.log_bytes.min(ceiling.log_bytes),
        log_lines: limits.log_lines.min(ceiling.log_lines),
        stack: limits.stack.min(ceiling.stack),
    }
}

impl Bounds {
    /// These limits, with what is said here in their place.
    fn over(&self, limits: Limits) -> Limits {
        let size = |said: &Option<Text<Size>>, other| said.as_ref().map_or(other, |size| size.0.0);
        Limits {
            timeout: self.timeout.as_ref().map_or(limits.timeout, |span| span.0.0),
            memory: size(&self.memory, limits.memory),
            fuel: self.fuel.or(limits.fuel),
            table_elements: self.table_elements.unwrap_or(limits.table_elements),
            instances: self.instances.unwrap_or(limits.instances),
            output: size(&self.output, limits.output),
            log_bytes: size(&self.log, limits.log_bytes),
            log_lines: self.log_lines.unwrap_or(limits.log_lines),
            stack: size(&self.stack, limits.stack),
        }
    }
}

impl TryFrom<u16> for Slots {
    type Error = &'static str;

    fn try_from(count: u16) -> Result<Self, Self::Error> {
        if (1..=4096).contains(&count) { Ok(Self(count)) } else { Err("slots are between 1 and 4096") }
    }
}

/// A time as people write it: `30s`, `2h`, `7d`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span(pub(super) Duration);

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        units::time(text).map(Self)
    }
}

/// A value that is written as a text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Text<T>(pub(super) T);

impl<'de, T: FromStr<Err = String>> Deserialize<'de> for Text<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Reader<T>(std::marker::PhantomData<T>);
        impl<T: FromStr<Err = String>> Visitor<'_> for Reader<T> {
            type Value = T;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text with a unit, such as \"30s\" or \"64MiB\"")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<T, E> {
                text.parse().map_err(E::custom)
            }
        }
        from.deserialize_str(Reader(std::marker::PhantomData)).map(Self).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_said_is_what_is_built_in() {
        let policy = Config::read("").unwrap().policy();
        assert_eq!(policy.default.timeout, Duration::from_secs(3600));
        assert_eq!(policy.grants, GrantCeiling::Anything);
    }

    #[test]
    fn a_caller_over_http_is_granted_no_folder_unless_that_is_said() {
        let grants = |text: &str| Config::read(text).unwrap().http_policy().grants;
        assert_eq!(grants(""), GrantCeiling::Harmless);
        assert_eq!(grants("grants = 'anything'"), GrantCeiling::Harmless);
        assert_eq!(grants("grants = 'nothing'"), GrantCeiling::Nothing);
        assert_eq!(grants("[http]\ngrants = 'anything'"), GrantCeiling::Anything);
    }

    #[test]
    fn limits_and_ceilings_are_read_as_people_write_them() {
        let text = "durability = 'os'\nslots = 3\nttl = '7d'\ngrants = 'nothing'\n[limits]\nmemory = '64MiB'\n[ceiling]\ntimeout = '10m'";
        let config = Config::read(text).unwrap();
        let policy = config.policy();
        assert_eq!(policy.default.memory, 64 << 20);
        assert_eq!(
            (policy.default.timeout, policy.ceiling.timeout),
            (Duration::from_secs(600), Duration::from_secs(600))
        );
        assert_eq!((config.durability(), config.ttl()), (Durability::Os, Some(Duration::from_secs(7 * 86400))));
        assert_eq!(policy.grants, GrantCeiling::Nothing);
    }

    #[test]
    fn what_cannot_be_meant_is_refused_with_its_name() {
        let wrong = [
            ("memroy = 1", "memroy"),
            ("[limits]\nmemory = '1 x'", "1 x"),
            ("[limits]\nmemory = 7", "64MiB"),
            ("slots = 0", "slots"),
            ("[limits]\ntimeout = '2h'\n[ceiling]\ntimeout = '1h'", "timeout"),
            ("[ceiling]\nstack = '0'", "stack"),
            ("durability = 'maybe'", "maybe"),
            ("log_format = 'xml'", "xml"),
            ("[auth]\nrequire = true", "require"),
            ("[rate_limit]\ntoken_burst = 9", "token_per_second"),
            ("[rate_limit]\ntoken_per_second = 0", "zero"),
            ("[quota]\nrunning = 0", "zero"),
            ("[quota]\nstored = \"0\"", "stored"),
            ("[quota.tenant.acme]\nrunnig = 1", "runnig"),
            ("[webhook]\nallow = ['10.0.0.0/40']", "10.0.0.0/40"),
            ("[webhook]\nallow = ['localhost']", "localhost"),
            ("backend = 'docker:'", "docker"),
            ("[backends.gpu]\nurl = 'http:'", "http:"),
            ("[backends.gpu]\nurl = 'process:'\nweight = 0", "zero"),
            ("[backends.gpu]\nlabels = { needs = 'gpu' }", "url"),
        ];
        for (text, word) in wrong {
            let why = Config::read(text).unwrap_err();
            assert!(why.contains(word), "{text}: {why}");
        }
    }
}
