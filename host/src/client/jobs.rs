//! What a handle asks of a host elsewhere.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::stream::BoxStream;
use hyper::Method;
use serde::Deserialize;

use super::Client;
use super::events;
use super::exchange::Ask;
use super::query::Query;
use super::verbs::{json, payload};
use crate::answers::Answers;
use crate::attempt::LogEntry;
use crate::error::{Error, Misuse, Result};
use crate::events::{Event, Heard};
use crate::failure::{Failure, FailureKind};
use crate::id::JobId;
use crate::job::{Job, Phase, Spec, State, Status, Summary};
use crate::payload::Payload;
use crate::webhook::Delivery;

/// How long the host is asked to wait for a job before it is asked again.
const WAIT: Duration = Duration::from_secs(30);
/// A host that waits for less than this is not asked to wait.
const SHORT: Duration = Duration::from_millis(100);
/// Most lines of a page.
const LINES: usize = 10_000;

#[derive(Deserialize)]
struct Lines {
    lines: Vec<LogEntry>,
}

#[derive(Deserialize)]
struct Told {
    webhook: Option<Delivery>,
}

#[async_trait]
impl Answers for Client {
    async fn metadata(&self, id: JobId) -> Result<Summary> {
        json(&self.wire.ask(Ask::get(format!("/v1/jobs/{id}"))).await?)
    }

    /// Put together of what the host tells: since when an attempt runs is told of the first only.
    async fn job(&self, id: JobId) -> Result<Job> {
        let job = self.metadata(id).await?;
        let input = payload(self.wire.ask(Ask::get(format!("/v1/jobs/{id}/input"))).await?)?;
        let output = match job.status {
            Status::Completed => Some(self.wire.ask(Ask::get(format!("/v1/jobs/{id}/output"))).await?),
            _ => None,
        };
        put_together(job, input, output.map(payload).transpose()?)
    }

    async fn webhook(&self, id: JobId) -> Result<Option<Delivery>> {
        let told: Told = json(&self.wire.ask(Ask::get(format!("/v1/jobs/{id}"))).await?)?;
        Ok(told.webhook)
    }

    async fn logs(&self, id: JobId, from: u64, limit: usize) -> Result<Vec<LogEntry>> {
        let mut all = Vec::new();
        loop {
            let wanted = (limit - all.len()).clamp(1, LINES);
            let mut query = Query::new();
            query.add("from", from.saturating_add(all.len() as u64));
            query.add("limit", wanted);
            let Lines { lines } = json(&self.wire.ask(Ask::get(query.of(&format!("/v1/jobs/{id}/logs")))).await?)?;
            let count = lines.len();
            all.extend(lines);
            if count < wanted || all.len() >= limit {
                all.truncate(limit);
                return Ok(all);
            }
        }
    }

    fn events(self: Arc<Self>, id: JobId, heard: Heard) -> BoxStream<'static, Result<(Heard, Event)>> {
        events::events(Client::clone(&self), id, heard)
    }

    async fn cancel(&self, id: JobId, reason: &str) -> Result<()> {
        let mut query = Query::new();
        query.add("reason", reason);
        let path = query.of(&format!("/v1/jobs/{id}/cancel"));
        self.wire.ask(Ask::new(Method::POST, path)).await.map(|_| ())
    }

    async fn finished(&self, id: JobId) -> Result<Summary> {
        let mut wait = WAIT;
        loop {
            let mut query = Query::new();
            query.add("wait", humantime::format_duration(wait));
            let ask = Ask::get(query.of(&format!("/v1/jobs/{id}"))).waiting(Some(wait));
            match self.wire.ask(ask).await {
                Ok(whole) => {
                    let job: Summary = json(&whole)?;
                    if job.status.is_finished() {
                        return Ok(job);
                    }
                }
                // It waits for less.
                Err(Error::Request { misuse: Misuse::BadQuery, .. }) if wait > SHORT => wait /= 2,
                Err(error) => return Err(error),
            }
        }
    }

    async fn output(&self, id: JobId) -> Result<Payload> {
        self.finished(id).await?;
        payload(self.wire.ask(Ask::get(format!("/v1/jobs/{id}/output"))).await?)
    }
}

fn put_together(job: Summary, input: Payload, output: Option<Payload>) -> Result<Job> {
    let at = job.finished.unwrap_or(job.created);
    let phase = match (job.status, output, job.worker) {
        (Status::Completed, Some(output), _) => Phase::Completed { output, at },
        (Status::Running, _, Some(worker)) => {
            Phase::Running { worker, since: job.attempt_started.or(job.started).unwrap_or(job.created) }
        }
        (Status::Pending, ..) => Phase::Pending { run_at: job.run_at.unwrap_or(job.options.run_at) },
        (Status::Failed, ..) => {
            let unknown = || Failure::new(FailureKind::Failed, "");
            Phase::Failed { failure: job.failure.clone().unwrap_or_else(unknown), at }
        }
        (Status::Cancelled, ..) => Phase::Cancelled { reason: job.cancelled.unwrap_or_default(), at },
        (Status::Completed | Status::Running, ..) => return Err(Error::Conflict(job.id)),
    };
    let last_failure = if job.status.is_finished() { None } else { job.failure };
    let state = State {
        version: job.version,
        attempt: job.attempt,
        phase,
        progress: job.progress,
        cancel: job.cancel,
        started: job.started,
        usage: job.usage,
        last_failure,
        past: job.past,
    };
    let Summary { id, created, module, function, options, .. } = job;
    Ok(Job { spec: Spec { id, created, module, function, input, options }, state })
}
