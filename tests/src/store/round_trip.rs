//! What goes in comes out.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use au_host::store::Inserted;
use au_host::{
    Backoff, DirGrant, Error, FailureKind, Grants, Job, JobId, KeyHolds, Level, Limits, LogEntry, Options, Owner,
    Payload, Progress, Report, Retry, Sandbox, State, Store, Timestamp, Usage,
};

use super::jobs::{self, NOW, after};
use super::naughty::TEXTS;

/// A job with nothing left at its default.
fn full() -> Job {
    let mut spec = jobs::spec();
    spec.created = Timestamp::from_micros(-5);
    spec.input = Payload::new("text/plain; charset=utf-8", "input").unwrap();
    spec.options = Options {
        sandbox: Sandbox {
            limits: Limits {
                timeout: Duration::new(7, 123_456_789),
                memory: u64::MAX,
                fuel: Some(u64::MAX - 1),
                table_elements: 1,
                instances: 2,
                output: 3,
                log_bytes: 4,
                log_lines: 5,
                stack: 6,
            },
            grants: Grants {
                env: BTreeMap::from([("NAME".into(), "value".into())]),
                dirs: vec![DirGrant { host: PathBuf::from("/srv/x"), guest: "/x".into(), write: true }],
                clock: true,
                random: true,
            },
        },
        retry: Retry {
            attempts: u32::MAX,
            delay: Duration::from_nanos(1),
            max_delay: Duration::MAX,
            backoff: Backoff::Linear,
            jitter: 100,
            on: Some([FailureKind::Transient, FailureKind::Lost].into()),
        },
        run_at: Timestamp::from_micros(i64::MIN),
        priority: i32::MIN,
        ttl: Some(Duration::MAX),
        key: jobs::key("key", KeyHolds::UntilFinished),
        principal: Some("somebody".into()),
        labels: BTreeMap::from([("a".into(), "1".into()), ("b".into(), String::new())]),
        module_name: Some("math".into()),
        webhook: Some("https://hooks.example:8443/x?y=%20".parse().unwrap()),
        trace: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".parse().ok(),
        trace_state: "rojo=00f067aa0ba902b7,t@congo=t61".parse().ok(),
        queue: Some("mail".into()),
        concurrency_key: Some("customer 7".into()),
    };
    Job::new(spec)
}

/// A6
pub(super) async fn every_field(store: Arc<dyn Store>) {
    let job = full();
    assert_eq!(store.insert(&job).await.unwrap(), Inserted::New);
    assert_eq!(store.get(job.spec.id, NOW).await.unwrap(), job);
}

pub(super) async fn naughty_texts(store: Arc<dyn Store>) {
    for text in TEXTS {
        let mut job = jobs::job_with(|options| {
            options.key = jobs::key(text, KeyHolds::WhileKept);
            options.principal = Some((*text).into());
            options.module_name = Some((*text).into());
            options.queue = Some((*text).into());
            options.concurrency_key = Some((*text).into());
            options.labels = BTreeMap::from([((*text).into(), (*text).into())]);
            options.sandbox.grants.env = BTreeMap::from([((*text).into(), (*text).into())]);
        });
        job.spec.function = (*text).into();
        job.spec.input = Payload::new("a/b", text.as_bytes()).unwrap();
        assert_eq!(store.insert(&job).await.unwrap(), Inserted::New, "{text:?}");
        let line = LogEntry { at: NOW, attempt: 1, level: Level::Warn, message: (*text).into() };
        store.append_log(job.spec.id, std::slice::from_ref(&line)).await.unwrap();
        assert_eq!(store.get(job.spec.id, NOW).await.unwrap(), job, "{text:?}");
        assert_eq!(store.read_log(job.spec.id, 0, 10).await.unwrap(), [line], "{text:?}");
    }
}

/// A6
pub(super) async fn payload_sizes(store: Arc<dyn Store>) {
    const KIB: usize = 1024;
    for size in [0, 1, 200, 4 * KIB, 32 * KIB, 32 * KIB + 1, 64 * KIB, 1024 * KIB, 64 * 1024 * KIB] {
        let worker = jobs::worker();
        let mut spec = jobs::spec();
        spec.input = Payload::new("a/b", noise(size, 1)).unwrap();
        let mut job = jobs::running(Job::new(spec), worker);
        store.insert(&job).await.unwrap();
        job.state = jobs::finished(&job, worker, jobs::output(noise(size, 2)));
        store.advance(job.spec.id, &job.state).await.unwrap();
        // Not `assert_eq`, which would print them.
        assert!(store.get(job.spec.id, NOW).await.unwrap() == job, "{size} bytes");
        assert_eq!(store.remove(&[job.spec.id]).await.unwrap(), 1);
    }
}

fn noise(size: usize, seed: u8) -> Vec<u8> {
    let mut state = u32::from(seed);
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    (0..size).map(|_| next()).collect()
}

/// A17, of a store that is opened anew for each call ("file: reopened for each call").
pub(super) async fn every_state(store: Arc<dyn Store>) {
    let worker = jobs::worker();
    let job = full();
    store.insert(&job).await.unwrap();
    let spec = &job.spec;
    let report = |outcome| Report { outcome, usage: Usage { fuel: Some(1), peak_memory: 2, log_dropped: 3 } };
    let failure = jobs::failure(FailureKind::Transient).outcome.unwrap_err().with_limit("memory", 5);
    let failure = failure.with_trace(TEXTS.iter().map(|text| (*text).to_owned()).collect());
    let mut steps: Vec<State> = vec![job.state.start(spec, worker, Owner::Alive, NOW).unwrap()];
    let mut then = |next: &dyn Fn(&State) -> State| steps.push(next(steps.last().unwrap()));
    then(&|state| state.renew(worker, Progress::new(0.3, "half way")).unwrap());
    then(&|state| state.release(worker, after(1)).unwrap());
    then(&|state| state.start(spec, worker, Owner::Alive, after(2)).unwrap());
    then(&|state| state.finish(spec, worker, report(Err(failure.clone())), after(3)).unwrap());
    then(&|state| state.start(spec, worker, Owner::Alive, after(99)).unwrap());
    then(&|state| state.cancel("enough", after(100)).unwrap());
    then(&|state| state.finish(spec, worker, report(Ok(spec.input.clone())), after(101)).unwrap());
    for state in steps {
        store.advance(spec.id, &state).await.unwrap();
        assert_eq!(store.get(spec.id, NOW).await.unwrap().state, state);
    }
    assert_eq!(store.peek(spec.id, NOW).await.unwrap().cancelled.as_deref(), Some("enough"));
    let mut failed = jobs::running(jobs::job(), worker);
    store.insert(&failed).await.unwrap();
    failed.state = jobs::finished(&failed, worker, jobs::failure(FailureKind::Trap));
    store.advance(failed.spec.id, &failed.state).await.unwrap();
    assert_eq!(store.get(failed.spec.id, NOW).await.unwrap(), failed);
}

pub(super) async fn peek_is_a_summary(store: Arc<dyn Store>) {
    let worker = jobs::worker();
    for report in
        [jobs::output(vec![1; 100_000]), jobs::failure(FailureKind::Trap), jobs::failure(FailureKind::Transient)]
    {
        let mut job = jobs::running(full(), worker);
        job.spec.options.key = None;
        store.insert(&job).await.unwrap();
        assert_eq!(store.peek(job.spec.id, NOW).await.unwrap(), job.summary());
        job.state = jobs::finished(&job, worker, report);
        store.advance(job.spec.id, &job.state).await.unwrap();
        assert_eq!(store.peek(job.spec.id, NOW).await.unwrap(), job.summary());
    }
}

pub(super) async fn inserted_as_running(store: Arc<dyn Store>) {
    let worker = jobs::worker();
    store.heartbeat(worker, after(60), NOW).await.unwrap();
    let job = jobs::running(jobs::job(), worker);
    store.insert(&job).await.unwrap();
    assert_eq!(store.get(job.spec.id, NOW).await.unwrap(), job);
    let taken = store.take(&jobs::take(jobs::worker(), 10)).await.unwrap();
    assert!(taken.started.is_empty());
}

pub(super) async fn unknown_is_not_found(store: Arc<dyn Store>) {
    let job = jobs::job();
    let id = job.spec.id;
    let not_found = |error: Error| assert!(matches!(error, Error::NotFound { .. }), "{error}");
    not_found(store.get(id, NOW).await.unwrap_err());
    not_found(store.peek(id, NOW).await.unwrap_err());
    not_found(store.advance(id, &jobs::running(job, jobs::worker()).state).await.unwrap_err());
    not_found(store.read_log(id, 0, 1).await.unwrap_err());
    not_found(store.append_log(id, &[]).await.unwrap_err());
    assert_eq!(store.remove(&[id]).await.unwrap(), 0);
}

pub(super) async fn expired_then_not_found(store: Arc<dyn Store>) {
    let worker = jobs::worker();
    let mut job = jobs::running(jobs::job_with(|options| options.ttl = Some(Duration::from_secs(10))), worker);
    let id = job.spec.id;
    store.insert(&job).await.unwrap();
    job.state = jobs::finished(&job, worker, jobs::output("x"));
    store.advance(id, &job.state).await.unwrap();
    assert_eq!(store.get(id, after(9)).await.unwrap(), job);
    assert!(matches!(store.get(id, after(10)).await.unwrap_err(), Error::Expired(expired) if expired == id));
    assert!(matches!(store.peek(id, after(10)).await.unwrap_err(), Error::Expired(expired) if expired == id));
    store.remove(&[id]).await.unwrap();
    assert!(matches!(store.get(id, after(10)).await.unwrap_err(), Error::NotFound { .. }));
}

pub(super) async fn unfinished_never_expires(store: Arc<dyn Store>) {
    let worker = jobs::worker();
    let short = || jobs::job_with(|options| options.ttl = Some(Duration::ZERO));
    let end = Timestamp::from_micros(i64::MAX);
    for job in [short(), jobs::running(short(), worker)] {
        store.insert(&job).await.unwrap();
        assert_eq!(store.get(job.spec.id, end).await.unwrap(), job);
    }
    let unknown = JobId::new(NOW);
    assert!(matches!(store.get(unknown, end).await.unwrap_err(), Error::NotFound { .. }));
}
