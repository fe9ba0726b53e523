//! Which server a URL names, and under which keys. What is shown of it has no password.

use std::fmt;

use redis::Client;

use crate::error::{Error, Result};

/// What the names of all keys begin with, unless the URL says otherwise.
const PREFIX: &str = "au";
const PREFIX_LIMIT: usize = 64;

/// A server, and where on it.
#[derive(Clone)]
pub(super) struct Target {
    pub(super) client: Client,
    /// What all names of keys begin with. One hash tag, so that a cluster would keep them together.
    pub(super) base: Vec<u8>,
    /// The server as people may see it.
    pub(super) shown: String,
}

impl fmt::Debug for Target {
    /// The client would print its password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.shown, self.base.escape_ascii())
    }
}

impl Target {
    /// Takes a URL apart. Errors do not repeat it, for the password in it.
    pub(super) fn parse(url: &str) -> Result<Self> {
        let (place, query) = url.split_once('?').unwrap_or((url, ""));
        let mut prefix = PREFIX.to_owned();
        let mut rest = form_urlencoded::Serializer::new(String::new());
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "prefix" => prefix = value.into_owned(),
                // Those that the client knows for sockets, where a URL has no other place for them.
                "db" | "user" | "pass" if place.starts_with("redis+unix:") => drop(rest.append_pair(&name, &value)),
                _ => return Err(invalid(format!("it has no parameter {name:?}; `prefix` is one"))),
            }
        }
        let fits = (1..=PREFIX_LIMIT).contains(&prefix.len()) && prefix.chars().all(|c| c.is_ascii_graphic());
        if !fits || prefix.contains(['{', '}']) {
            return Err(invalid("its prefix is not 1 to 64 printable characters without braces".into()));
        }
        let rest = rest.finish();
        let bare = if rest.is_empty() { place.to_owned() } else { format!("{place}?{rest}") };
        let client = Client::open(bare).map_err(|error| invalid(why(&error)))?;
        let shown = client.get_connection_info().addr().to_string();
        Ok(Self { client, base: format!("{{{prefix}}}:").into_bytes(), shown })
    }

    /// The key of these parts.
    pub(super) fn key(&self, kind: &str, name: &[u8]) -> Vec<u8> {
        [&self.base, kind.as_bytes(), name].concat()
    }
}

fn why(error: &redis::RedisError) -> String {
    let what = error.detail().unwrap_or(error.category());
    format!("{what}; it is `redis://[user:password@]host[:port][/db]`, `rediss://…`, or `redis+unix:///path`")
}

fn invalid(why: String) -> Error {
    Error::invalid("store URL", why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_shown_nowhere() {
        let target = Target::parse("redis://me:secret@example:7000/3?prefix=x").unwrap();
        assert_eq!(format!("{target:?}"), "example:7000 {x}:");
        for bad in
            ["redis://me:secret@example:port", "redis://me:secret@example/x", "redis://:secret@h?secre=1&prefix={"]
        {
            let error = Target::parse(bad).unwrap_err().chain();
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn a_socket_may_be_named_with_its_database() {
        let target = Target::parse("redis+unix:///run/redis.sock?db=2").unwrap();
        assert_eq!((target.shown.as_str(), target.base.as_slice()), ("/run/redis.sock", b"{au}:".as_slice()));
        assert_eq!(target.client.get_connection_info().redis_settings().db(), 2);
    }

    #[test]
    fn what_a_url_says_in_vain_is_an_error() {
        for bad in ["redis://h?prefx=a", "redis://h?prefix=", "redis://h?prefix=a%7Bb", "redis+unix://"] {
            assert!(matches!(Target::parse(bad), Err(Error::Invalid { .. })), "{bad}");
        }
    }
}
