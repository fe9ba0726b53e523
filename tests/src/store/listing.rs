//! Lists, filters, expiry and removal.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use au_host::store::{Depth, Filter, Query};
use au_host::{Error, FailureKind, Job, JobId, Status, Store, Summary, Timestamp};

use super::jobs::{self, NOW, after};
use super::take::insert_all;

async fn list(store: &Arc<dyn Store>, filter: Filter, before: Option<JobId>, limit: usize) -> Vec<Summary> {
    store.scan(&Query::List { filter, before, limit, now: NOW }).await.unwrap()
}

fn ids(jobs: &[Summary]) -> Vec<JobId> {
    jobs.iter().map(|job| job.id).collect()
}

/// All pages, of this size.
async fn pages(store: &Arc<dyn Store>, filter: &Filter, size: usize) -> Vec<JobId> {
    let mut all = Vec::new();
    loop {
        let page = ids(&list(store, filter.clone(), all.last().copied(), size).await);
        if page.is_empty() {
            return all;
        }
        all.extend(page);
    }
}

pub(super) async fn paged(store: Arc<dyn Store>) {
    let jobs: Vec<_> = (0..25).map(|_| jobs::job()).collect();
    insert_all(&store, &jobs).await;
    let newest_first: Vec<_> = jobs.iter().rev().map(|job| job.spec.id).collect();
    for size in [1, 7, 25, 100] {
        assert_eq!(pages(&store, &Filter::default(), size).await, newest_first, "pages of {size}");
    }
    assert_eq!(list(&store, Filter::default(), None, 0).await, []);
}

/// One of each status, and of each of these, some with one label, some with two.
async fn various(store: &Arc<dyn Store>) -> Vec<Summary> {
    let mut kept = Vec::new();
    for number in 0..60 {
        let worker = jobs::worker();
        let mut job = jobs::job_with(|options| {
            options.principal = (number % 3 == 0).then(|| format!("principal {}", number % 2));
            options.queue = (number % 4 > 1).then(|| format!("q{}", number % 2));
            options.labels = (0..number % 4).map(|label| (format!("l{label}"), format!("v{}", number % 2))).collect();
        });
        job.spec.function = format!("f{}", number % 3);
        let job = in_status(Job::new(job.spec), worker, Status::ALL[number % 5]);
        store.insert(&job).await.unwrap();
        kept.push(job.summary());
    }
    kept.reverse();
    kept
}

fn in_status(job: Job, worker: au_host::WorkerId, status: Status) -> Job {
    if status == Status::Pending {
        return job;
    }
    let mut job = jobs::running(job, worker);
    job.state = match status {
        Status::Completed => jobs::finished(&job, worker, jobs::output("x")),
        Status::Failed => jobs::finished(&job, worker, jobs::failure(FailureKind::Trap)),
        Status::Cancelled => {
            job.state = job.state.cancel("x", NOW).unwrap();
            jobs::finished(&job, worker, jobs::output("x"))
        }
        _ => job.state,
    };
    job
}

pub(super) async fn filters(store: Arc<dyn Store>) {
    let all = various(&store).await;
    let label = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let mut filters = vec![Filter::default()];
    for status in
        [vec![Status::Failed], vec![Status::Running], vec![Status::Pending, Status::Running, Status::Completed]]
    {
        for function in [None, Some("f1".to_owned()), Some("f".to_owned())] {
            for principal in [None, Some("principal 0".to_owned())] {
                for labels in
                    [vec![], vec![label("l0", "v1")], vec![label("l0", "v0"), label("l1", "v0")], vec![label("l0", "")]]
                {
                    let (status, function, principal) = (status.clone(), function.clone(), principal.clone());
                    filters.push(Filter { status: status.clone(), ..Filter::default() });
                    filters.push(Filter {
                        status: vec![],
                        function: function.clone(),
                        principal: principal.clone(),
                        labels: labels.clone(),
                        ..Filter::default()
                    });
                    filters.push(Filter { status, function, principal, labels, ..Filter::default() });
                }
            }
        }
    }
    let module = all.first().map(|job| job.module);
    filters.push(Filter { module, ..Filter::default() });
    filters.push(Filter { module, status: vec![Status::Failed], function: Some("f1".to_owned()), ..Filter::default() });
    for queue in ["q0", "q1", "default", "q"].map(|queue| Some(queue.to_owned())) {
        filters.push(Filter { queue: queue.clone(), ..Filter::default() });
        filters.push(Filter { queue, status: vec![Status::Failed, Status::Pending], ..Filter::default() });
    }
    for filter in filters {
        let expected: Vec<_> = all.iter().filter(|job| filter.passes(job)).cloned().collect();
        assert_eq!(list(&store, filter.clone(), None, 1000).await, expected, "{filter:?}");
        assert_eq!(pages(&store, &filter, 3).await, ids(&expected), "{filter:?}");
    }
}

async fn expiring(store: &Arc<dyn Store>, ttl: u64) -> Job {
    let worker = jobs::worker();
    let job = jobs::job_with(|options| {
        options.ttl = Some(Duration::from_secs(ttl));
        options.labels = BTreeMap::from([("l".into(), "v".into())]);
    });
    let mut job = jobs::running(job, worker);
    store.insert(&job).await.unwrap();
    job.state = jobs::finished(&job, worker, jobs::output("x"));
    store.advance(job.spec.id, &job.state).await.unwrap();
    job
}

pub(super) async fn without_expired(store: Arc<dyn Store>) {
    let (short, long) = (expiring(&store, 10).await, expiring(&store, 20).await);
    let label = Filter { labels: vec![("l".into(), "v".into())], ..Filter::default() };
    let status = Filter { status: vec![Status::Completed], ..Filter::default() };
    for filter in [Filter::default(), label, status] {
        for (now, expected) in
            [(after(9), vec![long.spec.id, short.spec.id]), (after(10), vec![long.spec.id]), (after(20), vec![])]
        {
            let query = Query::List { filter: filter.clone(), before: None, limit: 10, now };
            assert_eq!(ids(&store.scan(&query).await.unwrap()), expected);
        }
    }
}

pub(super) async fn expired_in_order(store: Arc<dyn Store>) {
    let expired = |now: Timestamp, limit| {
        let store = Arc::clone(&store);
        async move { ids(&store.scan(&Query::Expired { now, limit }).await.unwrap()) }
    };
    let mut jobs = Vec::new();
    for ttl in [30, 10, 20] {
        jobs.push(expiring(&store, ttl).await.spec.id);
    }
    store.insert(&jobs::job()).await.unwrap();
    assert_eq!(expired(after(9), 10).await, []);
    assert_eq!(expired(after(20), 10).await, [jobs[1], jobs[2]]);
    assert_eq!(expired(after(99), 2).await, [jobs[1], jobs[2]]);
    store.remove(&[jobs[1]]).await.unwrap();
    assert_eq!(expired(after(99), 10).await, [jobs[2], jobs[0]]);
}

pub(super) async fn paged_while_changing(store: Arc<dyn Store>) {
    let jobs: Vec<_> = (0..100).map(|_| jobs::job()).collect();
    insert_all(&store, &jobs).await;
    let changing = {
        let (store, jobs) = (Arc::clone(&store), jobs.clone());
        tokio::spawn(async move {
            for job in jobs {
                let worker = jobs::worker();
                let job = jobs::running(job, worker);
                store.advance(job.spec.id, &job.state).await.unwrap();
                store.insert(&jobs::job()).await.unwrap();
                store.advance(job.spec.id, &jobs::finished(&job, worker, jobs::output("x"))).await.unwrap();
            }
        })
    };
    let old: Vec<_> = jobs.iter().rev().map(|job| job.spec.id).collect();
    while !changing.is_finished() {
        let mut seen = pages(&store, &Filter::default(), 9).await;
        assert!(seen.iter().rev().is_sorted());
        seen.retain(|id| old.contains(id));
        assert_eq!(seen, old);
    }
    changing.await.unwrap();
}

pub(super) async fn remove_forgets(store: Arc<dyn Store>) {
    let all = various(&store).await;
    let mut ids = ids(&all);
    ids.push(JobId::new(NOW));
    assert_eq!(store.remove(&ids).await.unwrap(), all.len() as u64);
    assert_eq!(store.remove(&ids).await.unwrap(), 0);
    assert!(matches!(store.get(ids[0], NOW).await.unwrap_err(), Error::NotFound { .. }));
    for status in Status::ALL {
        assert_eq!(list(&store, Filter { status: vec![status], ..Filter::default() }, None, 10).await, []);
    }
    let label = Filter { labels: vec![("l0".into(), "v1".into())], ..Filter::default() };
    assert_eq!(list(&store, label, None, 10).await, []);
    let taken = store.take(&jobs::take(jobs::worker(), 10)).await.unwrap();
    assert!(taken.started.is_empty() && taken.settled.is_empty() && taken.next_due.is_none());
}

pub(super) async fn ready(store: Arc<dyn Store>) {
    store.ready().await.unwrap();
}

pub(super) async fn depth(store: Arc<dyn Store>) {
    assert_eq!(store.depth(NOW).await.unwrap(), Depth::default());
    for seconds in [5, 3, 100] {
        store.insert(&jobs::job_with(|options| options.run_at = after(seconds))).await.unwrap();
    }
    let worker = jobs::worker();
    store.insert(&jobs::running(jobs::job(), worker)).await.unwrap();
    expiring(&store, 10).await;
    let depth = store.depth(after(5)).await.unwrap();
    assert_eq!(depth, Depth { pending: 3, due: 2, oldest_due: Some(after(3)), running: 1 });
    assert_eq!(store.depth(NOW).await.unwrap(), Depth { due: 0, oldest_due: None, ..depth });
}
