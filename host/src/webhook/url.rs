//! Where a webhook goes: a URL that is checked when it is given. What its name leads to is found out when something is sent.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::id::shorten;

/// Longest URL, in bytes.
const LIMIT: usize = 2048;
/// Longest name of a machine, and longest part of one between dots.
const NAME: usize = 253;
const LABEL: usize = 63;

/// Where a webhook goes: `http://` or `https://`, a machine, and what is to be asked of it; nobody's name or password.
///
/// Shown whole only where it is told: by `Debug`, and so in logs, without what is asked, for that may be a secret.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct WebhookUrl {
    pub(super) text: String,
    pub(super) tls: bool,
    pub(super) host: HostName,
    pub(super) port: u16,
    /// Where in the text the machine's part ends.
    pub(super) end: usize,
}

/// A machine, as a URL names it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum HostName {
    /// To be looked up.
    Name(String),
    /// To be taken as it is.
    Address(IpAddr),
}

impl WebhookUrl {
    /// The URL as it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl FromStr for WebhookUrl {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        read(text).map_err(|why| Error::invalid("webhook", why))
    }
}

impl TryFrom<String> for WebhookUrl {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<WebhookUrl> for String {
    fn from(url: WebhookUrl) -> Self {
        url.text
    }
}

impl fmt::Display for WebhookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for WebhookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WebhookUrl({}/…)", &self.text[..self.end])
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Address(IpAddr::V4(address)) => address.fmt(f),
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

fn read(text: &str) -> Result<WebhookUrl, String> {
    if text.len() > LIMIT {
        return Err(format!("its URL is longer than {LIMIT} bytes"));
    }
    let (scheme, rest) = text.split_once("://").unwrap_or_default();
    let tls = match &*scheme.to_ascii_lowercase() {
        "http" => false,
        "https" => true,
        _ => return Err(format!("{:?} is no URL that begins with http:// or https://", shorten(text))),
    };
    if !rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%".contains(&byte)) {
        return Err("its URL has characters that a URL has only as %XX, or in a name as xn--…".into());
    }
    if rest.contains('#') {
        return Err("its URL has a part after #, which is sent nowhere".into());
    }
    let (authority, _) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    if authority.contains('@') {
        return Err("its URL has a user or a password in it; what is sent is signed instead".into());
    }
    let (host, port) = machine(authority)?;
    let port = match port {
        None if tls => 443,
        None => 80,
        Some(text) => port_of(text)?,
    };
    let end = scheme.len() + "://".len() + authority.len();
    Ok(WebhookUrl { text: text.to_owned(), tls, host, port, end })
}

/// The machine, and what stands where its port would.
fn machine(authority: &str) -> Result<(HostName, Option<&str>), String> {
    if let Some(rest) = authority.strip_prefix('[') {
        let bad = || format!("{:?} is no address", shorten(authority));
        let (address, port) = rest.split_once(']').ok_or_else(bad)?;
        let address: Ipv6Addr = address.parse().map_err(|_| bad())?;
        let port = if port.is_empty() { None } else { Some(port.strip_prefix(':').ok_or_else(bad)?) };
        return Ok((HostName::Address(address.into()), port));
    }
    let (host, port) = match authority.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (authority, None),
    };
    match host.parse::<Ipv4Addr>() {
        Ok(address) => Ok((HostName::Address(address.into()), port)),
        Err(_) => Ok((HostName::Name(name(host)?), port)),
    }
}

fn port_of(text: &str) -> Result<u16, String> {
    let port = text.parse().ok().filter(|port| *port > 0 && text.bytes().all(|byte| byte.is_ascii_digit()));
    port.ok_or_else(|| format!("{:?} is no port", shorten(text)))
}

fn name(text: &str) -> Result<String, String> {
    let bad = |why: &str| Err(format!("{:?} is no name of a machine{why}", shorten(text)));
    let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
    let plain = |label: &str| {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        (1..=LABEL).contains(&label.len()) && label.bytes().all(fits)
    };
    if name.len() > NAME || !name.split('.').all(plain) {
        return bad("");
    }
    // `127.1`, `0x7f.1` and `2130706433` are addresses to some that read them, and not to others.
    let last = name.rsplit('.').next().unwrap_or_default();
    if last.bytes().all(|byte| byte.is_ascii_digit()) || last.starts_with("0x") {
        return bad("; an address is written as four numbers");
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_plain_url_of_the_web_is_refused_with_a_reason() {
        for (text, word) in [
            ("", "http://"),
            ("a.example/x", "http://"),
            ("ftp://a.example", "http://"),
            ("file:///etc/passwd", "http://"),
            ("javascript://a", "http://"),
            ("https://", "name"),
            ("https:///x", "name"),
            ("https://me@a.example", "password"),
            ("https://me:secret@a.example", "password"),
            ("https://a.example/#x", "#"),
            ("https://a b", "%XX"),
            ("https://a.example/\r\nx: y", "%XX"),
            ("https://a.example\\@b.example", "%XX"),
            ("https://bücher.example", "xn--"),
            ("https://a..b", "name"),
            ("https://a.example:0", "port"),
            ("https://a.example:+80", "port"),
            ("https://a.example:70000", "port"),
            ("https://a.example:", "port"),
            ("https://[::1", "address"),
            ("https://[::1%25eth0]", "address"),
            ("https://[::1]x", "address"),
            ("https://127.1", "four numbers"),
            ("https://0x7f000001", "four numbers"),
            ("https://2130706433", "four numbers"),
            ("https://0177.0.0.01", "four numbers"),
            ("https://127.0.0.1.", "four numbers"),
        ] {
            let error = text.parse::<WebhookUrl>().unwrap_err().to_string();
            assert!(error.contains("webhook is not valid") && error.contains(word), "{text}: {error}");
        }
        assert!(format!("https://a/{}", "x".repeat(LIMIT)).parse::<WebhookUrl>().is_err());
    }

    #[test]
    fn what_may_be_a_secret_is_not_shown_in_logs() {
        let url: WebhookUrl = "https://a.example/secret?token=secret".parse().unwrap();
        assert_eq!(format!("{url:?}"), "WebhookUrl(https://a.example/…)");
    }
}
