//! A server: bound first, so that what is wrong is said before anything starts; then it serves until it is told to drain.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::accept::{Serving, accept};
use super::app::{App, entrance};
use super::config::{Auth, HttpConfig};
use super::listen::{Listen, Listener};
use crate::error::{Error, Result};
use crate::local::Local;

/// The HTTP API at an address.
#[must_use]
pub struct Server {
    config: HttpConfig,
    listener: Listener,
    listen: Listen,
    tls: Option<TlsAcceptor>,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Server({})", self.url())
    }
}

impl Server {
    /// Takes the address. Connections wait until it serves.
    ///
    /// # Errors
    /// `Refused` when the address is open to other machines and nobody has said that this is meant; `Invalid` when it is in use,
    /// or not this user's to take, or when a certificate cannot be used.
    pub async fn bind(config: HttpConfig) -> Result<Self> {
        if !config.listen.is_local() && !config.insecure && config.auth != Auth::Required {
            let why = format!(
                "{} is open to other machines, and nobody is asked who they are; `au-host token create` makes a token, and \
                 --insecure says that none is meant",
                config.listen
            );
            return Err(Error::refused(why));
        }
        let tls = config.tls.as_ref().map(super::tls::TlsFiles::acceptor).transpose()?;
        let listener = Listener::bind(&config.listen).await?;
        let listen = listener.listen()?;
        Ok(Self { config, listener, listen, tls })
    }

    /// Where it listens in fact.
    #[must_use]
    pub fn listen(&self) -> &Listen {
        &self.listen
    }

    /// What a client on this machine calls it.
    #[must_use]
    pub fn url(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        match &self.listen {
            Listen::Tcp(address) => format!("{scheme}://{address}"),
            Listen::Unix(_) => self.listen.to_string(),
        }
    }

    /// Serves until `drain` fires; then accepts nothing new, answers what was asked, and ends event streams, at most for
    /// `grace`. Dropping the future ends all of it at once. The host goes on in either case: [`Local::close`] ends it.
    ///
    /// # Errors
    /// None yet: what goes wrong with one connection ends that one.
    pub async fn serve(self, local: Arc<Local>, drain: CancellationToken, grace: Duration) -> Result<()> {
        let limits = Arc::new(self.config.limits.clone());
        let app = App::new(local, &self.config, &self.listen, Arc::clone(&limits), drain.clone());
        let metrics = self.config.metrics.clone();
        let serving = Serving { metrics, door: entrance(app), limits, tls: self.tls, drain };
        accept(self.listener, serving, grace).await;
        Ok(())
    }
}
