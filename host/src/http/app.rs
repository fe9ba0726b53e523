//! What all handlers have, and which of them answers what.

use std::sync::Arc;

use axum::Router;
use axum::routing::{delete, get, post, put};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::auth::Guard;
use super::body::Budget;
use super::config::{HttpConfig, HttpLimits};
use super::door::{self, Door, InFlight};
use super::followers::{Followers, Place};
use super::listen::Listen;
use super::origin::Hosts;
use super::principal::Caller;
use super::problem::Result;
use super::{
    attempts, bulk, call, dashboard, events, health, job, jobs, logs, metrics, modules, queues, schedules, stats,
    submit, tokens, upload, usage, webhooks, workers,
};
use crate::host::Host;
use crate::local::Local;
use crate::middleware::metrics::Metrics;
use crate::middleware::rate_limit::Limiter;
use crate::token::TokenId;

/// What all handlers have. Cloning is cheap.
#[derive(Clone, Debug)]
pub(super) struct App(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    local: Arc<Local>,
    limits: Arc<HttpLimits>,
    hosts: Hosts,
    guard: Guard,
    metrics: Metrics,
    limiter: Option<Limiter<Option<TokenId>>>,
    budget: Budget,
    in_flight: Arc<Semaphore>,
    followers: Followers,
    uploads: Semaphore,
    attempts: Arc<Semaphore>,
    spool: std::path::PathBuf,
    totals: stats::Totals,
    drain: CancellationToken,
}

impl App {
    pub(super) fn new(
        local: Arc<Local>,
        config: &HttpConfig,
        listen: &Listen,
        limits: Arc<HttpLimits>,
        drain: CancellationToken,
    ) -> Self {
        Self(Arc::new(Inner {
            limiter: config.rate.map(Limiter::new),
            metrics: config.metrics.clone(),
            guard: Guard::new(local.host().tokens(), config.auth),
            attempts: Arc::new(Semaphore::new(local.host().capacity())),
            local,
            hosts: Hosts::of(listen, &config.hosts),
            budget: Budget::new(limits.bodies_bytes),
            in_flight: Arc::new(Semaphore::new(limits.in_flight)),
            followers: Followers::new(&limits),
            uploads: Semaphore::new(limits.uploads.max(1)),
            spool: config.spool.clone().unwrap_or_else(std::env::temp_dir),
            totals: stats::Totals::default(),
            limits,
            drain,
        }))
    }

    pub(super) fn local(&self) -> &Local {
        &self.0.local
    }

    pub(super) fn host(&self) -> &Host {
        self.0.local.host()
    }

    pub(super) fn limits(&self) -> &HttpLimits {
        &self.0.limits
    }

    pub(super) fn hosts(&self) -> &Hosts {
        &self.0.hosts
    }

    pub(super) fn guard(&self) -> &Guard {
        &self.0.guard
    }

    /// Counts so many requests against the token of a caller.
    pub(super) fn charge(&self, caller: &Caller, count: u64) -> Result<()> {
        let whose = || caller.token.map_or_else(|| "those without a token".into(), |id| format!("token {id}"));
        match &self.0.limiter {
            Some(limiter) => Ok(limiter.check(&caller.token, count, whose)?),
            None => Ok(()),
        }
    }

    pub(super) fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    pub(super) fn totals(&self) -> &stats::Totals {
        &self.0.totals
    }

    pub(super) fn budget(&self) -> &Budget {
        &self.0.budget
    }

    pub(super) fn in_flight(&self) -> &Arc<Semaphore> {
        &self.0.in_flight
    }

    pub(super) fn uploads(&self) -> &Semaphore {
        &self.0.uploads
    }

    /// The places of attempts that are run for other hosts.
    pub(super) fn attempts(&self) -> &Arc<Semaphore> {
        &self.0.attempts
    }

    pub(super) fn spool(&self) -> &std::path::Path {
        &self.0.spool
    }

    /// Fires when the server takes nothing new.
    pub(super) fn drain(&self) -> &CancellationToken {
        &self.0.drain
    }

    /// The place of one who waits for a job, in return for that of a request that is being answered.
    pub(super) fn follow(&self, caller: &Caller, request: &InFlight) -> Result<Place> {
        let place = self.0.followers.admit(caller)?;
        request.release();
        Ok(place)
    }
}

/// All that answers.
pub(super) fn entrance(app: App) -> Door {
    let routes = routes().with_state(app.clone());
    Door::new(app, routes)
}

/// Which handler answers what. The templates are those of `template.rs`.
fn routes() -> Router<App> {
    Router::new()
        .route("/v1/attempts", post(attempts::run))
        .route("/v1/call/{module}/{function}", post(call::call))
        .route("/v1/submit/{module}/{function}", post(submit::submit))
        .route("/v1/submit/{module}/{function}/bulk", post(bulk::bulk))
        .route("/v1/jobs", get(jobs::list))
        .route("/v1/jobs/{id}", get(job::show).delete(job::remove))
        .route("/v1/jobs/{id}/output", get(job::output))
        .route("/v1/jobs/{id}/input", get(job::input))
        .route("/v1/jobs/{id}/logs", get(logs::logs))
        .route("/v1/jobs/{id}/events", get(events::events))
        .route("/v1/jobs/{id}/cancel", post(job::cancel))
        .route("/v1/jobs/{id}/retry", post(job::retry))
        .route("/v1/modules", get(modules::list).put(upload::upload))
        .route("/v1/modules/{module}", get(modules::show).put(upload::upload_as).delete(modules::remove))
        .route("/v1/aliases/{name}", put(modules::alias).delete(modules::unalias))
        .route("/v1/schedules", get(schedules::list))
        .route("/v1/schedules/{name}", get(schedules::show).put(schedules::put).delete(schedules::remove))
        .route("/v1/schedules/{name}/input", get(schedules::input))
        .route("/v1/schedules/{name}/pause", post(schedules::pause))
        .route("/v1/schedules/{name}/resume", post(schedules::resume))
        .route("/v1/schedules/{name}/run", post(schedules::run))
        .route("/v1/queues", get(queues::list))
        .route("/v1/queues/{queue}", get(queues::show).put(queues::set).delete(queues::remove))
        .route("/v1/queues/{queue}/pause", post(queues::pause))
        .route("/v1/queues/{queue}/resume", post(queues::resume))
        .route("/v1/functions", get(queues::list_functions))
        .route(
            "/v1/functions/{module}/{function}",
            get(queues::show_function).put(queues::set_function).delete(queues::remove_function),
        )
        .route("/v1/workers", get(workers::list))
        .route("/v1/workers/{worker}/drain", post(workers::drain))
        .route("/v1/tokens", get(tokens::list).post(tokens::create))
        .route("/v1/tokens/{token}", delete(tokens::remove))
        .route("/v1/webhook-secret", get(webhooks::show))
        .route("/v1/webhook-secret/rotate", post(webhooks::rotate))
        .route("/v1/stats", get(stats::stats))
        .route("/v1/usage", get(usage::usage))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(metrics::metrics))
        .route("/openapi.json", get(super::openapi::document))
        .route("/", get(dashboard::page))
        .route("/assets/{file}", get(dashboard::asset))
        .fallback(door::no_route)
        .method_not_allowed_fallback(door::bad_method)
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::{Request, StatusCode};
    use tower::ServiceExt as _;

    use super::*;
    use crate::http::template::TEMPLATES;
    use crate::local::LocalConfig;

    #[tokio::test]
    async fn every_template_has_a_route_and_no_other_path_does() {
        let local = Arc::new(Local::temporary(LocalConfig::default()).await.unwrap());
        let config = HttpConfig::default();
        let app = App::new(local, &config, &config.listen, Arc::default(), CancellationToken::new());
        let routes = routes().with_state(app);
        // By no method that is allowed, so that a route is known by that and no handler runs.
        let asked = async |path: &str| {
            let request = Request::builder().method("PATCH").uri(path).body(Body::empty()).unwrap();
            routes.clone().oneshot(request).await.unwrap().status()
        };
        for template in TEMPLATES {
            let path = template.replace(['{', '}'], "");
            assert_eq!(asked(&path).await, StatusCode::METHOD_NOT_ALLOWED, "{template}");
            assert_eq!(asked(&format!("{path}/x/y/z")).await, StatusCode::NOT_FOUND, "{template}");
        }
    }
}
