//! The access log: one event for each request, at `info` under the target `au_host::request`, and a span around it.
//!
//! Of what a client sent there is the template of the route, never the path or the query, which may have secrets in it; of its
//! token, the id. Probes and scrapes are logged only where somebody asks for `debug`.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use axum::http::header::LOCATION;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::Response;
use tracing::Span;
use tracing::field::{Empty, display};

use super::door::WATCHED;
use super::principal::Caller;
use super::problem::Bare;
use super::template;
use crate::id::JobId;
use crate::middleware::metrics::{Answer, Metrics};
use crate::otel::{self, Role};
use crate::span::{millis, trace_id};
use crate::trace::TraceContext;

const REQUEST: &str = "au_host::request";
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");
const JOBS: &str = "/v1/jobs/";
/// The route of what has none.
const NONE: &str = "none";

/// Who is at the other end of a connection. A proxy, if there is one: what it says of others is not believed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer(pub(super) IpAddr);

/// What is said of a request once it was answered; or when its client has gone before that.
#[derive(Debug)]
pub(super) struct Access {
    pub(super) span: Span,
    began: Instant,
    method: &'static str,
    route: Option<&'static str>,
    id: HeaderValue,
    peer: Option<IpAddr>,
    caller: Option<Caller>,
    job: Option<JobId>,
    status: Option<u16>,
}

impl Access {
    pub(super) fn new(
        request: &axum::extract::Request,
        peer: Option<Peer>,
        method: &'static str,
        id: HeaderValue,
    ) -> Self {
        let route = template::of(request.uri().path());
        let span = tracing::info_span!(
            target: REQUEST,
            "request",
            request_id = text(&id),
            http.request.method = method,
            http.route = route,
            http.response.status_code = Empty,
            tenant = Empty,
            token = Empty,
            otel.kind = Empty,
            otel.name = Empty,
            otel.status_code = Empty,
        );
        let role = Role { kind: "server", parent: trace(request.headers()) };
        otel::begin(&span, role, || match route {
            Some(route) => format!("{method} {route}"),
            None => method.to_owned(),
        });
        let (job, peer) = (named(request.uri().path()), peer.map(|peer| peer.0));
        Self { span, began: Instant::now(), method, route, id, peer, caller: None, job, status: None }
    }

    pub(super) fn began(&self) -> Instant {
        self.began
    }

    /// The template of its route: what a caller made up is no label.
    pub(super) fn route(&self) -> &'static str {
        self.route.unwrap_or(NONE)
    }

    /// It is known who asks.
    pub(super) fn by(&mut self, caller: &Caller) {
        self.span.record("tenant", caller.principal.as_deref());
        self.span.record("token", caller.token.map(display));
        self.caller = Some(caller.clone());
    }

    pub(super) fn answered(&mut self, response: &Response) {
        let status = response.status().as_u16();
        self.span.record("http.response.status_code", status);
        if status >= 500 {
            otel::failed(&self.span);
        }
        self.status = Some(status);
        let made = response.headers().get(LOCATION).and_then(|location| location.to_str().ok());
        self.job = self.job.or(made.and_then(named));
    }
}

/// That something was refused which is no request: it has no method and no route, and is of no trace.
pub(super) fn unread(answer: &Bare, peer: Option<Peer>, metrics: &Metrics) {
    let Bare { id, status, .. } = answer;
    metrics.answered(Answer { method: "other", route: NONE, status: *status, took: Duration::ZERO });
    let peer = peer.map(|peer| display(peer.0));
    tracing::info!(target: REQUEST, parent: None, request_id = text(id), route = NONE, status, peer, "request");
}

impl Drop for Access {
    fn drop(&mut self) {
        let watch = self.route.is_some_and(|route| WATCHED.contains(&route));
        if watch && !tracing::enabled!(target: REQUEST, tracing::Level::DEBUG) {
            return;
        }
        let caller = self.caller.as_ref();
        tracing::info!(
            target: REQUEST,
            parent: None,
            request_id = text(&self.id),
            method = self.method,
            route = self.route(),
            status = self.status,
            abandoned = self.status.is_none().then_some(true),
            duration_ms = millis(self.began.elapsed()),
            job = self.job.map(display),
            tenant = caller.and_then(|caller| caller.principal.as_deref()),
            token = caller.and_then(|caller| caller.token).map(display),
            peer = self.peer.map(display),
            trace_id = trace_id(&self.span),
            "request"
        );
    }
}

fn text(id: &HeaderValue) -> Option<&str> {
    id.to_str().ok()
}

/// The trace that a client says its request is part of. Two of them are as none, and so is one that is wrong.
fn trace(headers: &HeaderMap) -> Option<TraceContext> {
    let mut sent = headers.get_all(TRACEPARENT).iter();
    let only = sent.next().filter(|_| sent.next().is_none())?;
    // A state may come in pieces, of which one that is no text spoils all.
    let state: Option<Vec<_>> = headers.get_all(TRACESTATE).iter().map(|piece| piece.to_str().ok()).collect();
    TraceContext::read(only.to_str().ok()?, state.map(|pieces| pieces.join(",")).as_deref())
}

/// The job that a path is about.
fn named(path: &str) -> Option<JobId> {
    path.strip_prefix(JOBS)?.split('/').next()?.parse().ok()
}
