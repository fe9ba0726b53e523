//! Where a host is.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use hyper::Uri;

use crate::error::{Error, Result};
use crate::id::shorten;

/// Where a host is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Url {
    /// By a network.
    Tcp { tls: bool, host: String, port: u16, path: String },
    /// By a socket in the file system.
    Unix(PathBuf),
}

impl FromStr for Url {
    type Err = Error;

    /// `http://HOST[:PORT][/PATH]`, `https://…`, `unix:PATH`.
    fn from_str(text: &str) -> Result<Self> {
        let bad = || {
            let why = format!("{:?} is not a URL such as http://127.0.0.1:8282 or unix:PATH", shorten(text));
            Error::invalid("host URL", why)
        };
        if let Some(path) = text.strip_prefix("unix:") {
            return if path.is_empty() { Err(bad()) } else { Ok(Self::Unix(path.into())) };
        }
        let url: Uri = text.parse().map_err(|_| bad())?;
        let tls = match url.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err(bad()),
        };
        let authority = url.authority().filter(|authority| !authority.as_str().contains('@')).ok_or_else(bad)?;
        if url.query().is_some() {
            return Err(bad());
        }
        let port = authority.port_u16().unwrap_or(if tls { 443 } else { 80 });
        let path = url.path().trim_end_matches('/').to_owned();
        Ok(Self::Tcp { tls, host: authority.host().to_owned(), port, path })
    }
}

impl Url {
    /// What the host is called in a request.
    pub(super) fn authority(&self) -> String {
        match self {
            Self::Tcp { tls, host, port, .. } if *port == if *tls { 443 } else { 80 } => host.clone(),
            Self::Tcp { host, port, .. } => format!("{host}:{port}"),
            Self::Unix(_) => "localhost".to_owned(),
        }
    }

    /// What stands before each path.
    pub(super) fn prefix(&self) -> &str {
        match self {
            Self::Tcp { path, .. } => path,
            Self::Unix(_) => "",
        }
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { tls, path, .. } => {
                write!(f, "{}://{}{path}", if *tls { "https" } else { "http" }, self.authority())
            }
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read_and_told_as_people_write_them() {
        for url in
            ["http://127.0.0.1:8282", "https://jobs.example.org", "http://[::1]:8282", "unix:/run/au", "http://a/b"]
        {
            assert_eq!(url.parse::<Url>().unwrap().to_string(), url);
        }
        assert_eq!("http://a:80/".parse::<Url>().unwrap().to_string(), "http://a");
        for wrong in
            ["", "unix:", "127.0.0.1:8282", "ftp://a", "http://", "http://me:secret@a", "http://a?b", "/run/au"]
        {
            let error = wrong.parse::<Url>().unwrap_err();
            assert!(matches!(error, Error::Invalid { what: "host URL", .. }), "{wrong}: {error}");
        }
    }
}
