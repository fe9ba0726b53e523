//! `[otel]` of `au-host.toml` where OpenTelemetry is not built in.

use serde::de::Error as _;
use tracing::Span;

use super::logging::Told;
use super::trouble::Result;

#[derive(Clone, Debug, Default)]
pub(crate) struct OtelSection;

#[derive(Debug)]
pub(crate) struct Traces;

impl OtelSection {
    pub(crate) fn traces(&self) -> Result<Traces> {
        Ok(Traces)
    }
}

impl Traces {
    pub(crate) fn layer(&self) -> Option<Told> {
        None
    }

    pub(crate) fn complain(&self) {}

    pub(crate) fn command(&self, _verb: Option<&'static str>) -> Span {
        Span::none()
    }

    pub(crate) fn end(self) {}
}

impl<'de> serde::Deserialize<'de> for OtelSection {
    fn deserialize<D: serde::Deserializer<'de>>(_from: D) -> Result<Self, D::Error> {
        Err(D::Error::custom("this au-host was built without the feature `otel`"))
    }
}
