//! One request and its answer: over a connection that is kept, sent again where that is safe, and in bounded time and space.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderName, HeaderValue, RETRY_AFTER, USER_AGENT};
use hyper::{Method, Request, Response, StatusCode};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tracing::Span;

use super::config::ClientConfig;
use super::connect::{self, Sender};
use super::problem;
use super::url::Url;
use crate::error::{Error, Result, Source};
use crate::otel;
use crate::payload::OCTETS;
use crate::trace::TraceContext;

/// Connections that are kept while nobody uses them.
const IDLE: usize = 16;
/// Rest before something is sent a second time; doubled before each further time.
const REST: Duration = Duration::from_millis(50);
/// Longest rest, whatever a host says.
const LONGEST: Duration = Duration::from_secs(5);
/// Bytes of a body that are sent within a second, at least: as slow a sender as a host takes.
const SLOWEST: u64 = 64 << 10;
pub(super) const AGENT: &str = concat!("au-host/", env!("CARGO_PKG_VERSION"));

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// What is asked.
#[derive(Clone, Debug)]
pub(super) struct Ask {
    method: Method,
    path: String,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Bytes,
    waits: Option<Duration>,
    safe: bool,
}

impl Ask {
    pub(super) fn new(method: Method, path: impl Into<String>) -> Self {
        let safe = method == Method::GET;
        Self { method, path: path.into(), headers: Vec::new(), body: Bytes::new(), waits: Some(Duration::ZERO), safe }
    }

    pub(super) fn get(path: impl Into<String>) -> Self {
        Self::new(Method::GET, path)
    }

    /// With another header; `Invalid` for what cannot stand in one.
    pub(super) fn header(mut self, name: HeaderName, value: &str) -> Result<Self> {
        let value = HeaderValue::from_str(value)
            .map_err(|_| Error::invalid("header", format!("{name} cannot be {:?}", crate::id::shorten(value))))?;
        self.headers.push((name, value));
        Ok(self)
    }

    /// A host takes one that comes as slowly as this, and cannot answer before it is there.
    pub(super) fn body(mut self, body: Bytes) -> Self {
        self.waits = Some(Duration::from_secs(body.len() as u64 / SLOWEST));
        self.body = body;
        self
    }

    /// The answer may begin so much later, because something is waited for; `None`: whenever it may be.
    pub(super) fn waiting(mut self, span: Option<Duration>) -> Self {
        self.waits = span;
        self
    }

    /// It may be sent twice: the second time changes nothing.
    pub(super) fn repeatable(mut self) -> Self {
        self.safe = true;
        self
    }
}

/// The head of an answer, and what is to come.
pub(super) struct Answer {
    pub(super) response: Response<Incoming>,
    sender: Sender,
}

/// An answer, all of it.
#[derive(Debug)]
pub(super) struct Whole {
    pub(super) status: StatusCode,
    pub(super) kind: String,
    /// Seconds to wait before it is asked again, if the host says so.
    pub(super) retry_after: Option<u64>,
    pub(super) bytes: Bytes,
}

/// The way to a host.
pub(super) struct Wire {
    url: Url,
    config: ClientConfig,
    token: Option<HeaderValue>,
    tls: Option<TlsConnector>,
    idle: Mutex<Vec<Sender>>,
}

impl std::fmt::Debug for Wire {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Wire({})", self.url)
    }
}

/// What went wrong on the way, and whether the host cannot have seen the request.
struct Broken {
    source: Source,
    unsent: bool,
    /// Whoever did not answer for so long is not asked once more: that would take as long again, and whoever asks waits for all of it.
    late: bool,
}

impl Wire {
    pub(super) fn new(url: Url, config: ClientConfig) -> Result<Self> {
        let token = |token: &String| {
            let mut value = HeaderValue::from_str(&format!("Bearer {token}"))
                .map_err(|_| Error::invalid("token", "it has characters that no token has"))?;
            value.set_sensitive(true);
            Ok::<_, Error>(value)
        };
        let token = config.token.as_ref().map(token).transpose()?;
        let tls = connect::tls(&url, &config)?;
        Ok(Self { url, config, token, tls, idle: Mutex::default() })
    }

    pub(super) fn url(&self) -> &Url {
        &self.url
    }

    /// The answer, all of it; a problem is an error.
    pub(super) async fn ask(&self, ask: Ask) -> Result<Whole> {
        let whole = self.whole(ask).await?;
        if whole.status.is_success() { Ok(whole) } else { Err(problem::error(&whole)) }
    }

    /// The answer, all of it, whatever it is.
    pub(super) async fn whole(&self, ask: Ask) -> Result<Whole> {
        let answer = self.open(ask).await?;
        self.read(answer).await
    }

    /// The head of an answer, whatever it is.
    pub(super) async fn open(&self, ask: Ask) -> Result<Answer> {
        self.request(&ask).map_err(|why| Error::invalid("request", why.to_string()))?;
        let mut rest = REST;
        for left in (0..self.config.tries.max(1)).rev() {
            let again = match self.once(&ask).await {
                Ok(answer) => match later(&answer.response).filter(|_| ask.safe && left > 0) {
                    Some(wait) => wait,
                    None => return Ok(answer),
                },
                Err(broken) if left > 0 && !broken.late && (ask.safe || broken.unsent) => rest,
                Err(broken) => return Err(self.unreachable(broken.source)),
            };
            tokio::time::sleep(again.min(LONGEST)).await;
            rest *= 2;
        }
        Err(self.unreachable(connect::late()))
    }

    pub(super) fn unreachable(&self, source: Source) -> Error {
        Error::Unreachable { url: self.url.to_string(), source }
    }

    async fn once(&self, ask: &Ask) -> Result<Answer, Broken> {
        while let Some(mut sender) = self.kept() {
            if sender.ready().await.is_err() {
                continue;
            }
            match self.send(sender, ask).await {
                // The host closed it just then: another will do.
                Err(Broken { unsent: true, .. }) => {}
                done => return done,
            }
        }
        let connecting = timeout(self.config.connect, connect::connect(&self.url, self.tls.as_ref()));
        let sender = match connecting.await {
            Ok(connected) => connected.map_err(|source| Broken { source, unsent: true, late: false })?,
            Err(_) => return Err(Broken { source: connect::late(), unsent: true, late: false }),
        };
        self.send(sender, ask).await
    }

    async fn send(&self, mut sender: Sender, ask: &Ask) -> Result<Answer, Broken> {
        let request = self.request(ask).map_err(|source| Broken { source, unsent: true, late: false })?;
        let sending = sender.try_send_request(request);
        let sent = match ask.waits {
            None => sending.await,
            Some(span) => {
                let longest = self.config.answer.saturating_add(span);
                match timeout(longest, sending).await {
                    Ok(sent) => sent,
                    Err(_) => return Err(Broken { source: unanswered(longest), unsent: false, late: true }),
                }
            }
        };
        match sent {
            Ok(response) => Ok(Answer { response, sender }),
            Err(mut error) => {
                let unsent = error.take_message().is_some();
                Err(Broken { source: error.into_error().into(), unsent, late: false })
            }
        }
    }

    fn request(&self, ask: &Ask) -> Result<Request<Full<Bytes>>, Source> {
        let mut request = Request::builder().method(&ask.method).uri(format!("{}{}", self.url.prefix(), ask.path));
        if let Some(headers) = request.headers_mut() {
            headers.insert(HOST, HeaderValue::from_str(&self.url.authority())?);
            headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
            if let Some(TraceContext { parent, state }) = otel::place(&Span::current()) {
                headers.insert(TRACEPARENT, HeaderValue::from_str(&parent.to_string())?);
                if let Some(state) = state {
                    headers.insert(TRACESTATE, HeaderValue::from_str(state.as_str())?);
                }
            }
            headers.extend(self.token.clone().map(|token| (AUTHORIZATION, token)));
            headers.extend(ask.headers.iter().cloned());
        }
        Ok(request.body(Full::new(ask.body.clone()))?)
    }

    async fn read(&self, answer: Answer) -> Result<Whole> {
        let Answer { response, sender } = answer;
        let (status, retry_after) = (response.status(), retry_after(&response));
        let kind =
            response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or(OCTETS).to_owned();
        let mut body = response.into_body();
        let mut bytes = BytesMut::new();
        while let Some(frame) = timeout(self.config.answer, body.frame()).await.unwrap_or_else(|_| None) {
            let frame = frame.map_err(|error| self.unreachable(error.into()))?;
            let Ok(data) = frame.into_data() else { continue };
            if (bytes.len() + data.len()) as u64 > self.config.answer_bytes {
                return Err(Error::refused(format!("the answer has more than {} bytes", self.config.answer_bytes)));
            }
            bytes.extend_from_slice(&data);
        }
        if !hyper::body::Body::is_end_stream(&body) {
            return Err(self.unreachable(connect::late()));
        }
        self.keep(sender);
        Ok(Whole { status, kind, retry_after, bytes: bytes.freeze() })
    }

    /// The error that an answer is.
    #[cfg(feature = "remote")]
    pub(super) async fn problem(&self, answer: Answer) -> Result<Error> {
        Ok(problem::error(&self.read(answer).await?))
    }

    /// Lets an answer end, of which nothing is wanted any more, and keeps its connection.
    #[cfg(feature = "remote")]
    pub(super) async fn over(&self, answer: Answer) {
        if let Err(error) = self.read(answer).await {
            tracing::debug!(error = error.chain(), "a connection was lost at the end of an answer");
        }
    }

    fn kept(&self) -> Option<Sender> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    fn keep(&self, sender: Sender) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if !sender.is_closed() && idle.len() < IDLE {
            idle.push(sender);
        }
    }
}

/// That whoever took the request says nothing.
fn unanswered(longest: Duration) -> Source {
    let why = format!("it takes connections, and did not answer within {}", humantime::format_duration(longest));
    std::io::Error::new(std::io::ErrorKind::TimedOut, why).into()
}

/// When to come again, if the host has no time now.
fn later(response: &Response<Incoming>) -> Option<Duration> {
    let busy = [StatusCode::SERVICE_UNAVAILABLE, StatusCode::TOO_MANY_REQUESTS].contains(&response.status());
    retry_after(response).filter(|_| busy).map(Duration::from_secs)
}

fn retry_after(response: &Response<Incoming>) -> Option<u64> {
    response.headers().get(RETRY_AFTER)?.to_str().ok()?.parse().ok()
}
