//! Opens a store by its URL.

use std::sync::Arc;

use super::Store;
use crate::error::{Error, Result};

/// What an acknowledged write survives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// A power cut: every commit waits for the disk.
    #[default]
    Fsync,
    /// The death of the process, not a power cut: commits wait for the operating system only.
    Os,
}

const KINDS: &str = "they are `memory:`, `file:DIR`, `postgres://…` and `redis://…`";

/// Opens the store that `url` names: `memory:`, `file:DIR`, `postgres://user:password@host/database`, or `redis://HOST` and its kin.
///
/// # Errors
/// `Invalid` for a URL of no known kind, `Missing` for one that is not built in, else what the store says.
pub async fn open(url: &str, durability: Durability) -> Result<Arc<dyn Store>> {
    // Where stores that last are not built in.
    let _unused = durability;
    let Some((scheme, rest)) = url.split_once(':') else {
        let why = format!("{:?} is no URL: {KINDS}", crate::id::shorten(url));
        return Err(Error::invalid("store URL", why));
    };
    match scheme {
        "file" if rest.is_empty() => Err(Error::invalid("store URL", "file: names no folder")),
        "memory" if rest.is_empty() => Ok(Arc::new(super::memory::MemoryStore::new())),
        #[cfg(feature = "file")]
        "file" => Ok(Arc::new(super::file::FileStore::open(std::path::Path::new(rest), durability)?)),
        #[cfg(not(feature = "file"))]
        "file" => Err(Error::Missing { part: "store file:".into(), feature: "file" }),
        #[cfg(feature = "redis")]
        "redis" | "rediss" | "redis+unix" => Ok(Arc::new(super::redis::RedisStore::open(url, durability).await?)),
        #[cfg(not(feature = "redis"))]
        "redis" | "rediss" | "redis+unix" => Err(Error::Missing { part: "store redis:".into(), feature: "redis" }),
        #[cfg(feature = "postgres")]
        "postgres" | "postgresql" => Ok(Arc::new(super::postgres::PostgresStore::open(url, durability).await?)),
        #[cfg(not(feature = "postgres"))]
        "postgres" | "postgresql" => Err(Error::Missing { part: "store postgres:".into(), feature: "postgres" }),
        // Not the rest: it may hold a password.
        _ => {
            let why = format!("{scheme:?} is none of the kinds there are: {KINDS}");
            Err(Error::invalid("store URL", why))
        }
    }
}

/// What an acknowledged write survives in the store of this URL, in words for people.
///
/// # Errors
/// As for [`open`].
pub async fn promise(url: &str, durability: Durability) -> Result<String> {
    let (scheme, _) = url.split_once(':').unwrap_or(("", url));
    #[cfg(feature = "redis")]
    if scheme.starts_with("redis") {
        return Ok(super::redis::persistence(url).await?.promise().to_owned());
    }
    Ok(match (scheme, durability) {
        ("memory", _) => "an acknowledged write survives nothing",
        ("file", Durability::Fsync) => "an acknowledged write survives a power cut",
        (_, Durability::Fsync) => "an acknowledged write is on the disk of the server, as far as its `fsync` is on",
        (_, Durability::Os) => "an acknowledged write survives the death of this process, not a power cut",
    }
    .to_owned())
}
