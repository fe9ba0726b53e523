//! What goes on inside, told on stderr: as lines for people, or as a JSON object a line for programs.

use std::io::stderr;
use std::str::FromStr as _;

use au_host::Error;
use tracing_subscriber::filter::{EnvFilter, FilterExt as _, LevelFilter, dynamic_filter_fn};
use tracing_subscriber::fmt;
use tracing_subscriber::layer::{Filter, Layer, SubscriberExt as _};
use tracing_subscriber::registry::Registry;
use tracing_subscriber::util::SubscriberInitExt as _;

use super::otel::Traces;
use super::trouble::Result;

/// How a log is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Format {
    /// Lines for people
    #[default]
    Text,
    /// A JSON object a line
    Json,
}

impl Format {
    /// A terminal is for people, who want to hear of trouble only; who asks for JSON collects it, and wants requests and attempts.
    fn filter(self) -> &'static str {
        match self {
            Self::Text => "warn",
            Self::Json => "info",
        }
    }
}

/// What is logged, and how.
#[derive(Clone, Debug, Default)]
pub(crate) struct Logging {
    pub(crate) format: Format,
    /// In the syntax of `EnvFilter`: `au_host=debug`. `None`: as the format says.
    pub(crate) filter: Option<String>,
}

pub(crate) type Told = Box<dyn Layer<Registry> + Send + Sync>;

impl Logging {
    /// From now on, for the whole process.
    pub(crate) fn begin(&self, traces: &Traces) -> Result {
        let asked = self.filter.as_deref().filter(|filter| !filter.trim().is_empty());
        let filter = EnvFilter::from_str(asked.unwrap_or(self.format.filter()))
            .map_err(|error| Error::invalid("log filter", error.to_string()))?;
        let layers: Vec<_> =
            traces.layer().into_iter().chain([self.layer().with_filter(asked_each_time(filter)).boxed()]).collect();
        tracing_subscriber::registry().with(layers).init();
        traces.complain();
        if self.format == Format::Json {
            std::panic::set_hook(Box::new(panicked));
        }
        Ok(())
    }

    fn layer(&self) -> Told {
        // That stderr is closed is no reason to say so on stderr.
        match self.format {
            Format::Text => fmt::layer().with_writer(stderr).log_internal_errors(false).boxed(),
            Format::Json => {
                let lines = fmt::layer().json().flatten_event(true).with_current_span(false).with_span_list(true);
                lines.with_writer(stderr).log_internal_errors(false).boxed()
            }
        }
    }
}

/// The same filter, asked anew for each span and event that it lets pass.
///
/// `tracing` does not ask where it always lets pass, and the layer then goes by the last answer of its thread, whatever that was
/// about: a span was missing now and then (<https://github.com/tokio-rs/tracing/issues/2519>).
fn asked_each_time(filter: EnvFilter) -> impl Filter<Registry> {
    filter.and(dynamic_filter_fn(|_, _| true).with_max_level_hint(LevelFilter::TRACE))
}

/// A panic among lines of JSON is one of them.
fn panicked(panic: &std::panic::PanicHookInfo<'_>) {
    let at = panic.location().map(tracing::field::display);
    let why = panic.payload_as_str().unwrap_or("of a kind that is no text");
    tracing::error!(target: "au_host::panic", at, why, "a bug of au-host: a thread panicked");
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use tracing::subscriber::with_default;

    use super::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_span_is_there_whatever_was_asked_before_it() {
        let kept = Kept::default();
        let writer = kept.clone();
        let layer = fmt::layer().with_writer(move || writer.clone());
        let told = tracing_subscriber::registry().with(layer.with_filter(asked_each_time(EnvFilter::new("info"))));
        let all = tracing_subscriber::registry();
        let hidden = with_default(all, || tracing::debug_span!("hidden").metadata().unwrap());
        with_default(told, || {
            for _ in 0..2 {
                // Whoever asks need not make what was asked about, so the answer is left over.
                tracing::dispatcher::get_default(|told| told.enabled(hidden));
                let span = tracing::info_span!("shown");
                tracing::info!(parent: &span, "said");
            }
        });
        let kept = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
        assert_eq!(kept.lines().filter(|line| line.contains("shown")).count(), 2, "{kept}");
    }
}
