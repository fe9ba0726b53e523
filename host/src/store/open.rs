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

/// Opens the store that `url` names: `memory:`, `file:DIR`, `postgres://user:password@host/database`, or `redis://HOST` and its kin.
///
/// # Errors
/// `Invalid` for a URL of no known kind, `Missing` for one that is not built in, else what the store says.
pub async fn open(url: &str, durability: Durability) -> Result<Arc<dyn Store>> {
    // Where stores that last are not built in.
    let _unused = durability;
    let (scheme, rest) = url.split_once(':').unwrap_or(("", url));
    match scheme {
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
            let why = format!("{scheme:?} is none of `memory:`, `file:DIR`, `postgres://…` and `redis://…`");
            Err(Error::invalid("store URL", why))
        }
    }
}
