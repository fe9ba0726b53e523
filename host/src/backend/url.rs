//! Where attempts are to run, as a URL says it: `wasm:`, `process:?workers=4`, `http://HOST:PORT`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::error::{Error, Result};
use crate::id::shorten;
use crate::units;

const MOST: usize = 4096;

/// Where attempts are to run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum BackendUrl {
    /// In this process.
    #[default]
    Wasm,
    /// In child processes.
    Process(Bounds),
    /// On another host, at this URL.
    Http(String, Bounds),
}

/// What can be said of any backend that is not in this process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    /// `workers`: attempts at once.
    pub workers: Option<usize>,
    /// `silence`: how long a worker with an attempt may say nothing.
    pub silence: Option<Duration>,
}

impl FromStr for BackendUrl {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (place, query) = text.split_once('?').unwrap_or((text, ""));
        let (scheme, rest) = place.split_once(':').unwrap_or(("", place));
        match scheme {
            "wasm" if rest.is_empty() && query.is_empty() => Ok(Self::Wasm),
            "process" if rest.is_empty() => Ok(Self::Process(bounds(query)?)),
            "http" | "https" if rest.strip_prefix("//").is_some_and(|host| !host.is_empty()) => {
                Ok(Self::Http(place.to_owned(), bounds(query)?))
            }
            "unix" if !rest.is_empty() => Ok(Self::Http(place.to_owned(), bounds(query)?)),
            _ => Err(bad(format!(
                "{:?} is none of wasm:, process:, process:?workers=4, http://HOST:PORT and https://HOST",
                shorten(text)
            ))),
        }
    }
}

fn bounds(query: &str) -> Result<Bounds> {
    let mut bounds = Bounds::default();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=') {
            Some(("workers", number)) => {
                let workers = number.parse().ok().filter(|workers| (1..=MOST).contains(workers));
                bounds.workers = Some(workers.ok_or_else(|| bad(format!("workers are between 1 and {MOST}")))?);
            }
            Some(("silence", span)) => {
                let span = units::time(span).map_err(bad)?;
                let long_enough = Some(span).filter(|span| *span >= Duration::from_secs(2));
                let why = "a worker says that it lives every second: a silence is at least 2s";
                bounds.silence = Some(long_enough.ok_or_else(|| bad(why.into()))?);
            }
            _ => return Err(bad(format!("{:?} is neither workers=NUMBER nor silence=TIME", shorten(pair)))),
        }
    }
    Ok(bounds)
}

fn bad(why: String) -> Error {
    Error::invalid("backend URL", why)
}

impl fmt::Display for BackendUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wasm => f.write_str("wasm:"),
            Self::Process(_) => f.write_str("process:"),
            Self::Http(url, _) => f.write_str(url),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_says_where_and_how_many() {
        let bounds = Bounds { workers: Some(4), silence: Some(Duration::from_secs(5)) };
        for (text, url) in [
            ("wasm:", BackendUrl::Wasm),
            ("process:", BackendUrl::Process(Bounds::default())),
            ("process:?workers=4&silence=5s", BackendUrl::Process(bounds)),
            ("http://gpu-1:8080?workers=4&silence=5s", BackendUrl::Http("http://gpu-1:8080".into(), bounds)),
        ] {
            assert_eq!(text.parse::<BackendUrl>().unwrap(), url);
        }
    }

    #[test]
    fn what_cannot_be_meant_is_refused_and_says_what_can() {
        for (text, word) in [
            ("", "process:"),
            ("docker:", "process:"),
            ("wasm:?workers=1", "process:"),
            ("process:?workers=0", "between 1"),
            ("process:?silence=1ms", "2s"),
            ("process:?colour=red", "colour"),
        ] {
            let error = text.parse::<BackendUrl>().unwrap_err();
            assert!(error.to_string().contains(word), "{text}: {error}");
        }
    }
}
