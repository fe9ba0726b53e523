//! Figures for Prometheus: attempts by a middleware, requests by the edge that answers them. Counted in this process since it began;
//! what is true of all processes is read from the store when it is asked for, by the edge.

use std::collections::HashSet;
use std::fmt::{self, Write as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::{Middleware, Next};
use crate::attempt::{Attempt, Report};
use crate::backend::Context;
use crate::error::{Error, Result};
use crate::failure::FailureKind;

/// Functions that are told apart; those that come later are `other`. A caller can make up as many names as it likes.
const FUNCTIONS: usize = 100;
const BUCKETS: [f64; 13] = [0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0, 300.0, 3600.0];

/// Counts. Clones count together.
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

struct Inner {
    registry: Registry,
    functions: Mutex<HashSet<String>>,
    attempts: Times<Ended>,
    running: Gauge,
    limits: Family<Limit, Counter>,
    requests: Times<Answered>,
    in_flight: Gauge,
    connections: Gauge,
}

type Times<L> = Family<L, Histogram, fn() -> Histogram>;

/// What somebody else chose, as the value of a label, escaped as [OpenMetrics](https://prometheus.io/docs/specs/om/open_metrics_spec/#escaping)
/// says: the encoder leaves that to us.
#[derive(Clone, Debug, Hash, PartialEq, Eq)]
pub(crate) struct Text(pub(crate) String);

impl EncodeLabelValue for Text {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '\\' => encoder.write_str("\\\\")?,
                '"' => encoder.write_str("\\\"")?,
                '\n' => encoder.write_str("\\n")?,
                c => encoder.write_char(c)?,
            }
        }
        Ok(())
    }
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Ended {
    function: Text,
    status: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Limit {
    kind: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Answered {
    method: &'static str,
    route: &'static str,
    status: u16,
}

/// An answer to a request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer {
    /// A method of HTTP, or `other`.
    pub(crate) method: &'static str,
    /// The template of its route: what a caller made up is no label.
    pub(crate) route: &'static str,
    pub(crate) status: u16,
    pub(crate) took: Duration,
}

/// Something that goes on, until it is dropped.
#[derive(Debug)]
pub(crate) struct Ongoing(Gauge);

impl Ongoing {
    fn new(gauge: &Gauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Ongoing {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

impl Default for Metrics {
    fn default() -> Self {
        let histogram: fn() -> Histogram = || Histogram::new(BUCKETS);
        let mut inner = Inner {
            registry: Registry::with_prefix("au"),
            functions: Mutex::default(),
            attempts: Family::new_with_constructor(histogram),
            running: Gauge::default(),
            limits: Family::default(),
            requests: Family::new_with_constructor(histogram),
            in_flight: Gauge::default(),
            connections: Gauge::default(),
        };
        let registry = &mut inner.registry;
        registry.register("attempt_seconds", "Attempts of jobs and calls that ended here", inner.attempts.clone());
        registry.register("attempts_running", "Attempts that run here", inner.running.clone());
        registry.register("sandbox_limits", "Attempts that ran into a limit of their sandbox", inner.limits.clone());
        registry.register("http_request_seconds", "Requests that were answered here", inner.requests.clone());
        registry.register("http_requests_in_flight", "Requests that are being answered", inner.in_flight.clone());
        registry.register("http_connections", "Connections that are open", inner.connections.clone());
        Self(Arc::new(inner))
    }
}

impl Metrics {
    /// All figures, in the text format of OpenMetrics but for its last line.
    pub(crate) fn text(&self) -> Result<String> {
        let mut text = String::new();
        prometheus_client::encoding::text::encode_registry(&mut text, &self.0.registry)
            .map_err(|error| Error::fault("metrics", error))?;
        Ok(text)
    }

    pub(crate) fn answered(&self, answer: Answer) {
        let Answer { method, route, status, took } = answer;
        let labels = Answered { method, route, status };
        self.0.requests.get_or_create(&labels).observe(took.as_secs_f64());
    }

    pub(crate) fn request(&self) -> Ongoing {
        Ongoing::new(&self.0.in_flight)
    }

    pub(crate) fn connection(&self) -> Ongoing {
        Ongoing::new(&self.0.connections)
    }

    /// A function's name as a label.
    fn function(&self, name: String) -> String {
        let mut known = self.0.functions.lock().unwrap_or_else(PoisonError::into_inner);
        if known.contains(&name) {
            return name;
        }
        if known.len() >= FUNCTIONS || name.len() > 128 {
            return "other".into();
        }
        known.insert(name.clone());
        name
    }

    fn ended(&self, function: String, ended: &Result<Report>, took: Duration) {
        let failure = ended.as_ref().ok().and_then(|report| report.outcome.as_ref().err());
        let status = match (ended, failure) {
            (Err(_), _) => "not-run",
            (Ok(_), None) => "completed",
            (Ok(_), Some(failure)) if failure.kind == FailureKind::Cancelled => "cancelled",
            (Ok(_), Some(_)) => "failed",
        };
        let labels = Ended { function: Text(self.function(function)), status };
        self.0.attempts.get_or_create(&labels).observe(took.as_secs_f64());
        if let Some(failure) = failure.filter(|failure| failure.limit.is_some()) {
            self.0.limits.get_or_create(&Limit { kind: failure.kind.code() }).inc();
        }
    }
}

#[async_trait]
impl Middleware for Metrics {
    async fn around(&self, attempt: Attempt, context: &Context, next: Next<'_>) -> Result<Report> {
        let _running = Ongoing::new(&self.0.running);
        let (function, began) = (attempt.function.clone(), Instant::now());
        let ended = next.run(attempt, context).await;
        self.ended(function, &ended, began.elapsed());
        ended
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_never_ends_its_label() {
        let metrics = Metrics::default();
        metrics.ended("a\"} 1\n\\b".into(), &Err(Error::ShuttingDown), Duration::ZERO);
        let text = metrics.text().unwrap();
        assert!(text.contains(r#"count{function="a\"} 1\n\\b",status="not-run"} 1"#), "{text}");
    }

    #[test]
    fn made_up_names_make_no_labels() {
        let metrics = Metrics::default();
        for number in 0..FUNCTIONS + 50 {
            metrics.ended(format!("f{number}"), &Err(Error::ShuttingDown), Duration::ZERO);
        }
        let text = metrics.text().unwrap();
        assert!(text.contains("function=\"f99\"") && !text.contains("function=\"f100\""), "{text}");
        assert!(text.contains("au_attempt_seconds_count{function=\"other\",status=\"not-run\"} 50"), "{text}");
    }
}
