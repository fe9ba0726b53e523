//! What is asked of a host: calls, jobs, and how it is.

use std::sync::Arc;

use bytes::Bytes;
use hyper::Method;
use hyper::header::{CONTENT_TYPE, HeaderName};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Client;
use super::exchange::{Ask, Whole};
use super::query::{self, Query, part};
use crate::error::{Error, Result};
use crate::front::Front;
use crate::handle::Handle;
use crate::id::JobId;
use crate::job::Summary;
use crate::payload::Payload;
use crate::request::Request;
use crate::store::Filter;

/// Most jobs of a page.
const PAGE: usize = 1000;
const KEY: HeaderName = HeaderName::from_static("idempotency-key");
const LINES: &str = "application/x-ndjson";

#[derive(Deserialize)]
struct Page {
    jobs: Vec<Summary>,
}

#[derive(Deserialize)]
struct Submitted {
    jobs: Vec<JobId>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Readiness {
    reasons: Vec<Reason>,
}

#[derive(Deserialize)]
struct Reason {
    code: String,
    detail: String,
}

impl Client {
    /// As [`Host::call`](crate::Host::call): runs now, keeps nothing; dropped, it is stopped.
    ///
    /// # Errors
    /// Those of the host, and `Unreachable`: it may have run.
    pub async fn call(&self, request: Request) -> Result<Payload> {
        let mut query = Query::new();
        query::sandbox(&mut query, &request.sandbox);
        let path = query.of(&format!("/v1/call/{}/{}", part(&request.module.to_string()), part(&request.function)));
        let whole = self.wire.ask(with_input(Ask::new(Method::POST, path), request.input)?.waiting(None)).await?;
        payload(whole)
    }

    /// As [`Host::submit`](crate::Host::submit): when this returns, the job is kept. A key that names a job already gives
    /// that job.
    ///
    /// # Errors
    /// Those of the host, and `Unreachable`: it may be kept. With an idempotency key, submitting again does no harm.
    pub async fn submit(&self, request: Request) -> Result<Handle> {
        match self.submit_once(request).await {
            Err(Error::KeyTaken { job, .. }) => Ok(self.handle(job)),
            other => other,
        }
    }

    /// The same, but `KeyTaken` when the key names a job with another module, function or input.
    ///
    /// # Errors
    /// As for [`submit`](Client::submit), and `KeyTaken`.
    pub async fn submit_once(&self, request: Request) -> Result<Handle> {
        let mut ask = Ask::new(Method::POST, submit_path(&request, "")?);
        if let Some(key) = &request.key {
            ask = ask.header(KEY, &key.name)?.repeatable();
        }
        let job: Summary = json(&self.wire.ask(with_input(ask, request.input)?).await?)?;
        Ok(self.handle(job.id))
    }

    /// As [`Host::map`](crate::Host::map): a job for each input, in order; all are kept, or none.
    ///
    /// # Errors
    /// As for [`submit`](Client::submit); `Invalid` for a key, and for inputs that are not JSON.
    pub async fn map(&self, request: Request, inputs: impl IntoIterator<Item = Payload>) -> Result<Vec<Handle>> {
        request.may_be_many()?;
        let mut lines = Vec::new();
        for input in inputs {
            // Its own line breaks, if it has any, are no others' ends.
            let value: &serde_json::value::RawValue = serde_json::from_slice(input.bytes())
                .ok()
                .filter(|_| input.is_json())
                .ok_or_else(|| Error::invalid("input", "many inputs at once are sent as JSON, and one is not"))?;
            lines.extend(value.get().bytes().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { byte }));
            lines.push(b'\n');
        }
        let ask = Ask::new(Method::POST, submit_path(&request, "/bulk")?).header(CONTENT_TYPE, LINES)?;
        let Submitted { jobs } = json(&self.wire.ask(ask.body(lines.into())).await?)?;
        Ok(jobs.into_iter().map(|id| self.handle(id)).collect())
    }

    /// The handle of a job, from its id alone. Whether there is such a job is found out when it is asked.
    #[must_use]
    pub fn handle(&self, id: JobId) -> Handle {
        Handle::new(Arc::new(self.clone()), id)
    }

    /// As [`Host::list`](crate::Host::list). A principal to filter by is the host's to choose.
    ///
    /// # Errors
    /// Those of the host, and `Unreachable`.
    pub async fn list(&self, filter: Filter, before: Option<JobId>, limit: usize) -> Result<Vec<Summary>> {
        let (mut all, mut before) = (Vec::new(), before);
        while all.len() < limit {
            let wanted = (limit - all.len()).min(PAGE);
            let mut query = Query::new();
            query::filter(&mut query, &filter);
            query.maybe("before", before);
            query.add("limit", wanted);
            let Page { jobs } = json(&self.wire.ask(Ask::get(query.of("/v1/jobs"))).await?)?;
            let count = jobs.len();
            all.extend(jobs);
            before = all.last().map(|job| job.id);
            if count < wanted {
                break;
            }
        }
        Ok(all)
    }

    /// As [`Host::remove`](crate::Host::remove): looks at all of them before it removes the first.
    ///
    /// # Errors
    /// `NotFound` for one that is not there, `Refused` for one that has not finished: nothing was removed.
    pub async fn remove(&self, ids: &[JobId]) -> Result<u64> {
        for id in ids {
            match self.handle(*id).metadata().await {
                Ok(job) if !job.status.is_finished() => {
                    return Err(Error::refused(format!("job {id} is {}; cancel it first", job.status)));
                }
                Ok(_) => {}
                Err(error) => return Err(error),
            }
        }
        let mut removed = 0;
        for id in ids {
            match self.wire.ask(Ask::new(Method::DELETE, format!("/v1/jobs/{id}"))).await {
                Ok(_) => removed += 1,
                // Named twice, or somebody else was first.
                Err(Error::NotFound { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(removed)
    }

    /// Whether the host answers, and can keep jobs: `Err` says why not.
    ///
    /// # Errors
    /// `Unreachable`, or why it cannot.
    pub async fn ready(&self) -> Result<()> {
        let whole = self.wire.whole(Ask::get("/readyz")).await?;
        if whole.status.is_success() {
            return Ok(());
        }
        let Readiness { reasons } = serde_json::from_slice(&whole.bytes).unwrap_or_default();
        match reasons.into_iter().next() {
            Some(Reason { code, detail }) => Err(Error::Remote {
                code,
                status: whole.status.as_u16(),
                title: "the host is not ready".into(),
                detail,
            }),
            None => Err(super::problem::error(&whole)),
        }
    }

    /// The version of the host.
    ///
    /// # Errors
    /// `Unreachable`; `Remote` when it is no au-host.
    pub async fn version(&self) -> Result<String> {
        let alive: Value = json(&self.wire.ask(Ask::get("/healthz")).await?)?;
        Ok(alive["version"].as_str().unwrap_or("unknown").to_owned())
    }
}

impl Front for Client {
    fn call(&self, request: Request) -> impl Future<Output = Result<Payload>> + Send {
        Client::call(self, request)
    }

    fn submit(&self, request: Request) -> impl Future<Output = Result<Handle>> + Send {
        Client::submit(self, request)
    }
}

fn submit_path(request: &Request, more: &str) -> Result<String> {
    // What the host would say too; how large an input may be is its own to say.
    request.bounded(u64::MAX)?;
    let mut query = Query::new();
    query::job(&mut query, request)?;
    Ok(query.of(&format!("/v1/submit/{}/{}{more}", part(&request.module.to_string()), part(&request.function))))
}

fn with_input(ask: Ask, input: Payload) -> Result<Ask> {
    let body: Bytes = input.bytes().clone();
    Ok(ask.header(CONTENT_TYPE, input.content_type())?.body(body))
}

/// The answer's body as a payload.
pub(super) fn payload(whole: Whole) -> Result<Payload> {
    Payload::new(&whole.kind, whole.bytes)
}

/// The answer's body as what it should be; else whoever answered is no au-host, or another one.
pub(super) fn json<T: DeserializeOwned>(whole: &Whole) -> Result<T> {
    serde_json::from_slice(&whole.bytes).map_err(|error| Error::Remote {
        code: String::new(),
        status: whole.status.as_u16(),
        title: "this is no answer of an au-host".into(),
        detail: error.to_string(),
    })
}
