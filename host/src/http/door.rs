//! What every request passes before its handler, and every answer on its way out. In this order: a name, a net under panics, the
//! host it is meant for, the length of its URL, a place among those that are being answered, and who asks.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, X_CONTENT_TYPE_OPTIONS};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, Uri};
use axum::response::{IntoResponse, Response};
use futures::FutureExt as _;
use tokio::sync::OwnedSemaphorePermit;
use tower::Service as _;
use tracing::Instrument as _;

use super::access::{Access, Peer};
use super::app::App;
use super::config::HttpLimits;
use super::path::FunctionPath;
use super::principal::{self, Caller};
use super::problem::{INERT, Problem, Result};
use super::query::Query;
use super::{body, call, metrics, request_id};
use crate::error::{Error, Misuse};
use crate::middleware::metrics::Answer;

/// What is asked by those who watch over this host, and must be answered above all when it is busy.
pub(super) const WATCHED: [&str; 3] = ["/healthz", "/readyz", "/metrics"];

/// The place of a request among those that are being answered. Free again when the last clone goes, or when it is given up.
#[derive(Clone, Debug)]
pub(super) struct InFlight(Arc<Mutex<Option<OwnedSemaphorePermit>>>);

impl InFlight {
    /// Gives the place up: from here on the request only waits.
    pub(super) fn release(&self) {
        drop(self.0.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}

/// What the door knows of a request that it let in.
#[derive(Clone, Debug)]
struct Admitted {
    caller: Caller,
    place: InFlight,
}

impl FromRequestParts<App> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _app: &App) -> Result<Self> {
        Ok(admitted(parts)?.caller.clone())
    }
}

impl FromRequestParts<App> for InFlight {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _app: &App) -> Result<Self> {
        Ok(admitted(parts)?.place.clone())
    }
}

/// Who came another way is nobody.
fn admitted(parts: &Parts) -> Result<&Admitted> {
    let nobody = || Error::request(Misuse::Unauthenticated, "nobody was asked who they are").into();
    parts.extensions.get().ok_or_else(nobody)
}

/// The door, and the routes behind it. Cloning is cheap.
#[derive(Clone, Debug)]
pub(super) struct Door {
    app: App,
    routes: Router,
}

impl Door {
    pub(super) fn new(app: App, routes: Router) -> Self {
        Self { app, routes }
    }

    /// Answers a request from there.
    pub(super) async fn answer(self, request: Request, peer: Option<Peer>) -> Response {
        let app = self.app.clone();
        let _ongoing = app.metrics().request();
        let method = metrics::label(request.method());
        let id = request_id::of(request.headers());
        let mut access = Access::new(&request, peer, method, id.clone());
        let span = access.span.clone();
        let answering = self.answered(request, &mut access);
        let mut response = request_id::scope(id.clone(), answering).instrument(span).await;
        access.answered(&response);
        let (route, status, took) = (access.route(), response.status().as_u16(), access.began().elapsed());
        app.metrics().answered(Answer { method, route, status, took });
        let headers = response.headers_mut();
        headers.insert(request_id::HEADER, id);
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.entry(CONTENT_SECURITY_POLICY).or_insert(const { HeaderValue::from_static(INERT) });
        headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
        response
    }

    /// An answer, whatever happens: a bug met by one request costs no other.
    async fn answered(self, request: Request, access: &mut Access) -> Response {
        // Boxed: each of the futures around it would be its size twice over, and is moved about.
        let admitted = Box::pin(self.admitted(request, access));
        match AssertUnwindSafe(admitted).catch_unwind().await {
            Ok(answer) => answer.into_response(),
            Err(_panic) => Problem(Error::request(Misuse::Panic, "this request met a bug of au-host")).into_response(),
        }
    }

    async fn admitted(self, request: Request, access: &mut Access) -> Result {
        let Self { app, mut routes } = self;
        app.hosts().check(&request)?;
        let most = app.limits().url_bytes;
        if request.uri().path_and_query().is_some_and(|url| url.as_str().len() > most) {
            return Err(Error::request(Misuse::LongUrl, format!("the URL has more than {most} bytes")).into());
        }
        let watched = WATCHED.contains(&request.uri().path());
        let place = if watched { None } else { Some(place(&app)?) };
        let (mut parts, body) = request.into_parts();
        let caller = principal::establish(&app, &parts).await?;
        access.by(&caller);
        if !watched {
            app.charge(&caller, 1)?;
        }
        if let Some(path) = FunctionPath::of_call(&parts) {
            // To a call, which is short, the router and its boxes are a tenth of all it costs.
            let query = Query::of(parts.uri.query().unwrap_or_default());
            let answer = call::call(State(app), caller, path?, query, Request::from_parts(parts, body)).await;
            drop(place);
            return answer;
        }
        // Held here too: what a handler does not ask for goes before it begins.
        let held = InFlight(Arc::new(Mutex::new(place)));
        parts.extensions.insert(Admitted { caller, place: held.clone() });
        let most = answers_within(app.limits(), &parts.method, &parts.uri);
        let answering = routes.call(Request::from_parts(parts, body));
        let answered = match most {
            Some(most) => tokio::time::timeout(most, answering).await.map_err(|_late| too_slow(most))?,
            None => answering.await,
        };
        drop(held);
        let Ok(answer) = answered;
        Ok(answer)
    }
}

/// How long a request may take; `None` for those that have limits of their own.
fn answers_within(limits: &HttpLimits, method: &Method, uri: &Uri) -> Option<Duration> {
    let (path, query) = (uri.path(), uri.query().unwrap_or(""));
    let waits = path.starts_with("/v1/call/")
        || path.ends_with("/events")
        || path == "/v1/attempts"
        || (method == Method::PUT && path.starts_with("/v1/modules"))
        || (!query.is_empty() && form_urlencoded::parse(query.as_bytes()).any(|(name, _)| name == "wait"));
    // A body may take its own time before.
    let body = if path.starts_with("/v1/submit/") { body::longest(limits) } else { Duration::ZERO };
    (!waits).then(|| limits.handler + body)
}

fn too_slow(most: Duration) -> Problem {
    tracing::error!(limit = ?most, "a request was not answered in time; is the disk stuck?");
    let why = format!("this host did not answer within {}; it may still do it", humantime::format_duration(most));
    Problem(Error::request(Misuse::SlowHost, why))
}

fn place(app: &App) -> Result<OwnedSemaphorePermit> {
    let free = Arc::clone(app.in_flight()).try_acquire_owned();
    free.map_err(|_| Problem(Error::Busy { retry_after: Duration::from_secs(1) }))
}

pub(super) async fn no_route(uri: Uri) -> Problem {
    Problem(Error::request(Misuse::NoRoute, format!("there is nothing at {}", crate::id::shorten(uri.path()))))
}

pub(super) async fn bad_method(method: Method, uri: Uri) -> Problem {
    let (method, path) = (crate::id::shorten(method.as_str()), crate::id::shorten(uri.path()));
    Problem(Error::request(Misuse::BadMethod, format!("{path} cannot be asked by {method}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;
    use axum::routing::get;
    use http_body_util::BodyExt as _;
    use tokio_util::sync::CancellationToken;

    use crate::http::{HttpConfig, HttpLimits};
    use crate::local::{Local, LocalConfig};

    async fn stuck() -> Response {
        std::future::pending().await
    }

    #[tokio::test]
    async fn a_handler_that_is_stuck_is_a_503_in_time_and_costs_no_place() {
        let local = Arc::new(Local::temporary(LocalConfig::default()).await.unwrap());
        let limits = HttpLimits { in_flight: 1, handler: Duration::from_millis(50), ..HttpLimits::default() };
        let config = HttpConfig::default();
        let app = App::new(local, &config, &config.listen, Arc::new(limits), CancellationToken::new());
        let door = Door::new(app, Router::new().route("/stuck", get(stuck)));
        for _ in 0..2 {
            let request = Request::get("/stuck").header("host", "localhost").body(Body::empty()).unwrap();
            let answer = door.clone().answer(request, None).await;
            assert_eq!(answer.status().as_u16(), 503);
            assert!(answer.headers().contains_key("retry-after"));
            let body = answer.into_body().collect().await.unwrap().to_bytes();
            let problem: serde_json::Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(problem["code"], "host_too_slow");
        }
    }

    #[test]
    fn whatever_waits_by_its_nature_is_not_held_to_the_time_of_others() {
        let limits = HttpLimits::default();
        let within = |method: Method, uri: &str| answers_within(&limits, &method, &uri.parse().unwrap());
        for (method, uri) in [
            (Method::POST, "/v1/call/m/f?timeout=2h"),
            (Method::GET, "/v1/jobs/x/events"),
            (Method::GET, "/v1/jobs/x?wait=60s"),
            (Method::PUT, "/v1/modules/m"),
            (Method::PUT, "/v1/modules"),
        ] {
            assert_eq!(within(method, uri), None, "{uri}");
        }
        assert_eq!(within(Method::GET, "/v1/jobs?label=wait%3D1"), Some(limits.handler));
        assert!(within(Method::POST, "/v1/submit/m/f").unwrap() > limits.handler + limits.body);
    }

    async fn broken() -> Response {
        panic!("of a secret")
    }

    #[tokio::test]
    async fn h10_a_panic_in_a_handler_is_a_500_with_the_requests_name_and_costs_no_place() {
        let local = Arc::new(Local::temporary(LocalConfig::default()).await.unwrap());
        let limits = Arc::new(HttpLimits { in_flight: 1, ..HttpLimits::default() });
        let config = HttpConfig::default();
        let app = App::new(local, &config, &config.listen, limits, CancellationToken::new());
        let door = Door::new(app, Router::new().route("/broken", get(broken)));
        for _ in 0..2 {
            let request = Request::get("/broken").header("host", "localhost").header("x-request-id", "r-1");
            let answer = door.clone().answer(request.body(Body::empty()).unwrap(), None).await;
            assert_eq!((answer.status().as_u16(), &answer.headers()["x-request-id"]), (500, &"r-1".parse().unwrap()));
            let body = answer.into_body().collect().await.unwrap().to_bytes();
            let problem: serde_json::Value = serde_json::from_slice(&body).unwrap();
            assert_eq!((&problem["code"], &problem["request_id"]), (&"internal".into(), &"r-1".into()));
            assert!(!String::from_utf8_lossy(&body).contains("secret"), "what is within stays within");
        }
    }
}
