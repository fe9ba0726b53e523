//! `[http]`, `[auth]` and `[rate_limit]` of `au-host.toml`: where `serve` listens, how much it takes, and whom it lets in.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use au_host::Middleware;
use au_host::http::HttpLimits;
use au_host::middleware::rate_limit::{Rate, RateLimit};
use au_host::units::Size;

use super::config::{Granted, Span, Text};

/// What can be said in it. What is left open is built in.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct HttpSection {
    /// As `--listen`.
    listen: Option<String>,
    /// Further names it is called by.
    hosts: Vec<String>,
    /// Which grants a call or job over HTTP may ask for: those who reach a port are not the owner of the machine.
    pub(super) grants: Option<Granted>,
    first_byte: Option<Text<Span>>,
    head: Option<Text<Span>>,
    idle: Option<Text<Span>>,
    body: Option<Text<Span>>,
    handler: Option<Text<Span>>,
    write: Option<Text<Span>>,
    wait: Option<Text<Span>>,
    stream: Option<Text<Span>>,
    keep_alive: Option<Text<Span>>,
    max_head: Option<Text<Size>>,
    max_headers: Option<usize>,
    max_url: Option<Text<Size>>,
    max_body: Option<Text<Size>>,
    max_bodies: Option<Text<Size>>,
    max_upload: Option<Text<Size>>,
    uploads: Option<usize>,
    bulk: Option<usize>,
    connections: Option<usize>,
    connections_per_peer: Option<usize>,
    in_flight: Option<usize>,
    followers: Option<usize>,
    followers_per_token: Option<usize>,
    followers_per_tenant: Option<usize>,
}

/// Whom `serve` lets in.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct AuthSection {
    /// As `--auth`.
    pub(crate) required: bool,
}

/// How often they may ask. A burst that is not said is of one second.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RateSection {
    /// Requests a second of each token; a bulk counts as many as its jobs.
    token_per_second: Option<NonZeroU32>,
    token_burst: Option<NonZeroU32>,
    /// Calls and jobs a second of each tenant and function.
    function_per_second: Option<NonZeroU32>,
    function_burst: Option<NonZeroU32>,
}

impl RateSection {
    pub(crate) fn of_token(&self) -> Option<Rate> {
        rate(self.token_per_second, self.token_burst)
    }

    pub(crate) fn middleware(&self) -> Vec<Arc<dyn Middleware>> {
        let of_function = rate(self.function_per_second, self.function_burst);
        of_function.into_iter().map(|rate| Arc::new(RateLimit::new(rate)) as _).collect()
    }

    /// A burst of something that has no rate would be a limit that nobody meets.
    pub(crate) fn sound(&self) -> Result<(), String> {
        for (name, rate, burst) in [
            ("token", self.token_per_second, self.token_burst),
            ("function", self.function_per_second, self.function_burst),
        ] {
            if rate.is_none() && burst.is_some() {
                return Err(format!("{name}_burst needs {name}_per_second"));
            }
        }
        Ok(())
    }
}

fn rate(per_second: Option<NonZeroU32>, burst: Option<NonZeroU32>) -> Option<Rate> {
    per_second.map(|per_second| Rate { per_second, burst: burst.unwrap_or(per_second) })
}

impl HttpSection {
    pub(crate) fn listen(&self) -> Option<&str> {
        self.listen.as_deref()
    }

    pub(crate) fn hosts(&self) -> Vec<String> {
        self.hosts.clone()
    }

    /// Puts what is said here in the place of what is built in.
    pub(crate) fn bound(&self, limits: &mut HttpLimits) {
        let time = |to: &mut Duration, said: &Option<Text<Span>>| {
            if let Some(span) = said {
                *to = span.0.0;
            }
        };
        time(&mut limits.first_byte, &self.first_byte);
        time(&mut limits.head, &self.head);
        time(&mut limits.idle, &self.idle);
        time(&mut limits.body, &self.body);
        time(&mut limits.handler, &self.handler);
        time(&mut limits.write, &self.write);
        time(&mut limits.wait, &self.wait);
        time(&mut limits.stream, &self.stream);
        time(&mut limits.keep_alive, &self.keep_alive);
        let size = |said: &Option<Text<Size>>| said.as_ref().map(|size| size.0.0);
        let count = |to: &mut usize, said: Option<usize>| *to = said.unwrap_or(*to);
        let small = |said: &Option<Text<Size>>| size(said).map(|size| usize::try_from(size).unwrap_or(usize::MAX));
        count(&mut limits.head_bytes, small(&self.max_head));
        count(&mut limits.headers, self.max_headers);
        count(&mut limits.url_bytes, small(&self.max_url));
        limits.body_bytes = size(&self.max_body).unwrap_or(limits.body_bytes);
        limits.bodies_bytes = size(&self.max_bodies).unwrap_or(limits.bodies_bytes);
        limits.upload_bytes = size(&self.max_upload).unwrap_or(limits.upload_bytes);
        count(&mut limits.uploads, self.uploads);
        count(&mut limits.bulk, self.bulk);
        count(&mut limits.connections, self.connections);
        limits.connections_per_peer = self.connections_per_peer.or(limits.connections_per_peer);
        count(&mut limits.in_flight, self.in_flight);
        count(&mut limits.followers, self.followers);
        count(&mut limits.followers_per_token, self.followers_per_token);
        count(&mut limits.followers_per_tenant, self.followers_per_tenant);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_limit_of_the_server_has_a_key() {
        let times = ["first_byte", "head", "idle", "body", "handler", "write", "wait", "stream", "keep_alive"];
        let sizes = ["max_head", "max_url", "max_body", "max_bodies", "max_upload"];
        let counts = [
            "max_headers",
            "uploads",
            "bulk",
            "connections",
            "connections_per_peer",
            "in_flight",
            "followers",
            "followers_per_token",
            "followers_per_tenant",
        ];
        let texts = times.map(|key| format!("{key} = '17ms'\n")).into_iter();
        let texts = texts.chain(sizes.map(|key| format!("{key} = '17KiB'\n")));
        let text: String = texts.chain(counts.map(|key| format!("{key} = 17\n"))).collect();
        let section: HttpSection = toml::from_str(&text).unwrap();
        let (mut limits, built_in) = (HttpLimits::default(), HttpLimits::default());
        section.bound(&mut limits);
        let lines =
            |limits: &HttpLimits| format!("{limits:#?}").replace("Some(\n        ", "Some(").replace(",\n    )", ")");
        let (set, built_in) = (lines(&limits), lines(&built_in));
        let same: Vec<_> =
            set.lines().zip(built_in.lines()).filter(|(set, was)| set == was).map(|(set, _)| set).collect();
        assert_eq!(same, ["HttpLimits {", "}"], "these have no key, or it does nothing");
        assert_eq!(set.lines().count(), 2 + times.len() + sizes.len() + counts.len());
    }
}
