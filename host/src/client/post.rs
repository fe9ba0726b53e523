//! A request to somebody who is no host: to one URL, over a connection of its own, in bounded time and space.

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::header::{HOST, HeaderMap, HeaderValue, USER_AGENT};
use hyper::{Request, Response};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::config::ClientConfig;
use super::connect;
use super::exchange::AGENT;
use super::url::Url;
use crate::error::{Result, Source};

/// Most bytes of an answer.
const ANSWER: usize = 1 << 20;

/// Posts to one URL.
pub(crate) struct Post {
    url: Url,
    tls: Option<TlsConnector>,
    timeout: Duration,
}

/// How it does.
#[derive(Clone, Debug)]
pub(crate) struct PostConfig {
    /// For all of a request and its answer.
    pub(crate) timeout: Duration,
    /// A certificate (PEM) to trust besides those that this machine trusts.
    pub(crate) certificate: Option<PathBuf>,
}

impl std::fmt::Debug for Post {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Post({})", self.url)
    }
}

impl Post {
    pub(crate) fn new(url: &str, config: PostConfig) -> Result<Self> {
        let url: Url = url.parse()?;
        let PostConfig { timeout, certificate } = config;
        let tls = connect::tls(&url, &ClientConfig { certificate, ..ClientConfig::default() })?;
        Ok(Self { url, tls, timeout })
    }

    /// The answer, whatever it is.
    pub(crate) async fn send(&self, headers: HeaderMap, body: Bytes) -> Result<Response<Bytes>, Source> {
        timeout(self.timeout, self.sent(headers, body)).await.unwrap_or_else(|_| Err(connect::late()))
    }

    async fn sent(&self, headers: HeaderMap, body: Bytes) -> Result<Response<Bytes>, Source> {
        let mut sender = connect::connect(&self.url, self.tls.as_ref()).await?;
        let path = if self.url.prefix().is_empty() { "/" } else { self.url.prefix() };
        let mut request = Request::post(path).body(Full::new(body))?;
        *request.headers_mut() = headers;
        request.headers_mut().insert(HOST, HeaderValue::from_str(&self.url.authority())?);
        request.headers_mut().entry(USER_AGENT).or_insert(HeaderValue::from_static(AGENT));
        let (head, body) = sender.send_request(request).await?.into_parts();
        let body = Limited::new(body, ANSWER).collect().await?.to_bytes();
        Ok(Response::from_parts(head, body))
    }
}
