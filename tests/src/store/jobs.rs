//! Jobs to test with.

use std::collections::BTreeMap;
use std::time::Duration;

use au_host::store::Take;
use au_host::{
    Digest, Failure, FailureKind, IdempotencyKey, Job, JobId, KeyHolds, Options, Owner, Payload, Report, Retry,
    Sandbox, Spec, State, Timestamp, Usage, WorkerId,
};

/// When tests happen.
pub const NOW: Timestamp = Timestamp::from_micros(1_795_000_000_000_000);

/// So many seconds after [`NOW`].
#[must_use]
pub fn after(seconds: u64) -> Timestamp {
    NOW.plus(Duration::from_secs(seconds))
}

/// A pending job, due now, with nothing special about it.
#[must_use]
pub fn job() -> Job {
    Job::new(spec())
}

/// The same, changed.
#[must_use]
pub fn job_with(change: impl FnOnce(&mut Options)) -> Job {
    let mut spec = spec();
    change(&mut spec.options);
    Job::new(spec)
}

/// What is asked for when nothing special is.
#[must_use]
pub fn spec() -> Spec {
    Spec {
        id: JobId::new(NOW),
        created: NOW,
        module: Digest::of(b"module"),
        function: "factorial".into(),
        input: Payload::json(&(100,)).unwrap(),
        options: options(),
    }
}

fn options() -> Options {
    Options {
        sandbox: Sandbox::default(),
        retry: Retry::default(),
        run_at: NOW,
        priority: 0,
        ttl: None,
        key: None,
        principal: None,
        labels: BTreeMap::new(),
        module_name: None,
        webhook: None,
        trace: None,
        trace_state: None,
        queue: None,
        concurrency_key: None,
    }
}

/// A key.
#[must_use]
pub fn key(name: &str, holds: KeyHolds) -> Option<IdempotencyKey> {
    Some(IdempotencyKey { name: name.into(), holds })
}

/// A new worker.
#[must_use]
pub fn worker() -> WorkerId {
    WorkerId::new(NOW)
}

/// The job, running on this worker.
#[must_use]
pub fn running(mut job: Job, worker: WorkerId) -> Job {
    job.state = job.state.start(&job.spec, worker, Owner::Alive, NOW).unwrap();
    job
}

/// What comes of an attempt that gave these bytes.
#[must_use]
pub fn output(bytes: impl Into<bytes::Bytes>) -> Report {
    Report { outcome: Ok(Payload::new("application/octet-stream", bytes).unwrap()), usage: Usage::default() }
}

/// What comes of an attempt that failed.
#[must_use]
pub fn failure(kind: FailureKind) -> Report {
    Report { outcome: Err(Failure::new(kind, "because")), usage: Usage::default() }
}

/// The state after a running job ended so.
#[must_use]
pub fn finished(job: &Job, worker: WorkerId, report: Report) -> State {
    job.state.finish(&job.spec, worker, report, NOW).unwrap()
}

/// Take one for this worker, now.
#[must_use]
pub fn take(worker: WorkerId, limit: usize) -> Take {
    Take { worker, limit, now: NOW, only: None, bounds: None }
}
