//! Whatever is done to a store, others answer as `memory:` does, which is simple enough to be believed.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

use au_host::lanes::{Bounds, QueueBounds};
use au_host::store::{Durability, Filter, Inserted, Query, Take, open};
use au_host::{
    Error, FailureKind, Job, JobId, KeyHolds, Level, LogEntry, Options, Owner, Progress, Quota, Quotas, Report, Result,
    Spec, State, Status, Store, Timestamp, WorkerId,
};
use au_tests::keyed_map::KeyedMap;
use au_tests::store::jobs::{NOW, failure, key, output, spec, worker};
use proptest::prelude::*;

/// Something done to a store. Numbers choose among what there is.
#[derive(Clone, Debug)]
enum Step {
    Insert {
        key: Option<(u8, bool)>,
        delay: u8,
        priority: i8,
        ttl: Option<u8>,
        started: bool,
        tenant: Option<u8>,
        lanes: u8,
    },
    InsertAgain {
        job: usize,
    },
    Take {
        worker: usize,
        limit: usize,
        bound: bool,
    },
    Change {
        job: usize,
        change: Change,
        stale: bool,
    },
    Remove {
        job: usize,
    },
    Log {
        job: usize,
        lines: usize,
    },
    Leave {
        worker: usize,
    },
    Wait {
        seconds: u8,
    },
}

#[derive(Clone, Copy, Debug)]
enum Change {
    Start,
    Renew,
    Release,
    Cancel,
    Complete,
    Fail,
    Retry,
}

const WORKERS: usize = 3;
const TENANTS: u8 = 3;
const LANES: u8 = 8;

fn step() -> impl Strategy<Value = Step> {
    let (job, worker) = (0..40_usize, 0..WORKERS);
    let change = prop::sample::select(vec![
        Change::Start,
        Change::Renew,
        Change::Release,
        Change::Cancel,
        Change::Complete,
        Change::Complete,
        Change::Fail,
        Change::Retry,
    ]);
    let key = prop::option::of((0..3_u8, any::<bool>()));
    let ttl = prop::option::of(0..6_u8);
    let tenant = prop::option::of(0..TENANTS);
    prop_oneof![
        5 => (key, prop_oneof![2 => Just(0_u8), 1 => 1..5_u8], -1..2_i8, ttl, any::<bool>(), tenant, 0..LANES).prop_map(
            |(key, delay, priority, ttl, started, tenant, lanes)| Step::Insert { key, delay, priority, ttl, started, tenant, lanes }
        ),
        1 => job.clone().prop_map(|job| Step::InsertAgain { job }),
        3 => (worker.clone(), 0..4_usize, prop::bool::ANY).prop_map(|(worker, limit, bound)| Step::Take { worker, limit, bound }),
        8 => (job.clone(), change, prop::bool::weighted(0.1))
            .prop_map(|(job, change, stale)| Step::Change { job, change, stale }),
        1 => job.clone().prop_map(|job| Step::Remove { job }),
        1 => (job, 0..4_usize).prop_map(|(job, lines)| Step::Log { job, lines }),
        1 => worker.prop_map(|worker| Step::Leave { worker }),
        2 => (0..4_u8).prop_map(|seconds| Step::Wait { seconds }),
    ]
}

/// Both stores, and what was done to them so far.
struct Pair {
    model: Arc<dyn Store>,
    other: Arc<dyn Store>,
    jobs: Vec<Job>,
    workers: Vec<WorkerId>,
    now: Timestamp,
}

/// What an answer says: errors by their class, since their words may differ.
fn said<T>(answer: Result<T>) -> std::result::Result<T, &'static str> {
    answer.map_err(|error: Error| error.class().code)
}

/// Asks both the same, and both must answer the same.
macro_rules! both {
    ($pair:expr, |$store:ident| $ask:expr) => {{
        let $store = &$pair.model;
        let model = said($ask.await);
        let $store = &$pair.other;
        let other = said($ask.await);
        prop_assert_eq!(&model, &other, "{}", stringify!($ask));
        model
    }};
}

impl Pair {
    async fn new(other: Arc<dyn Store>) -> Self {
        let mut pair = Self {
            model: open("memory:", Durability::Os).await.unwrap(),
            other,
            jobs: Vec::new(),
            workers: Vec::new(),
            now: NOW,
        };
        for _ in 0..WORKERS {
            let worker = pair.hire().await;
            pair.workers.push(worker);
        }
        pair
    }

    /// A new worker, alive. A name is never used again.
    async fn hire(&self) -> WorkerId {
        let worker = worker();
        for store in [&self.model, &self.other] {
            store.heartbeat(worker, self.now.plus(Duration::from_secs(1_000_000)), self.now).await.unwrap();
        }
        worker
    }

    fn job(&self, number: usize) -> Option<JobId> {
        if self.jobs.is_empty() { None } else { Some(self.jobs[number % self.jobs.len()].spec.id) }
    }

    async fn step(&mut self, step: Step) -> std::result::Result<(), TestCaseError> {
        match step {
            Step::Insert { key, delay, priority, ttl, started, tenant, lanes } => {
                let options = |options: &mut Options| {
                    options.run_at = self.now.plus(Duration::from_secs(delay.into()));
                    options.priority = priority.into();
                    options.ttl = ttl.map(|ttl| Duration::from_secs(ttl.into()));
                    options.key = key.and_then(|(name, kept)| named(name, kept));
                    options.principal = tenant.map(|tenant| format!("tenant {tenant}"));
                    options.queue = Some(format!("queue {}", lanes % 3)).filter(|_| lanes % 3 > 0);
                    options.concurrency_key = (lanes % 2 > 0).then(|| format!("key {}", lanes / 4));
                    options.labels = [("priority".into(), priority.to_string())].into();
                };
                let mut spec = Spec { id: JobId::new(self.now), created: self.now, ..spec() };
                options(&mut spec.options);
                let mut job = Job::new(spec);
                if started && delay == 0 {
                    job.state = job.state.start(&job.spec, self.workers[0], Owner::Alive, self.now).unwrap();
                }
                let inserted = both!(self, |store| store.insert(&job));
                if inserted == Ok(Inserted::New) {
                    self.jobs.push(job);
                }
            }
            Step::InsertAgain { job } => {
                if let Some(again) =
                    self.job(job).and_then(|id| self.jobs.iter().find(|job| job.spec.id == id)).cloned()
                {
                    both!(self, |store| store.insert(&again)).ok();
                }
            }
            Step::Take { worker, limit, bound } => {
                let bounds = bound.then(bounds);
                let take = Take { worker: self.workers[worker], limit, now: self.now, only: None, bounds };
                both!(self, |store| async {
                    let taken = store.take(&take).await?;
                    Ok((taken.started, taken.settled, taken.next_due))
                })
                .ok();
            }
            Step::Change { job, change, stale } => {
                if let Some(id) = self.job(job) {
                    let before = both!(self, |store| store.get(id, self.now));
                    if let Some(mut next) = before.ok().and_then(|job| self.changed(&job, change)) {
                        next.version += u64::from(stale);
                        both!(self, |store| store.advance(id, &next)).ok();
                    }
                }
            }
            Step::Remove { job } => {
                if let Some(id) = self.job(job) {
                    both!(self, |store| store.remove(&[id])).ok();
                }
            }
            Step::Log { job, lines } => {
                if let Some(id) = self.job(job) {
                    let line = |line: usize| LogEntry {
                        at: self.now,
                        attempt: 1,
                        level: Level::Info,
                        message: format!("line {line}"),
                    };
                    let entries: Vec<_> = (0..lines).map(line).collect();
                    both!(self, |store| store.append_log(id, &entries)).ok();
                    both!(self, |store| store.read_log(id, 1, 3)).ok();
                }
            }
            Step::Leave { worker } => {
                both!(self, |store| store.leave(self.workers[worker])).ok();
                self.workers[worker] = self.hire().await;
            }
            Step::Wait { seconds } => self.now = self.now.plus(Duration::from_secs(seconds.into())),
        }
        Ok(())
    }

    /// What a transition makes of it, if it may.
    fn changed(&self, job: &Job, change: Change) -> Option<State> {
        let (state, spec, now) = (&job.state, &job.spec, self.now);
        let owner = job.summary().worker.unwrap_or(self.workers[0]);
        let end = |report: Report| state.finish(spec, owner, report, now);
        let next = match change {
            Change::Start => state.start(spec, self.workers[0], Owner::Alive, now),
            Change::Renew => state.renew(owner, Progress::new(0.25, "a quarter")),
            Change::Release => state.release(owner, now),
            Change::Cancel => state.cancel("enough", now),
            Change::Complete => end(output("out")),
            Change::Fail => end(failure(FailureKind::Failed)),
            Change::Retry => end(failure(FailureKind::Transient)),
        };
        next.ok().filter(|next| next.version == state.version + 1)
    }

    /// All that can be asked, asked of both.
    async fn same(&self) -> std::result::Result<(), TestCaseError> {
        for job in &self.jobs {
            let id = job.spec.id;
            both!(self, |store| store.get(id, self.now)).ok();
            both!(self, |store| store.peek(id, self.now)).ok();
            both!(self, |store| store.read_log(id, 0, 100)).ok();
        }
        let filters = [
            Filter::default(),
            Filter { status: vec![Status::Pending, Status::Completed], ..Filter::default() },
            Filter { labels: vec![("priority".into(), "1".into())], ..Filter::default() },
        ];
        for filter in filters {
            for before in [None, self.job(self.jobs.len() / 2)] {
                for limit in [3, 100] {
                    let query = Query::List { filter: filter.clone(), before, limit, now: self.now };
                    both!(self, |store| store.scan(&query)).ok();
                }
            }
        }
        both!(self, |store| store.scan(&Query::Expired { now: self.now, limit: 100 })).ok();
        both!(self, |store| store.loads()).ok();
        for tenant in 0..TENANTS {
            both!(self, |store| store.held(&format!("tenant {tenant}"))).ok();
        }
        Ok(())
    }
}

/// One of the tenants may have one job running, the next two, and the last as many as it likes; and so with the queues.
fn bounds() -> Arc<Bounds> {
    let of = (1..u64::from(TENANTS)).map(|running| {
        let quota = Quota { running: NonZeroU64::new(running), ..Quota::default() };
        (format!("tenant {}", running - 1), quota)
    });
    let tenants = Arc::new(Quotas { of: of.collect(), ..Quotas::default() });
    let most = NonZeroU64::new;
    let queue = |concurrency, per_function, per_key| QueueBounds {
        concurrency: most(concurrency),
        per_function: most(per_function),
        per_key: most(per_key),
        paused: false,
    };
    let queues = [("default".to_owned(), queue(4, 0, 1)), ("queue 1".to_owned(), queue(0, 2, 1))];
    Arc::new(Bounds { queues: queues.into(), tenants, ..Bounds::default() })
}

fn named(name: u8, kept: bool) -> Option<au_host::IdempotencyKey> {
    key(&format!("key {name}"), if kept { KeyHolds::WhileKept } else { KeyHolds::UntilFinished })
}

fn run_on_file(steps: Vec<Step>) -> std::result::Result<(), TestCaseError> {
    let folder = tempfile::tempdir().unwrap();
    run(&format!("file:{}", folder.path().join("data").display()), steps)
}

fn run(url: &str, steps: Vec<Step>) -> std::result::Result<(), TestCaseError> {
    run_opened(async || open(url, Durability::Os).await.unwrap(), steps)
}

fn run_opened(open: impl AsyncFn() -> Arc<dyn Store>, steps: Vec<Step>) -> std::result::Result<(), TestCaseError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut pair = Pair::new(open().await).await;
        for step in steps {
            pair.step(step).await?;
        }
        pair.same().await?;
        // What is kept is kept: another handle on the same says the same.
        pair.other = open().await;
        pair.same().await
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, max_shrink_iters: 400, ..ProptestConfig::default() })]

    #[test]
    fn the_file_store_answers_as_the_memory_store_does(steps in prop::collection::vec(step(), 1..80)) {
        run_on_file(steps)?;
    }

    #[test]
    fn a_keyed_store_answers_as_the_memory_store_does(steps in prop::collection::vec(step(), 1..80)) {
        let map = KeyedMap::default();
        run_opened(async || map.store().await, steps)?;
    }
}

#[cfg(feature = "postgres")]
proptest! {
    // Fewer, for each has a database of its own.
    #![proptest_config(ProptestConfig { cases: 40, max_shrink_iters: 100, ..ProptestConfig::default() })]

    #[test]
    fn the_postgres_store_answers_as_the_memory_store_does(steps in prop::collection::vec(step(), 1..80)) {
        if let Some(server) = au_tests::postgres::server() {
            run(&server.database_by_socket(), steps)?;
        }
    }
}

#[cfg(feature = "redis")]
#[test]
fn the_redis_store_answers_as_the_memory_store_does() {
    use proptest::test_runner::TestRunner;
    if !au_tests::redis::is_there("the redis store answers as the memory store does") {
        return;
    }
    let server = au_tests::redis::Server::start();
    let config =
        ProptestConfig { cases: 60, max_shrink_iters: 400, failure_persistence: None, ..ProptestConfig::default() };
    let steps = prop::collection::vec(step(), 1..80);
    TestRunner::new(config)
        .run(&steps, |steps| run(&server.url(), steps))
        .unwrap_or_else(|failure| panic!("{failure}"));
}
