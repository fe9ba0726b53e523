//! Guests for one test each: `fixtures/scaffold.wat` with a few lines of its own.

use au_tests::guest::Parts;
use bytes::Bytes;
use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
};

const SCAFFOLD: &str = include_str!("../../fixtures/scaffold.wat");

/// What a guest has of its own.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Own<'a> {
    pub(crate) imports: &'a str,
    pub(crate) fields: &'a str,
    pub(crate) body: &'a str,
}

impl Own<'_> {
    pub(crate) fn text(self) -> String {
        SCAFFOLD
            .replace("  @imports\n", self.imports)
            .replace("  @fields\n", self.fields)
            .replace("    @body\n", self.body)
    }

    /// A guest that imports nothing but what the SDK's do.
    pub(crate) fn plain(self) -> Bytes {
        Parts::default().component(&self.text())
    }

    /// A guest of WASI, by way of its first preview, whose functions are flat and so can be written by hand.
    pub(crate) fn wasi(self) -> Bytes {
        let adapter = Some((WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER));
        Parts { adapter, ..Parts::default() }.component(&self.text())
    }
}

/// A guest whose `go` does this.
pub(crate) fn doing(body: &str) -> Bytes {
    Own { body, ..Own::default() }.plain()
}
