//! What one attempt may use and touch: limits and grants, and how a request is held under the host's ceiling.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const TIMEOUT: &str = "timeout";

/// How much one attempt may use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Wall-clock time of one attempt, waiting for its turn on a core included.
    #[serde(with = "millis")]
    pub timeout: Duration,
    /// Bytes of linear memory, summed over all memories of the attempt.
    pub memory: u64,
    /// Units of fuel (about one a WebAssembly instruction); `None`: not metered, which is faster.
    pub fuel: Option<u64>,
    /// Elements of each table.
    pub table_elements: u64,
    /// Core instances the module may be made of.
    pub instances: u64,
    /// Bytes of the output.
    pub output: u64,
    /// Bytes of the log. What comes after is dropped and counted.
    pub log_bytes: u64,
    /// Lines of the log. What comes after is dropped and counted.
    pub log_lines: u64,
    /// Bytes of stack.
    pub stack: u64,
}

impl Default for Limits {
    /// What an attempt gets that asks for nothing.
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(60),
            memory: 128 * MIB,
            fuel: None,
            table_elements: 20_000,
            instances: 64,
            output: 16 * MIB,
            log_bytes: MIB,
            log_lines: 10_000,
            stack: 512 * KIB,
        }
    }
}

impl Limits {
    /// The ceiling of a host that was not told another: what a request may ask for at most.
    #[must_use]
    pub fn ceiling() -> Self {
        Self {
            timeout: Duration::from_secs(24 * 60 * 60),
            memory: 1024 * MIB,
            fuel: None,
            table_elements: 1_000_000,
            instances: 64,
            output: 256 * MIB,
            log_bytes: 64 * MIB,
            log_lines: 1_000_000,
            stack: 4 * MIB,
        }
    }
}

/// What an attempt may touch. Nothing, unless it is named here.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Grants {
    /// Environment variables it sees.
    pub env: BTreeMap<String, String>,
    /// Folders it may open.
    pub dirs: Vec<DirGrant>,
    /// Whether it may read the time. Otherwise every clock stands still at zero.
    pub clock: bool,
    /// Whether it gets random bytes. Otherwise each run draws the same ones.
    pub random: bool,
}

impl Grants {
    /// Whether nothing is granted: the attempt is a pure function of its input.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A folder of the host that an attempt may open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DirGrant {
    /// Where it is on the host.
    pub host: PathBuf,
    /// What the guest calls it.
    pub guest: String,
    /// Whether the guest may change what is in it.
    #[serde(default)]
    pub write: bool,
}

/// The limits and grants of one attempt, already held under the ceiling.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sandbox {
    /// How much it may use.
    pub limits: Limits,
    /// What it may touch.
    pub grants: Grants,
}

/// What a request asks for; what it leaves open is the host's default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SandboxRequest {
    /// See [`Limits::timeout`].
    #[serde(with = "optional_millis")]
    pub timeout: Option<Duration>,
    /// See [`Limits::memory`].
    pub memory: Option<u64>,
    /// See [`Limits::fuel`].
    pub fuel: Option<u64>,
    /// See [`Limits::table_elements`].
    pub table_elements: Option<u64>,
    /// See [`Limits::instances`].
    pub instances: Option<u64>,
    /// See [`Limits::output`].
    pub output: Option<u64>,
    /// See [`Limits::log_bytes`].
    pub log_bytes: Option<u64>,
    /// See [`Limits::log_lines`].
    pub log_lines: Option<u64>,
    /// See [`Limits::stack`].
    pub stack: Option<u64>,
    /// What it wants to touch.
    pub grants: Grants,
}

impl From<Sandbox> for SandboxRequest {
    /// Asks for exactly this sandbox.
    fn from(Sandbox { limits, grants }: Sandbox) -> Self {
        Self {
            timeout: Some(limits.timeout),
            memory: Some(limits.memory),
            fuel: limits.fuel,
            table_elements: Some(limits.table_elements),
            instances: Some(limits.instances),
            output: Some(limits.output),
            log_bytes: Some(limits.log_bytes),
            log_lines: Some(limits.log_lines),
            stack: Some(limits.stack),
            grants,
        }
    }
}

/// What a host gives by default, and what it gives at most.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SandboxPolicy {
    /// The limits of a request that asks for none.
    pub default: Limits,
    /// The most a request may ask for.
    pub ceiling: Limits,
    /// The grants a request may ask for.
    pub grants: GrantCeiling,
}

impl Default for SandboxPolicy {
    fn default() -> Self {
        Self { default: Limits::default(), ceiling: Limits::ceiling(), grants: GrantCeiling::Nothing }
    }
}

/// The grants a host hands out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GrantCeiling {
    /// None: right for a host that runs other people's code.
    Nothing,
    /// Clock and randomness.
    Harmless,
    /// Whatever the request names: right where the caller is the owner of the machine, as on the command line.
    Anything,
}

impl SandboxPolicy {
    /// The sandbox of a request: its wishes where it has any, else the defaults.
    ///
    /// # Errors
    /// `Refused`, naming the limit or grant, its value and the ceiling, when it asks for more than there is. Never trims
    /// silently. `Invalid` when a limit is nothing at all.
    pub fn resolve(&self, request: &SandboxRequest) -> Result<Sandbox> {
        self.admit_grants(&request.grants)?;
        let (default, ceiling) = (&self.default, &self.ceiling);
        let asked_millis = request.timeout.map(|span| u64::try_from(span.as_millis()).unwrap_or(u64::MAX));
        let timeout = bound(TIMEOUT, asked_millis, to_millis(default.timeout), to_millis(ceiling.timeout))?;
        let limits = Limits {
            timeout: Duration::from_millis(timeout),
            memory: bound("memory", request.memory, default.memory, ceiling.memory)?,
            fuel: match (request.fuel.or(default.fuel), ceiling.fuel) {
                (Some(fuel), ceiling) => Some(bound("fuel", Some(fuel), fuel, ceiling.unwrap_or(u64::MAX))?),
                (None, ceiling) => ceiling,
            },
            table_elements: bound(
                "table_elements",
                request.table_elements,
                default.table_elements,
                ceiling.table_elements,
            )?,
            instances: bound("instances", request.instances, default.instances, ceiling.instances)?,
            output: bound("output", request.output, default.output, ceiling.output)?,
            log_bytes: bound("log_bytes", request.log_bytes, default.log_bytes, ceiling.log_bytes)?,
            log_lines: bound("log_lines", request.log_lines, default.log_lines, ceiling.log_lines)?,
            stack: bound("stack", request.stack, default.stack, ceiling.stack)?,
        };
        Ok(Sandbox { limits, grants: request.grants.clone() })
    }

    fn admit_grants(&self, grants: &Grants) -> Result<()> {
        let over = match self.grants {
            GrantCeiling::Anything => None,
            GrantCeiling::Harmless if grants.env.is_empty() && grants.dirs.is_empty() => None,
            GrantCeiling::Nothing if grants.is_empty() => None,
            GrantCeiling::Harmless => Some("env and dirs"),
            GrantCeiling::Nothing => Some("env, dirs, clock and random"),
        };
        match over {
            Some(what) => {
                Err(Error::refused(format!("this host grants no {what}; ask its operator, or leave them out")))
            }
            None => Ok(()),
        }
    }
}

fn bound(name: &str, asked: Option<u64>, default: u64, ceiling: u64) -> Result<u64> {
    match asked {
        Some(0) => Err(Error::invalid("limit", format!("{name} of 0 leaves nothing to run with"))),
        Some(value) if value > ceiling => {
            let (value, ceiling) = (shown(name, value), shown(name, ceiling));
            Err(Error::refused(format!("{name} of {value} is over this host's ceiling of {ceiling}")))
        }
        Some(value) => Ok(value),
        None => Ok(default.min(ceiling)),
    }
}

/// A limit's value as people read it.
fn shown(name: &str, value: u64) -> String {
    match (name, value) {
        (TIMEOUT, millis) => humantime::format_duration(Duration::from_millis(millis)).to_string(),
        ("memory" | "output" | "log_bytes" | "stack", bytes) if bytes >= MIB => format!("{} MiB", bytes / MIB),
        (_, plain) => plain.to_string(),
    }
}

fn to_millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

impl fmt::Display for Sandbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let limits = &self.limits;
        let fuel = limits.fuel.map(|fuel| format!(", fuel {fuel}")).unwrap_or_default();
        let timeout = humantime::format_duration(limits.timeout);
        write!(f, "timeout {timeout}, memory {} MiB{fuel}", limits.memory / MIB)?;
        f.write_str(if self.grants.is_empty() { ", no grants" } else { ", with grants" })
    }
}

mod millis {
    use super::{Duration, to_millis};
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(span: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(to_millis(*span))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_millis)
    }
}

mod optional_millis {
    use super::{Duration, to_millis};
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(span: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
        match span {
            Some(span) => serializer.serialize_some(&to_millis(*span)),
            None => serializer.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
        Ok(Option::<u64>::deserialize(deserializer)?.map(Duration::from_millis))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_over_the_ceiling_is_refused_with_the_limit_named() {
        let request = SandboxRequest { memory: Some(u64::MAX), ..SandboxRequest::default() };
        let error = SandboxPolicy::default().resolve(&request).unwrap_err();
        assert_eq!(error.class().code, "refused");
        assert!(error.to_string().contains("memory"), "{error}");
    }

    #[test]
    fn a_request_that_asks_for_nothing_gets_the_defaults_and_no_grants() {
        let sandbox = SandboxPolicy::default().resolve(&SandboxRequest::default()).unwrap();
        assert_eq!(sandbox.limits, Limits::default());
        assert!(sandbox.grants.is_empty());
    }

    #[test]
    fn a_grant_above_the_ceiling_is_an_error_and_not_a_trim() {
        let grants = Grants { clock: true, ..Grants::default() };
        let request = SandboxRequest { grants, ..SandboxRequest::default() };
        assert!(SandboxPolicy::default().resolve(&request).is_err());
        let open = SandboxPolicy { grants: GrantCeiling::Harmless, ..SandboxPolicy::default() };
        assert!(open.resolve(&request).unwrap().grants.clock);
    }

    #[test]
    fn a_metered_ceiling_meters_every_request() {
        let mut policy = SandboxPolicy::default();
        policy.ceiling.fuel = Some(10);
        assert_eq!(policy.resolve(&SandboxRequest::default()).unwrap().limits.fuel, Some(10));
        assert!(policy.resolve(&SandboxRequest { fuel: Some(11), ..SandboxRequest::default() }).is_err());
    }
}
