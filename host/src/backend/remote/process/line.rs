//! A child with an attempt.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::OwnedSemaphorePermit;

use super::pool::Pool;
use super::start::Worker;
use crate::backend::remote::conversation;
use crate::backend::remote::frame::{self, ToHost, ToWorker};
use crate::error::Result;

/// A child with an attempt. Dropping it kills the child.
#[derive(Debug)]
pub(in crate::backend::remote) struct Line {
    pub(super) worker: Worker,
    pub(super) pool: Arc<Pool>,
    pub(super) place: OwnedSemaphorePermit,
    /// Whether its end of the line is closed, or says nonsense.
    pub(super) broken: bool,
}

#[async_trait]
impl conversation::Line for Line {
    async fn hear(&mut self) -> Result<ToHost> {
        let told = self.worker.hear().await;
        self.broken |= told.is_err();
        told
    }

    async fn cancel(&mut self) {
        let told = match frame::message(&ToWorker::Cancel) {
            Ok(cancel) => self.worker.tell(&cancel).await.is_ok(),
            Err(_) => false,
        };
        self.broken |= !told;
    }

    fn release(self) {
        self.pool.give_back(self.worker);
    }

    async fn end(self) -> Option<String> {
        let Self { mut worker, pool, place, broken } = self;
        let death = if broken || !worker.lives() { worker.died().await } else { None };
        worker.kill().await;
        drop(place);
        pool.restart();
        death
    }
}
