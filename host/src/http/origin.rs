//! Whom a request is meant for and from which page it comes: no site that is open in a browser on this machine may use its host.

use axum::extract::Request;
use axum::http::header::{HOST, ORIGIN};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, Uri};

use super::listen::Listen;
use super::problem::{Problem, Result};
use crate::error::{Error, Misuse};
use crate::id::shorten;

/// What a browser says of the page that sent a request (Fetch Metadata, W3C).
const SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The names this host may be called by.
#[derive(Clone, Debug)]
pub(super) enum Hosts {
    /// Any: who reaches it by the network found it by a name that nobody here can know.
    Any,
    /// Those of this machine, and these.
    These {
        /// What nearly all call it by, as they write it.
        usual: Vec<String>,
        names: Vec<String>,
    },
}

impl Hosts {
    pub(super) fn of(listen: &Listen, more: &[String]) -> Self {
        match listen {
            Listen::Tcp(_) if listen.is_local() || !more.is_empty() => {
                let mut names: Vec<_> = more.iter().map(|name| name.to_ascii_lowercase()).collect();
                names.push("localhost".to_owned());
                Self::These { usual: usual(listen, &names), names }
            }
            Listen::Tcp(_) | Listen::Unix(_) => Self::Any,
        }
    }

    /// That a request is meant for this host, and that no page of another site sent it to change something.
    pub(super) fn check(&self, request: &Request) -> Result<()> {
        if let Self::These { usual, names } = self
            && !is_usual(usual, request)
        {
            let host = authority(request.uri(), request.headers());
            let known = host.as_ref().is_some_and(|host| is_known(names, host.host()));
            if !known {
                let name = host.as_ref().map_or("", Authority::as_str);
                let why =
                    format!("{:?} is no name of this host; its operator can add one to [http] hosts", shorten(name));
                return Err(Problem(Error::request(Misuse::BadHost, why)));
            }
        }
        if request.method().is_safe() {
            return Ok(());
        }
        let origin = request.headers().get(ORIGIN);
        let own = origin.is_none_or(|origin| {
            let page = origin.to_str().ok().and_then(|origin| origin.parse::<Uri>().ok());
            page.and_then(|page| page.authority().cloned()) == authority(request.uri(), request.headers())
        });
        let sites = request.headers().get(SITE);
        let other = sites.is_some_and(|site| site == "cross-site" || site == "same-site");
        if own && !other {
            return Ok(());
        }
        Err(Problem(Error::request(Misuse::BadOrigin, "a page of another site sent this request")))
    }
}

/// A URL that names a host wins over the header (RFC 9112 §3.2.2).
fn authority(uri: &Uri, headers: &HeaderMap) -> Option<Authority> {
    let mut sent = headers.get_all(HOST).iter();
    let header = sent.next().and_then(|host| host.to_str().ok()?.parse().ok());
    if sent.next().is_some() {
        return None;
    }
    uri.authority().cloned().or(header)
}

/// The address, and the names with its port and without.
fn usual(listen: &Listen, names: &[String]) -> Vec<String> {
    let mut usual = vec![listen.to_string()];
    if let Listen::Tcp(address) = listen {
        usual.extend(names.iter().map(|name| format!("{name}:{}", address.port())));
    }
    usual.extend(names.iter().cloned());
    usual
}

/// Whether a request names one of these and nothing else: to read a name as what it may be takes a microsecond.
fn is_usual(usual: &[String], request: &Request) -> bool {
    let mut sent = request.headers().get_all(HOST).iter();
    let named = sent.next().is_some_and(|host| usual.iter().any(|usual| host == usual));
    named && sent.next().is_none() && request.uri().authority().is_none()
}

fn is_known(names: &[String], host: &str) -> bool {
    let plain = host.trim_start_matches('[').trim_end_matches(']');
    let loopback = plain.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    loopback || names.iter().any(|name| name.eq_ignore_ascii_case(host))
}
