//! How spans leave: OTLP over HTTP, by the client that also asks hosts, so that there is one TLS and one set of timeouts.

use std::sync::Arc;

use async_trait::async_trait;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use tokio::runtime::{Builder, Runtime};

use crate::client::Post;
use crate::error::{Error, Result};

/// Sends to one collector.
#[derive(Clone, Debug)]
pub(super) struct Wire {
    post: Arc<Post>,
    /// Runs only while something is sent, on the thread that exports: the host's own is not used for this, and may be gone.
    runtime: Arc<Runtime>,
}

impl Wire {
    pub(super) fn new(post: Post) -> Result<Self> {
        let runtime =
            Builder::new_current_thread().enable_all().build().map_err(|error| Error::fault("runtime", error))?;
        Ok(Self { post: Arc::new(post), runtime: Arc::new(runtime) })
    }
}

#[async_trait]
impl HttpClient for Wire {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (head, body) = request.into_parts();
        self.runtime.block_on(self.post.send(head.headers, body))
    }
}
