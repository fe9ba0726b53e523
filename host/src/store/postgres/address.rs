//! Where the database is, as its URL says: what the client library reads of it, and the three parameters that are ours.
//!
//! Nothing here shows the password.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};

use super::tls::{Roots, Tls};
use crate::error::{Error, Result};

/// The schema that the tables are in when the URL names none.
const SCHEMA: &str = "au_host";
/// Longest name of a schema: what else is named by it is longer, and PostgreSQL cuts names at 63 bytes.
const LONGEST: usize = 40;
/// How long one address may take to answer.
const CONNECT: Duration = Duration::from_secs(5);
/// A peer that acknowledges nothing for so long is gone.
const SILENCE: Duration = Duration::from_secs(10);

/// A database, and how to get there.
#[derive(Clone)]
pub(super) struct Address {
    config: Config,
    schema: String,
    tls: Tls,
}

impl Address {
    /// Reads a URL.
    pub(super) fn parse(url: &str) -> Result<Self> {
        let (front, query) = url.split_once('?').unwrap_or((url, ""));
        if front.matches('@').count() > 1 {
            return Err(invalid("a `@` in the user or password must be written `%40`"));
        }
        let (mut schema, mut sslmode, mut roots) = (SCHEMA.to_owned(), None, None);
        let mut kept = Vec::new();
        for part in query.split('&').filter(|part| !part.is_empty()) {
            let Some((name, value)) = form_urlencoded::parse(part.as_bytes()).next() else { continue };
            match &*name {
                "schema" => schema = value.into_owned(),
                "sslmode" => sslmode = Some(value.into_owned()),
                "sslrootcert" => roots = Some(PathBuf::from(value.into_owned())),
                _ => kept.push(part),
            }
        }
        check_schema(&schema)?;
        let url = format!("{front}?{}", kept.join("&"));
        let mut config: Config = url.parse().map_err(|error| invalid(crate::error::chain(&error)))?;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err(invalid("it names no host"));
        }
        let tls = Tls::new(set_mode(&mut config, sslmode.as_deref())?, roots)?;
        set_limits(&mut config);
        Ok(Self { config, schema, tls })
    }

    pub(super) fn config(&self) -> &Config {
        &self.config
    }

    pub(super) fn tls(&self) -> Tls {
        self.tls.clone()
    }

    pub(super) fn schema(&self) -> &str {
        &self.schema
    }

    /// The channel that hints go by: one for each schema, for a database may have several.
    pub(super) fn channel(&self) -> String {
        format!("au_host.{}", self.schema)
    }
}

/// What `sslmode` says, as libpq means it but for `require`, which checks the certificate here: else it keeps out nobody who can
/// pretend to be the server. `prefer`, the default, promises nothing and so checks nothing.
fn set_mode(config: &mut Config, mode: Option<&str>) -> Result<Roots> {
    let (mode, roots) = match mode {
        Some("disable") => (SslMode::Disable, Roots::Unchecked),
        None | Some("prefer") => (SslMode::Prefer, Roots::Unchecked),
        Some("require" | "verify-ca" | "verify-full") => (SslMode::Require, Roots::Checked),
        Some(other) => {
            let why = format!("sslmode={other} is none of disable, prefer, require, verify-ca and verify-full");
            return Err(invalid(why));
        }
    };
    config.ssl_mode(mode);
    Ok(roots)
}

/// A peer that is gone must be noticed, and a server that takes no writes, such as the one that failed over, passed by.
fn set_limits(config: &mut Config) {
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(CONNECT);
    }
    config.tcp_user_timeout(SILENCE).keepalives(true);
    config.keepalives_idle(SILENCE).keepalives_interval(Duration::from_secs(3)).keepalives_retries(3);
    config.target_session_attrs(TargetSessionAttrs::ReadWrite);
}

/// A name that needs no quotes can do no harm in a text of SQL.
fn check_schema(name: &str) -> Result<()> {
    let plain = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    let begins = name.bytes().next().is_some_and(|byte| !byte.is_ascii_digit());
    if plain && begins && name.len() <= LONGEST && !name.starts_with("pg_") {
        return Ok(());
    }
    let why = "its schema must be of at most 40 of a-z, 0-9 and _, and begin with neither a digit nor pg_";
    Err(invalid(why))
}

fn invalid(why: impl Into<String>) -> Error {
    let why = format!("{}; it should be like postgres://user:password@host:5432/database", why.into());
    Error::invalid("store URL", why)
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hosts = self.config.get_hosts().iter().map(|host| match host {
            Host::Tcp(name) => name.clone(),
            #[cfg(unix)]
            Host::Unix(path) => path.display().to_string(),
        });
        let hosts: Vec<_> = hosts.chain(self.config.get_hostaddrs().iter().map(ToString::to_string)).collect();
        let ports: Vec<_> = self.config.get_ports().iter().map(ToString::to_string).collect();
        let port = if ports.is_empty() { "5432".to_owned() } else { ports.join(",") };
        let database = self.config.get_dbname().or(self.config.get_user()).unwrap_or_default();
        write!(f, "PostgreSQL at {}, port {port}, database {database:?}", hosts.join(","))
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_in_no_text() {
        let url = "postgres://ann:s3cret@db.example:5433/jobs?schema=other&sslmode=disable";
        let address = Address::parse(url).unwrap();
        for text in [format!("{address:?}"), address.to_string()] {
            assert!(!text.contains("s3cret") && text.contains("db.example") && text.contains("5433"), "{text}");
        }
        assert_eq!((address.schema(), address.channel().as_str()), ("other", "au_host.other"));
        for bad in ["ann:s3cret@x@db.example/jobs", "ann:s3cret@db:port/jobs", "ann:s3cret@db/jobs?sslmode=maybe"] {
            let error = Address::parse(&format!("postgres://{bad}")).unwrap_err().chain();
            assert!(!error.contains("s3cret"), "{error}");
        }
    }

    #[test]
    fn what_cannot_be_used_is_refused() {
        for bad in
            ["postgres://", "postgres://h/d?schema=a\"b", "postgres://h/d?schema=pg_x", "postgres://h/d?nonsense=1"]
        {
            assert!(matches!(Address::parse(bad), Err(Error::Invalid { .. })), "{bad}");
        }
        let socket = Address::parse("postgres://ann@/jobs?host=/run/postgresql").unwrap();
        assert!(socket.to_string().contains("/run/postgresql"));
    }
}
