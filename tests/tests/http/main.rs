//! The HTTP API, over real sockets. `H1` and the like are rows of the catalogue of bad input (`tests/attacks.md`).

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod browser;
mod calls;
mod collector;
mod commands;
mod dashboard;
mod events;
mod jobs;
mod limits;
mod logging;
mod metrics;
mod middleware;
mod modules;
mod openapi;
mod pages;
mod program;
mod queues;
mod quotas;
mod rates;
mod refusals;
mod schedules;
mod served;
mod serving;
mod submits;
mod suites;
mod tenants;
mod timing;
mod tokens;
mod traces;
mod webhook_refusals;
mod webhooks;
mod webhooks_tls;
mod wire;

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use reqwest::{Client, Response};
use serde_json::Value;

/// Nothing that is waited for takes this long, on the slowest machine.
pub(crate) const LONG: Duration = Duration::from_secs(120);
pub(crate) const OCTETS: &str = "application/octet-stream";

static CRYPTO: LazyLock<()> = LazyLock::new(|| {
    // Another test of this process may have been first.
    drop(tokio_rustls::rustls::crypto::ring::default_provider().install_default());
});

/// A client of its own: no connection is shared between tests.
pub(crate) fn client() -> Client {
    LazyLock::force(&CRYPTO);
    Client::builder().no_proxy().tls_certs_only([]).timeout(LONG).build().unwrap()
}

/// The JSON of an answer that has this status.
#[track_caller]
pub(crate) fn json(answer: Answer, status: u16) -> Value {
    assert_eq!(answer.status, status, "{}", answer.text());
    serde_json::from_slice(&answer.bytes).unwrap_or_else(|error| panic!("{error}: {}", answer.text()))
}

/// The problem that an answer is, if it has this status and code.
#[track_caller]
pub(crate) fn problem(answer: Answer, status: u16, code: &str) -> Value {
    assert_eq!(answer.header("content-type"), "application/problem+json", "{}", answer.text());
    let id = answer.header("x-request-id").to_owned();
    let problem = json(answer, status);
    assert_eq!((&problem["code"], &problem["status"]), (&code.into(), &status.into()), "{problem}");
    assert_eq!(problem["request_id"], *id);
    for member in ["type", "title", "detail", "try"] {
        assert!(problem[member].as_str().is_some_and(|text| !text.is_empty()), "no {member}: {problem}");
    }
    problem
}

/// An answer, all of it.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) bytes: bytes::Bytes,
}

impl Answer {
    pub(crate) async fn of(response: Response) -> Self {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Self { status, headers, bytes: response.bytes().await.unwrap() }
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

/// Looks until there is something. Each look asks a server or the system, so this is no busy loop.
pub(crate) async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(began.elapsed() < LONG, "never came: {what}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

pub(crate) fn number(number: u32) -> Vec<u8> {
    number.to_le_bytes().to_vec()
}
