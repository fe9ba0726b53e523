//! `GET /metrics`: figures for Prometheus. Those of this process, and of what waits and runs, which the store knows of all.

use std::sync::atomic::AtomicU64;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, Method};
use axum::response::{IntoResponse, Response};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode_registry;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::app::App;
use super::problem::Result;
use crate::clock::Clock;
use crate::error::Error;
use crate::lanes::DEFAULT_QUEUE;
use crate::middleware::metrics::Text;
use crate::policies::QueuePolicy;
use crate::queues::QueueInfo;
use crate::store::Depth;

const TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// Queues that are told apart: whoever submits can make up as many as it likes. Those with a policy come first.
const QUEUES: usize = 200;

/// Figures, as Prometheus reads them.
#[utoipa::path(get, path = "/metrics", tag = "health",
    responses((status = 200, description = "figures, in the OpenMetrics text format"), super::openapi::Refusals))]
pub(super) async fn metrics(State(app): State<App>) -> Result {
    let now = Clock::system().now();
    let Depth { pending, due, oldest_due, running } = app.host().store().depth(now).await?;
    let age = oldest_due.map_or(0.0, |since| now.since(since).as_secs_f64());
    let mut shared = Registry::with_prefix("au");
    for (name, help, value) in [
        ("jobs_pending", "Jobs that wait, of all hosts on this store", pending),
        ("jobs_due", "Jobs that wait though their time has come", due),
        ("jobs_running", "Jobs that run, on all hosts on this store", running),
    ] {
        count(&mut shared, name, help, value);
    }
    let oldest = Gauge::<f64, AtomicU64>::default();
    oldest.set(age);
    shared.register("queue_age_seconds", "How long the job is due that has been longest", oldest);
    by_queue(&mut shared, app.host().queues().await?);
    let mut text = app.metrics().text()?;
    encode_registry(&mut text, &shared).map_err(|error| Error::fault("metrics", error))?;
    text.push_str("# EOF\n");
    let mut response: Response = text.into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(TYPE));
    Ok(response)
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Queue {
    queue: Text,
}

type OfQueues = Family<Queue, Gauge<u64, AtomicU64>>;

fn by_queue(registry: &mut Registry, mut queues: Vec<QueueInfo>) {
    queues.sort_by_key(|queue| (queue.name != DEFAULT_QUEUE, queue.policy == QueuePolicy::default()));
    let [pending, running, limits, paused] = std::array::from_fn(|_| OfQueues::default());
    let left_out = queues.len().saturating_sub(QUEUES);
    for QueueInfo { name, policy, pending: waits, running: runs } in queues.into_iter().take(QUEUES) {
        let queue = Queue { queue: Text(name) };
        let set = |family: &OfQueues, value| {
            family.get_or_create(&queue).set(value);
        };
        set(&pending, waits.unwrap_or(0));
        set(&running, runs.unwrap_or(0));
        set(&paused, policy.paused.into());
        policy.concurrency.into_iter().for_each(|most| set(&limits, most.get()));
    }
    registry.register("queue_pending", "Jobs of each queue that wait, of all hosts on this store", pending);
    registry.register("queue_running", "Jobs of each queue that run, on all hosts on this store", running);
    registry.register("queue_limit", "How many of each queue may run", limits);
    registry.register("queue_paused", "Whether a queue is paused: 1, else 0", paused);
    let help = "Queues that are not told apart, for there are too many";
    count(registry, "queues_left_out", help, left_out as u64);
}

fn count(registry: &mut Registry, name: &str, help: &str, value: u64) {
    let gauge = Gauge::<u64, AtomicU64>::default();
    gauge.set(value);
    registry.register(name, help, gauge);
}

/// A method as a label: what a caller made up is none.
pub(super) fn label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        _ => "other",
    }
}
