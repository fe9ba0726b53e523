//! How a server is to behave, and how much of everything it takes.

use std::path::PathBuf;
use std::time::Duration;

use super::listen::Listen;
use super::tls::TlsFiles;
use crate::middleware::metrics::Metrics;
use crate::middleware::rate_limit::Rate;
use crate::registry::ScanLimits;

/// How a server is to behave.
#[derive(Clone, Debug, Default)]
pub struct HttpConfig {
    /// Where it listens.
    pub listen: Listen,
    /// Whether it may be reached from other machines though it may be that nobody is asked who they are.
    pub insecure: bool,
    /// Whether requests need a token.
    pub auth: Auth,
    /// How often each token may ask; `None`: as often as it can. Where nobody is asked for one, all share one rate.
    pub rate: Option<Rate>,
    /// What it counts in. Attempts are counted when it is a middleware of the host, too.
    pub metrics: Metrics,
    /// Further names it is called by, besides those of this machine: what a `Host` header may say.
    pub hosts: Vec<String>,
    /// The certificate to speak TLS with; `None`: plain HTTP.
    pub tls: Option<TlsFiles>,
    /// Where uploads are kept until they are whole; `None`: the system's folder for temporary files.
    pub spool: Option<PathBuf>,
    /// How much it takes.
    pub limits: HttpLimits,
}

/// Whether requests need a token of the host ([`Tokens`](crate::Tokens)).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Auth {
    /// They do as soon as the host has any, which is noticed within a second.
    #[default]
    WithTokens,
    /// They do, from the beginning.
    Required,
}

/// How much a server takes. What is beyond is refused with a problem that names the limit.
#[derive(Clone, Debug)]
pub struct HttpLimits {
    /// From a new connection to its first byte.
    pub first_byte: Duration,
    /// From the first byte of a request to the end of its head.
    pub head: Duration,
    /// Between two requests of a connection.
    pub idle: Duration,
    /// For a request's body; each 64 KiB that came give a second more.
    pub body: Duration,
    /// For an answer, once a request's body is there: of all that neither runs a function nor waits for a job nor takes in a module,
    /// for which the function's own time-out, `wait` and `stream` stand.
    pub handler: Duration,
    /// How long a client may take nothing of what is sent to it.
    pub write: Duration,
    /// Bytes of a request's head; at least 8 KiB. One that comes all at once may have twice as many.
    pub head_bytes: usize,
    /// Headers of a request.
    pub headers: usize,
    /// Bytes of a request's path and query.
    pub url_bytes: usize,
    /// Bytes of an input.
    pub body_bytes: u64,
    /// Bytes of all inputs that are being read or used at one time.
    pub bodies_bytes: u64,
    /// Bytes of a module.
    pub upload_bytes: u64,
    /// Modules that are taken in at one time.
    pub uploads: usize,
    /// Inputs of one bulk submit.
    pub bulk: usize,
    /// Connections in all. None is let in, either, where four of five files that this process may open are open.
    pub connections: usize,
    /// Connections of one address, or one /64 of IPv6; `None`: 64, and no such limit for this machine itself.
    pub connections_per_peer: Option<usize>,
    /// Requests that are being answered at one time; those that only wait for a job, or follow one, are not counted.
    pub in_flight: usize,
    /// Requests that wait for a job, or follow one, at one time.
    pub followers: usize,
    /// The same with one token.
    pub followers_per_token: usize,
    /// The same with all tokens of one tenant.
    pub followers_per_tenant: usize,
    /// Longest a request may wait for a job.
    pub wait: Duration,
    /// Longest an event stream goes on; a client comes back for the rest.
    pub stream: Duration,
    /// Between two signs of life of a silent event stream.
    pub keep_alive: Duration,
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self {
            first_byte: Duration::from_secs(5),
            head: Duration::from_secs(10),
            idle: Duration::from_secs(60),
            body: Duration::from_secs(60),
            handler: Duration::from_secs(30),
            write: Duration::from_secs(60),
            head_bytes: 16 << 10,
            headers: 64,
            url_bytes: 4 << 10,
            body_bytes: 16 << 20,
            bodies_bytes: 256 << 20,
            upload_bytes: ScanLimits::default().bytes,
            uploads: 2,
            bulk: 10_000,
            connections: 2048,
            connections_per_peer: None,
            in_flight: 256,
            followers: 1536,
            followers_per_token: 256,
            followers_per_tenant: 512,
            wait: Duration::from_secs(60),
            stream: Duration::from_secs(60 * 60),
            keep_alive: Duration::from_secs(15),
        }
    }
}
