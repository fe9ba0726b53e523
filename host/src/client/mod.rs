//! A host elsewhere, over HTTP: the verbs of [`Host`](crate::Host) and [`Local`](crate::Local), and the same [`Handle`].
//!
//! What a client cannot know is told as it is: [`Error::Unreachable`] where no answer came. Nothing is sent twice that could be
//! done twice: only what asks, what is named by an idempotency key, and what never left this process.
//!
//! ```no_run
//! # async fn example() -> au_host::Result<()> {
//! use std::time::Duration;
//!
//! use au_host::{Client, ClientConfig, Payload, Request};
//!
//! let client = Client::new("http://127.0.0.1:8282", ClientConfig::default())?;
//! let request = Request::new("factorial".parse()?, "factorial", Payload::json(&[20])?);
//! let handle = client.submit(request).await?;
//! println!("{}", handle.typed::<u64>().result(Duration::from_secs(10)).await?);
//! # Ok(())
//! # }
//! ```

#[cfg(feature = "remote")]
mod attempts;
mod config;
mod connect;
mod events;
mod exchange;
mod jobs;
#[cfg(all(feature = "wasm", feature = "file"))]
mod modules;
#[cfg(feature = "webhook")]
pub(crate) mod parcel;
#[cfg(feature = "otel")]
mod post;
mod problem;
mod query;
mod queues;
mod schedules;
mod tokens;
mod url;
mod verbs;

use std::sync::Arc;

#[cfg(feature = "remote")]
pub(crate) use attempts::AttemptAnswer;
#[cfg(feature = "http")]
pub(crate) use attempts::FRAMES;
pub use config::ClientConfig;
#[cfg(feature = "otel")]
pub(crate) use post::{Post, PostConfig};

use self::exchange::Wire;
use self::url::Url;
use crate::error::Result;
#[cfg(doc)]
use crate::{Error, Handle};

/// Asks a host elsewhere. Cloning is cheap; clones share connections, which are kept for a while.
#[derive(Clone, Debug)]
pub struct Client {
    wire: Arc<Wire>,
}

impl Client {
    /// A client of the host at `url`: `http://…`, `https://…`, or `unix:PATH`. Nothing is sent yet. No proxy is ever used.
    ///
    /// # Errors
    /// `Invalid` for a URL, a token or a certificate that cannot be used.
    pub fn new(url: &str, config: ClientConfig) -> Result<Self> {
        Ok(Self { wire: Arc::new(Wire::new(url.parse::<Url>()?, config)?) })
    }

    /// Where the host is.
    #[must_use]
    pub fn url(&self) -> String {
        self.wire.url().to_string()
    }
}
