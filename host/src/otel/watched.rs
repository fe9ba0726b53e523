//! An exporter that says so when spans are lost, and not too often.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SpanData, SpanExporter};

/// Between two warnings.
const REST: Duration = Duration::from_secs(60);

/// Exports by another.
#[derive(Debug)]
pub(super) struct Watched<E> {
    exporter: E,
    losses: Mutex<Losses>,
}

#[derive(Debug, Default)]
struct Losses {
    spans: u64,
    told: Option<Instant>,
}

impl Losses {
    /// Counts lost spans; how many there are to tell of, if it is time to.
    fn count(&mut self, spans: usize, now: Instant) -> Option<u64> {
        self.spans += spans as u64;
        if self.told.is_some_and(|told| now.duration_since(told) < REST) {
            return None;
        }
        self.told = Some(now);
        Some(std::mem::take(&mut self.spans))
    }
}

impl<E> Watched<E> {
    pub(super) fn new(exporter: E) -> Self {
        Self { exporter, losses: Mutex::default() }
    }

    fn lost(&self, spans: usize) -> Option<u64> {
        self.losses.lock().unwrap_or_else(PoisonError::into_inner).count(spans, Instant::now())
    }
}

impl<E: SpanExporter> SpanExporter for Watched<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.len();
        let done = self.exporter.export(batch).await;
        if let Err(error) = &done
            && let Some(lost) = self.lost(spans)
        {
            tracing::warn!(%error, lost, "spans of traces were not taken; jobs go on without");
        }
        done
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_are_told_once_a_minute_and_none_is_forgotten() {
        let (mut losses, now) = (Losses::default(), Instant::now());
        assert_eq!(losses.count(3, now), Some(3));
        assert_eq!(losses.count(4, now + REST / 2), None);
        assert_eq!(losses.count(5, now + REST), Some(9));
        assert_eq!(losses.count(1, now + REST), None);
    }
}
