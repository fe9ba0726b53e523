//! Where spans are sent, as the environment variables of OpenTelemetry say it.

use std::sync::atomic::Ordering;
use std::time::Duration;

use opentelemetry::trace::TracerProvider as _;
use opentelemetry::{Key, KeyValue, Value};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{BatchSpanProcessor, SdkTracerProvider};
use tracing::subscriber::Interest;
use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::filter::{LevelFilter, dynamic_filter_fn};
use tracing_subscriber::layer::Layer;
use tracing_subscriber::registry::LookupSpan;

use super::ON;
use super::watched::Watched;
use super::wire::Wire;
use crate::client::{Post, PostConfig};
use crate::error::{Error, Result};
use crate::span::GUEST;

/// What a host is called among services, unless it is told otherwise.
const NAME: &str = "au-host";
/// Longest to wait for a collector, unless it is told otherwise.
const TIMEOUT: Duration = Duration::from_secs(10);
const PATH: &str = "/v1/traces";

/// Sends spans to a collector, by OTLP over HTTP. Spans wait in a queue that is bounded; those that find no room are dropped.
///
/// Dropped, it says nothing more, and what waits is lost: [`end`](Export::end) it.
///
/// ```no_run
/// use std::time::Duration;
///
/// use au_host::otel::Export;
/// use tracing_subscriber::layer::SubscriberExt as _;
///
/// if let Some(export) = Export::configured(None)? {
///     let subscriber = tracing_subscriber::registry().with(export.layer());
///     tracing::subscriber::set_global_default(subscriber).expect("the first one");
///     // …
///     export.end(Duration::from_secs(2));
/// }
/// # Ok::<(), au_host::Error>(())
/// ```
#[derive(Debug)]
pub struct Export {
    provider: SdkTracerProvider,
}

impl Export {
    /// As the environment says, else to the collector at `endpoint`; `None` where neither names one: nothing is made then.
    ///
    /// Read are `OTEL_EXPORTER_OTLP_ENDPOINT`, `_HEADERS`, `_TIMEOUT` and `_CERTIFICATE`, each also as `OTEL_EXPORTER_OTLP_TRACES_…`,
    /// `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES`, `OTEL_TRACES_SAMPLER` with `_ARG`, `OTEL_BSP_…`, the limits of spans, and,
    /// to say that nothing is to be sent, `OTEL_SDK_DISABLED=true` and `OTEL_TRACES_EXPORTER=none`.
    ///
    /// # Errors
    /// `Invalid` for what is set to something that cannot be.
    pub fn configured(endpoint: Option<&str>) -> Result<Option<Self>> {
        let off = set("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true"))
            || set("OTEL_TRACES_EXPORTER").is_some_and(|value| value == "none");
        match target(endpoint).filter(|_| !off) {
            Some(target) => Self::to(&target).map(Some),
            None => Ok(None),
        }
    }

    fn to(target: &str) -> Result<Self> {
        if let Some(other) = setting("PROTOCOL").filter(|protocol| protocol != "http/protobuf") {
            let why = format!("{:?} is not spoken here; http/protobuf is", crate::id::shorten(&other));
            return Err(Error::invalid("OTEL_EXPORTER_OTLP_PROTOCOL", why));
        }
        let timeout = setting("TIMEOUT").and_then(|millis| millis.parse().ok()).map_or(TIMEOUT, Duration::from_millis);
        let post = Post::new(target, PostConfig { timeout, certificate: setting("CERTIFICATE").map(Into::into) })?;
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(Wire::new(post)?)
            .with_endpoint(target)
            .with_protocol(Protocol::HttpBinary)
            .with_timeout(timeout)
            .build()
            .map_err(|error| Error::invalid("OpenTelemetry", error.to_string()))?;
        let spans = BatchSpanProcessor::builder(Watched::new(exporter)).build();
        let provider = SdkTracerProvider::builder().with_span_processor(spans).with_resource(resource()).build();
        Ok(Self { provider })
    }

    /// What makes spans of `tracing` spans of OpenTelemetry: requests, submits, attempts, and what guests say.
    pub fn layer<S>(&self) -> impl Layer<S> + Send + Sync + use<S>
    where
        S: Subscriber + for<'a> LookupSpan<'a> + Send + Sync,
    {
        ON.store(true, Ordering::Relaxed);
        tracing_opentelemetry::layer()
            .with_tracer(self.provider.tracer(NAME))
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_tracked_inactivity(false)
            .with_context_activation(false)
            .with_filter(
                dynamic_filter_fn(|of, _| belongs(of))
                    .with_max_level_hint(LevelFilter::DEBUG)
                    // Never "always": see <https://github.com/tokio-rs/tracing/issues/2519>.
                    .with_callsite_filter(|of| if belongs(of) { Interest::sometimes() } else { Interest::never() }),
            )
    }

    /// Sends what waits, within this time; what is left then is lost.
    pub fn end(self, longest: Duration) {
        ON.store(false, Ordering::Relaxed);
        // Why it could not be sent was told by the exporter; that time ran out is what was asked for.
        let _ = self.provider.shutdown_with_timeout(longest);
    }
}

/// Whether this is told to a collector: our spans, what guests say in them, and what goes wrong in them.
fn belongs(of: &Metadata<'_>) -> bool {
    let level = if of.target() == GUEST {
        Level::DEBUG
    } else if of.is_span() {
        Level::INFO
    } else {
        Level::WARN
    };
    of.target().starts_with("au_host") && *of.level() <= level
}

/// The URL of the collector: the environment's own words for traces, its word for all signals, and what was configured.
fn target(endpoint: Option<&str>) -> Option<String> {
    let base = |url: &str| format!("{}{PATH}", url.trim_end_matches('/'));
    set("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
        .or_else(|| set("OTEL_EXPORTER_OTLP_ENDPOINT").map(|url| base(&url)))
        .or_else(|| endpoint.filter(|url| !url.is_empty()).map(base))
}

fn resource() -> Resource {
    const SERVICE: Key = Key::from_static_str("service.name");
    let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
    let told = Resource::builder().with_attribute(version).build();
    let named = told.get(&SERVICE).is_some_and(|name| !name.as_str().starts_with("unknown_service"));
    if named {
        return told;
    }
    let attributes = told.iter().map(|(key, value)| KeyValue::new(key.clone(), value.clone()));
    Resource::builder_empty()
        .with_attributes(attributes)
        .with_attribute(KeyValue::new(SERVICE, Value::from(NAME)))
        .build()
}

/// A setting of the exporter: for traces, else for all signals.
fn setting(name: &str) -> Option<String> {
    set(&format!("OTEL_EXPORTER_OTLP_TRACES_{name}")).or_else(|| set(&format!("OTEL_EXPORTER_OTLP_{name}")))
}

/// A variable of the environment, if it has a value: an empty one is as one that is not set.
fn set(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
