//! What a server must be for the store to keep its promises on it. Looked at on every connection, for after a failover it may be another.

use std::collections::HashMap;

use redis::aio::MultiplexedConnection;
use redis::{Cmd, FromRedisValue, RedisError};

use super::fault::{self, Meaning};
use super::url::Target;
use crate::error::{Error, Result};
use crate::store::Durability;

/// The oldest that has all that the scripts use.
const VERSION: u32 = 7;

/// How a server keeps what it has acknowledged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Persistence {
    /// Whether it writes an append-only file at all.
    pub appendonly: bool,
    /// When that file is synced: `always`, `everysec` or `no`; `None`: the server does not tell.
    pub appendfsync: Option<String>,
    /// Whether it syncs while it rewrites that file, too.
    pub always_on_rewrite: bool,
}

impl Persistence {
    /// What an acknowledged write survives, in words for people.
    #[must_use]
    pub fn promise(&self) -> &'static str {
        match (self.appendonly, self.appendfsync.as_deref()) {
            (false, _) => "an acknowledged write may be lost when Redis ends: it writes no append-only file",
            (true, Some("always")) if !self.always_on_rewrite => {
                "an acknowledged write survives a power cut, unless Redis rewrites its file just then (no-appendfsync-on-rewrite)"
            }
            (true, Some("always")) => "an acknowledged write survives a power cut",
            (true, Some("everysec")) => {
                "an acknowledged write survives the end of Redis; a power cut may take the last second"
            }
            (true, Some(_)) => {
                "an acknowledged write survives the end of Redis; a power cut may take the last half minute"
            }
            (true, None) => {
                "whether an acknowledged write survives a power cut cannot be told: CONFIG GET is not allowed"
            }
        }
    }
}

/// Why a server will not do, now or at all.
#[derive(Debug)]
pub(super) enum Refusal {
    /// It may do soon.
    Away(String),
    /// To try again does not help.
    Unfit(Error),
}

impl Refusal {
    pub(super) fn of(error: &RedisError, target: &Target) -> Self {
        match fault::meaning(error) {
            Meaning::Final | Meaning::NoScript => Self::Unfit(fault::error(error, &target.shown)),
            Meaning::Lost | Meaning::Later | Meaning::Elsewhere => Self::Away(fault::said(error)),
        }
    }
}

/// Refuses a server that would lose what the store acknowledges, or could not keep it at all.
pub(super) async fn check(
    connection: &mut MultiplexedConnection,
    durability: Durability,
    target: &Target,
) -> Result<(), Refusal> {
    let shown = &target.shown;
    let unfit = |why: String| Err(Refusal::Unfit(Error::refused(format!("Redis at {shown} {why}"))));
    let Some(info) = info(connection, target).await? else {
        tracing::warn!(server = %shown, "INFO is not allowed, so it cannot be checked that Redis evicts nothing and syncs every write");
        return Ok(());
    };
    let is = |name: &str, value: &str| info.get(name).is_some_and(|found| found == value);
    let version = info.get("redis_version").cloned().unwrap_or_default();
    if version.split('.').next().and_then(|major| major.parse::<u32>().ok()).is_none_or(|major| major < VERSION) {
        return unfit(format!("is of version {version:?}, and the store needs {VERSION} or newer"));
    }
    if is("loading", "1") {
        return Err(Refusal::Away("it is still reading its data".into()));
    }
    if is("role", "slave") {
        return unfit("is a replica: let the store's URL name the primary".into());
    }
    // It may evict only where there is a maxmemory, but that can be set at any time, and then it is too late to say so.
    if let Some(policy) = info.get("maxmemory_policy").filter(|policy| *policy != "noeviction") {
        return unfit(format!(
            "may evict jobs (maxmemory-policy {policy}): `CONFIG SET maxmemory-policy noeviction`, and the same in redis.conf"
        ));
    }
    if is("cluster_enabled", "1") && !has_all_slots(connection, target).await? {
        return unfit(
            "is one of several nodes of a cluster, which the store cannot use: name a server that stands alone".into(),
        );
    }
    if durability == Durability::Os {
        return Ok(());
    }
    let persistence = persistence_of(connection, &info, target).await?;
    let instead = "or choose durability = os for less";
    match persistence.appendfsync.as_deref() {
        _ if !persistence.appendonly => unfit(format!(
            "writes no append-only file, so its end loses jobs: `CONFIG SET appendonly yes` and \
             `CONFIG SET appendfsync always`, and the same in redis.conf, {instead}"
        )),
        Some("always") if persistence.always_on_rewrite => Ok(()),
        Some("always") => unfit(format!(
            "does not sync while it rewrites its append-only file: `CONFIG SET no-appendfsync-on-rewrite no`, and the same in \
             redis.conf, {instead}"
        )),
        None => {
            tracing::warn!(server = %shown, "CONFIG GET is not allowed, so it cannot be checked that Redis syncs every write; {}", persistence.promise());
            Ok(())
        }
        Some(other) => unfit(format!(
            "has appendfsync {other}, so a power cut may lose jobs it has acknowledged: `CONFIG SET appendfsync always`, \
             and the same in redis.conf, {instead}"
        )),
    }
}

pub(super) async fn persistence(
    connection: &mut MultiplexedConnection,
    target: &Target,
) -> Result<Persistence, Refusal> {
    let info = info(connection, target).await?.unwrap_or_default();
    persistence_of(connection, &info, target).await
}

async fn persistence_of(
    connection: &mut MultiplexedConnection,
    info: &HashMap<String, String>,
    target: &Target,
) -> Result<Persistence, Refusal> {
    let config =
        allowed::<HashMap<String, String>>(connection, redis::cmd("CONFIG").arg("GET").arg("*append*"), target).await?;
    let appendonly = match &config {
        Some(config) => config.get("appendonly").map(String::as_str) == Some("yes"),
        None => info.get("aof_enabled").map(String::as_str) != Some("0"),
    };
    let mut config = config.unwrap_or_default();
    let always_on_rewrite = config.get("no-appendfsync-on-rewrite").map(String::as_str) != Some("yes");
    Ok(Persistence { appendonly, appendfsync: config.remove("appendfsync"), always_on_rewrite })
}

async fn info(
    connection: &mut MultiplexedConnection,
    target: &Target,
) -> Result<Option<HashMap<String, String>>, Refusal> {
    let text = allowed::<String>(connection, &redis::cmd("INFO"), target).await?;
    let fields = |text: &str| {
        let pairs = text.lines().filter_map(|line| line.trim_end().split_once(':'));
        pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    };
    Ok(text.as_deref().map(fields))
}

/// The answer; `None`: the user may not ask, or the command does not exist, as with some providers.
async fn allowed<T: FromRedisValue>(
    connection: &mut MultiplexedConnection,
    command: &Cmd,
    target: &Target,
) -> Result<Option<T>, Refusal> {
    match command.query_async(connection).await {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if error.code() == Some("NOPERM") || fault::said(&error).contains("unknown command") => Ok(None),
        Err(error) => Err(Refusal::of(&error, target)),
    }
}

async fn has_all_slots(connection: &mut MultiplexedConnection, target: &Target) -> Result<bool, Refusal> {
    let nodes = allowed::<String>(connection, redis::cmd("CLUSTER").arg("NODES"), target).await?;
    let nodes = nodes.unwrap_or_default();
    let myself =
        nodes.lines().find(|line| line.split_whitespace().nth(2).is_some_and(|flags| flags.contains("myself")));
    Ok(myself.is_some_and(|line| line.split_whitespace().any(|word| word == "0-16383")))
}
