//! Queues, functions and keys bound what is started.

use std::num::NonZeroU64;
use std::sync::Arc;

use au_host::lanes::{Bounds, FunctionBounds, Load, QueueBounds};
use au_host::store::Take;
use au_host::{Digest, FailureKind, Job, JobId, Options, Owner, Phase, Quota, Quotas, Retry, Store, WorkerId};
use futures::future::join_all;

use super::Open;
use super::jobs::{self, NOW, after};
use super::take::insert_all;

fn in_queue(queue: &str) -> Job {
    job_with(queue, |_| {})
}

fn job_with(queue: &str, change: impl FnOnce(&mut Options)) -> Job {
    jobs::job_with(|options| {
        options.queue = Some(queue.into());
        options.module_name = Some("math".into());
        options.retry = Retry { attempts: 9, ..Retry::default() };
        change(options);
    })
}

fn with_key(queue: &str, key: &str) -> Job {
    job_with(queue, |options| options.concurrency_key = Some(key.into()))
}

fn queue(concurrency: u64) -> QueueBounds {
    QueueBounds { concurrency: NonZeroU64::new(concurrency), ..QueueBounds::default() }
}

fn queues<const N: usize>(queues: [(&str, QueueBounds); N]) -> Bounds {
    Bounds { queues: queues.map(|(name, queue)| (name.to_owned(), queue)).into(), ..Bounds::default() }
}

fn ids<'a>(jobs: impl IntoIterator<Item = &'a Job>) -> Vec<JobId> {
    jobs.into_iter().map(|job| job.spec.id).collect()
}

fn take(worker: WorkerId, limit: usize, bounds: &Bounds) -> Take {
    Take { bounds: Some(Arc::new(bounds.clone())), ..jobs::take(worker, limit) }
}

async fn hire(store: &Arc<dyn Store>) -> WorkerId {
    let worker = jobs::worker();
    store.heartbeat(worker, after(3600), NOW).await.unwrap();
    worker
}

async fn started(store: &Arc<dyn Store>, worker: WorkerId, limit: usize, bounds: &Bounds) -> Vec<Job> {
    store.take(&take(worker, limit, bounds)).await.unwrap().started
}

pub(super) async fn of_a_queue(store: Arc<dyn Store>) {
    let (one, other) = (hire(&store).await, hire(&store).await);
    let (some, rest) = ([(); 5].map(|()| in_queue("mail")), [(); 3].map(|()| in_queue("default")));
    let unnamed = jobs::job();
    insert_all(&store, &[&some[..], &rest[..], std::slice::from_ref(&unnamed)].concat()).await;
    let bounds = queues([("mail", queue(2)), ("default", queue(3))]);
    assert_eq!(ids(&started(&store, one, 1, &bounds).await), ids(&some[..1]));
    assert_eq!(ids(&started(&store, other, 100, &bounds).await), [&ids(&some[1..2])[..], &ids(&rest)].concat());
    assert!(started(&store, one, 100, &bounds).await.is_empty());
    let wider = queues([("mail", queue(3)), ("default", queue(3))]);
    assert_eq!(ids(&started(&store, one, 100, &wider).await), ids(&some[2..3]), "another limit, another bound");
    let free = store.take(&jobs::take(one, 100)).await.unwrap().started;
    assert_eq!(
        ids(&free),
        [&ids(&some[3..])[..], &[unnamed.spec.id]].concat(),
        "one that names no queue is in the default one"
    );
}

pub(super) async fn of_a_function(store: Arc<dyn Store>) {
    let worker = hire(&store).await;
    let named = |queue: &str, function: &str| {
        let mut job = in_queue(queue);
        job.spec.function = function.into();
        job
    };
    let jobs = [named("a", "add"), named("a", "add"), named("b", "add"), named("a", "subtract"), named("b", "add")];
    insert_all(&store, &jobs).await;
    let two = FunctionBounds { concurrency: NonZeroU64::new(2), paused: false };
    let of_all = Bounds { functions: [("math/add".to_owned(), two)].into(), ..Bounds::default() };
    let first = started(&store, worker, 100, &of_all).await;
    assert_eq!(ids(&first), [jobs[0].spec.id, jobs[1].spec.id, jobs[3].spec.id]);
    let each = QueueBounds { per_function: NonZeroU64::new(1), ..QueueBounds::default() };
    let of_each = queues([("a", each), ("b", each)]);
    assert_eq!(ids(&started(&store, worker, 100, &of_each).await), [jobs[2].spec.id]);
    // By digest it is another lane.
    let mut by_digest = named("c", "add");
    by_digest.spec.options.module_name = None;
    store.insert(&by_digest).await.unwrap();
    assert_eq!(ids(&started(&store, worker, 100, &of_all).await), [by_digest.spec.id]);
    let lane = format!("{}/add", Digest::of(b"module"));
    let loads = store.loads().await.unwrap();
    assert!(loads.iter().any(|load| load.queue == "c" && load.function == lane && load.running == 1), "{loads:?}");
}

pub(super) async fn of_a_key(store: Arc<dyn Store>) {
    let worker = hire(&store).await;
    let jobs =
        [with_key("q", "x"), with_key("q", "x"), with_key("q", "y"), in_queue("q"), in_queue("q"), with_key("r", "x")];
    insert_all(&store, &jobs).await;
    let bounds = queues([("q", QueueBounds { per_key: NonZeroU64::new(1), ..QueueBounds::default() })]);
    let first = started(&store, worker, 100, &bounds).await;
    assert_eq!(ids(&first), [0, 2, 3, 4, 5].map(|at: usize| jobs[at].spec.id), "those without a key are not held back");
    let next = jobs::finished(&first[1], worker, jobs::output("y is done"));
    store.advance(first[1].spec.id, &next).await.unwrap();
    assert!(started(&store, worker, 100, &bounds).await.is_empty());
    store.advance(first[0].spec.id, &jobs::finished(&first[0], worker, jobs::output("x is done"))).await.unwrap();
    assert_eq!(ids(&started(&store, worker, 100, &bounds).await), [jobs[1].spec.id]);
}

pub(super) async fn paused(store: Arc<dyn Store>) {
    let worker = hire(&store).await;
    let (waits, goes) = (in_queue("shut"), in_queue("open"));
    insert_all(&store, &[waits.clone(), goes.clone()]).await;
    let shut = queues([("shut", QueueBounds { paused: true, ..queue(9) })]);
    let taken = store.take(&take(worker, 100, &shut)).await.unwrap();
    assert_eq!((ids(&taken.started), taken.next_due), (vec![goes.spec.id], None));
    let stopped = FunctionBounds { paused: true, ..FunctionBounds::default() };
    let function = Bounds { functions: [("math/factorial".to_owned(), stopped)].into(), ..Bounds::default() };
    assert!(started(&store, worker, 100, &function).await.is_empty());
    let resumed = queues([("shut", queue(9))]);
    assert_eq!(ids(&started(&store, worker, 100, &resumed).await), [waits.spec.id]);
}

pub(super) async fn of_all_lanes(store: Arc<dyn Store>) {
    let worker = hire(&store).await;
    let of = |tenant: &str, key: &str| {
        job_with("q", |options| {
            options.principal = Some(tenant.into());
            options.concurrency_key = Some(key.into());
        })
    };
    let jobs = [of("a", "x"), of("a", "y"), of("b", "x"), of("b", "z"), of("c", "w"), of("d", "v")];
    insert_all(&store, &jobs).await;
    let usual = Quota { running: NonZeroU64::new(1), ..Quota::default() };
    let tenants = Arc::new(Quotas { usual, ..Quotas::default() });
    let queue = QueueBounds { per_key: NonZeroU64::new(1), ..queue(3) };
    let bounds = Bounds { tenants, ..queues([("q", queue)]) };
    // The second is of a principal that runs one, the third has a key that runs, and with the fifth the queue is full.
    let first = started(&store, worker, 100, &bounds).await;
    assert_eq!(ids(&first), [0, 3, 4].map(|at: usize| jobs[at].spec.id));
    store.advance(first[0].spec.id, &jobs::finished(&first[0], worker, jobs::output("x"))).await.unwrap();
    assert_eq!(ids(&started(&store, worker, 100, &bounds).await), [jobs[1].spec.id]);
}

pub(super) async fn given_back(store: Arc<dyn Store>) {
    let worker = hire(&store).await;
    let bounds = queues([("q", queue(1))]);
    let jobs: Vec<_> = (0..6).map(|_| in_queue("q")).collect();
    insert_all(&store, &jobs).await;
    let next = async || started(&store, worker, 100, &bounds).await.pop().expect("there is room for one");
    let done = next().await;
    store.advance(done.spec.id, &jobs::finished(&done, worker, jobs::output("x"))).await.unwrap();
    let mut cancelled = next().await;
    cancelled.state = cancelled.state.cancel("enough", NOW).unwrap();
    store.advance(cancelled.spec.id, &cancelled.state).await.unwrap();
    assert!(started(&store, worker, 100, &bounds).await.is_empty(), "it still runs");
    let ended = jobs::finished(&cancelled, worker, jobs::failure(FailureKind::Failed));
    store.advance(cancelled.spec.id, &ended).await.unwrap();
    let retried = next().await;
    let mut later = retried.state.release(worker, after(60)).unwrap();
    store.advance(retried.spec.id, &later).await.unwrap();
    let removed = next().await;
    store.remove(&[removed.spec.id]).await.unwrap();
    let failed = next().await;
    let ended = jobs::finished(&failed, worker, jobs::failure(FailureKind::Trap));
    store.advance(failed.spec.id, &ended).await.unwrap();
    let last = next().await;
    assert_eq!(ids([&done, &cancelled, &retried, &removed, &failed, &last]), ids(&jobs));
    // One that waits may be cancelled, too: what waits behind it is not held up.
    later = later.cancel("enough", NOW).unwrap();
    store.advance(retried.spec.id, &later).await.unwrap();
    store.advance(last.spec.id, &jobs::finished(&last, worker, jobs::output("x"))).await.unwrap();
    let loads = store.loads().await.unwrap();
    assert!(loads.is_empty(), "{loads:?}");
}

pub(super) async fn lost(store: Arc<dyn Store>) {
    let (dead, worker) = (jobs::worker(), hire(&store).await);
    let (lost, once, waits) = (
        jobs::running(in_queue("q"), dead),
        jobs::running(job_with("q", |options| options.retry.attempts = 1), dead),
        in_queue("q"),
    );
    insert_all(&store, &[lost.clone(), once.clone(), waits.clone()]).await;
    let bounds = queues([("q", QueueBounds { paused: true, ..queue(1) })]);
    let taken = store.take(&take(worker, 100, &bounds)).await.unwrap();
    assert_eq!((ids(&taken.started), taken.settled), (vec![lost.spec.id], vec![once.spec.id]));
    let bounds = queues([("q", queue(1))]);
    assert!(started(&store, worker, 100, &bounds).await.is_empty());
    let bounds = queues([("q", queue(2))]);
    assert_eq!(ids(&started(&store, worker, 100, &bounds).await), [waits.spec.id], "what was settled runs no more");
}

pub(super) async fn order(store: Arc<dyn Store>) {
    let worker = hire(&store).await;
    let with = |queue: &str, priority| job_with(queue, |options| options.priority = priority);
    let mut jobs = Vec::new();
    for number in 0..60 {
        jobs.push(with(["a", "b", "c"][number % 3], i32::try_from(number * 7 % 5).unwrap()));
        jobs.push(with("shut", 9));
        jobs.push(with("full", 9));
    }
    insert_all(&store, &jobs).await;
    let shut = QueueBounds { paused: true, ..QueueBounds::default() };
    let bounds = queues([("shut", shut), ("full", queue(1)), ("a", queue(99)), ("b", queue(7))]);
    let mut expected: Vec<_> = jobs.iter().filter(|job| !["shut", "full"].contains(&queue_of(job))).collect();
    expected.sort_by_key(|job| (std::cmp::Reverse(job.spec.options.priority), job.spec.id));
    let mut of_b = 0;
    expected.retain(|job| {
        of_b += usize::from(queue_of(job) == "b");
        queue_of(job) != "b" || of_b <= 7
    });
    let mut taken = started(&store, worker, 1, &bounds).await;
    assert_eq!(queue_of(&taken[0]), "full", "there is room for one");
    for limit in [1, 2, 9, 40, 40] {
        taken.extend(started(&store, worker, limit, &bounds).await);
    }
    assert_eq!(ids(&taken[1..]), ids(expected));
}

fn queue_of(job: &Job) -> &str {
    job.spec.options.queue.as_deref().unwrap()
}

pub(super) async fn many_groups(store: Arc<dyn Store>) {
    const GROUPS: usize = 1200;
    let worker = hire(&store).await;
    let jobs: Vec<_> = (0..GROUPS).map(|number| with_key("q", &format!("key {number:04}"))).collect();
    // A few at a time, for a handle may be opened for each.
    for jobs in jobs.chunks(50) {
        insert_all(&store, jobs).await;
    }
    let bounds = queues([("q", QueueBounds { per_key: NonZeroU64::new(1), ..QueueBounds::default() })]);
    let mut taken = Vec::new();
    loop {
        let more = store.take(&take(worker, 300, &bounds)).await.unwrap();
        let is_due = more.next_due.is_some_and(|at| at <= NOW);
        taken.extend(ids(&more.started));
        if taken.len() == GROUPS || !is_due {
            break;
        }
    }
    taken.sort_unstable();
    assert!(taken == ids(&jobs), "{} of {GROUPS}", taken.len());
}

pub(super) async fn not_due(store: Arc<dyn Store>) {
    let worker = hire(&store).await;
    let later = |queue: &str, seconds| job_with(queue, |options| options.run_at = after(seconds));
    insert_all(&store, &[in_queue("q"), in_queue("q"), later("r", 9), later("q", 5)]).await;
    let bounds = queues([("q", queue(1))]);
    let taken = store.take(&take(worker, 10, &bounds)).await.unwrap();
    assert_eq!((taken.started.len(), taken.next_due), (1, Some(after(9))), "it is no use to look for what has no room");
    store
        .advance(taken.started[0].spec.id, &jobs::finished(&taken.started[0], worker, jobs::output("x")))
        .await
        .unwrap();
    let due = store.take(&take(worker, 0, &bounds)).await.unwrap().next_due;
    assert!(due.is_some_and(|due| due <= NOW), "{due:?}");
}

pub(super) async fn racing(store: Arc<dyn Store>) {
    race(&[store]).await;
}

pub(super) async fn racing_handles(open: Open) {
    race(&[open(), open(), open(), open()]).await;
}

/// Eight workers on these handles take again and again, finish half of what they got, and never is more running than may be.
async fn race(stores: &[Arc<dyn Store>]) {
    let mut all = Vec::new();
    for number in 0..30 {
        all.extend([in_queue("q"), with_key("k", ["x", "y"][number % 2]), jobs::job()]);
    }
    insert_all(&stores[0], &all).await;
    let per_key = QueueBounds { per_key: NonZeroU64::new(2), ..QueueBounds::default() };
    let bounds = queues([("q", queue(3)), ("k", per_key)]);
    for round in 0..4 {
        let taking = |number: usize| {
            let (store, bounds) = (Arc::clone(&stores[number % stores.len()]), bounds.clone());
            tokio::spawn(async move {
                let worker = hire(&store).await;
                let mut taken = Vec::new();
                for _ in 0..3 {
                    taken.extend(started(&store, worker, 4, &bounds).await.into_iter().map(|job| (worker, job)));
                }
                taken
            })
        };
        let taken: Vec<_> = join_all((0..8).map(taking)).await.into_iter().flat_map(Result::unwrap).collect();
        let of = |queue: Option<&str>, key: Option<&str>| {
            let is_of = |job: &Job| {
                let options = &job.spec.options;
                options.queue.as_deref() == queue && options.concurrency_key.as_deref() == key
            };
            taken.iter().filter(|(_, job)| is_of(job)).count()
        };
        let (of_q, of_x, of_y) = (of(Some("q"), None), of(Some("k"), Some("x")), of(Some("k"), Some("y")));
        assert_eq!((of_q, of_x, of_y), (3, 2, 2), "round {round}");
        for (worker, job) in &taken {
            let next = jobs::finished(job, *worker, jobs::output("x"));
            stores[0].advance(job.spec.id, &next).await.unwrap();
        }
    }
}

pub(super) async fn loads(store: Arc<dyn Store>) {
    let worker = hire(&store).await;
    assert!(store.loads().await.unwrap().is_empty());
    let jobs =
        [in_queue("q"), with_key("q", "x"), with_key("q", "y"), jobs::running(in_queue("q"), worker), jobs::job()];
    insert_all(&store, &jobs).await;
    let load = |queue: &str, function: &str, pending, running| Load {
        queue: queue.into(),
        function: function.into(),
        pending,
        running,
    };
    let by_digest = format!("{}/factorial", Digest::of(b"module"));
    let rest = load("default", &by_digest, 1, 0);
    assert_eq!(store.loads().await.unwrap(), [rest.clone(), load("q", "math/factorial", 3, 1)]);
    let next = jobs[0].state.start(&jobs[0].spec, worker, Owner::Alive, NOW).unwrap();
    assert!(matches!(next.phase, Phase::Running { .. }));
    store.advance(jobs[0].spec.id, &next).await.unwrap();
    store.remove(&[jobs[1].spec.id]).await.unwrap();
    let done = jobs::finished(&jobs[3], worker, jobs::output("x"));
    store.advance(jobs[3].spec.id, &done).await.unwrap();
    assert_eq!(store.loads().await.unwrap(), [rest, load("q", "math/factorial", 1, 1)]);
}
