//! Several handles on the same data, as several processes have.

use std::sync::Arc;

use au_host::store::{Change, Inserted};
use au_host::{Job, KeyHolds, Payload};
use futures::StreamExt;
use futures::future::join_all;

use super::Open;
use super::jobs::{self, NOW, after, take};

pub(super) async fn reads_others_writes(open: Open) {
    let (one, other) = (open(), open());
    let worker = jobs::worker();
    for _ in 0..20 {
        let job = jobs::job();
        one.insert(&job).await.unwrap();
        assert_eq!(other.get(job.spec.id, NOW).await.unwrap(), job);
        let started = other.take(&take(worker, 1)).await.unwrap().started.remove(0);
        assert_eq!(one.get(job.spec.id, NOW).await.unwrap(), started);
    }
}

pub(super) async fn no_job_twice(open: Open) {
    super::take::no_job_twice_of(&[open(), open(), open()]).await;
}

pub(super) async fn one_finish_wins(open: Open) {
    let stores = [open(), open(), open()];
    for size in [1, 100_000] {
        let worker = jobs::worker();
        let job = jobs::running(jobs::job(), worker);
        stores[0].insert(&job).await.unwrap();
        let finish = |number: u8| {
            let next = jobs::finished(&job, worker, jobs::output(vec![number; size]));
            let (store, id) = (Arc::clone(&stores[usize::from(number) % 3]), job.spec.id);
            tokio::spawn(async move { store.advance(id, &next).await.map(|()| next) })
        };
        let results = join_all((0..9).map(finish)).await;
        let won: Vec<_> = results.into_iter().filter_map(|result| result.unwrap().ok()).collect();
        assert_eq!(won.len(), 1);
        assert!(stores[1].get(job.spec.id, NOW).await.unwrap().state == won[0]);
    }
}

pub(super) async fn one_key(open: Open) {
    let stores = [open(), open(), open(), open()];
    for round in 0..20 {
        let insert = |number: usize| {
            let job = jobs::job_with(|options| options.key = jobs::key(&format!("round {round}"), KeyHolds::WhileKept));
            let store = Arc::clone(&stores[number % 4]);
            tokio::spawn(async move { store.insert(&job).await.unwrap() })
        };
        let answers: Vec<_> = join_all((0..8).map(insert)).await.into_iter().map(Result::unwrap).collect();
        assert_eq!(answers.iter().filter(|answer| **answer == Inserted::New).count(), 1, "{answers:?}");
    }
}

pub(super) async fn hint(open: Open) {
    let (one, other) = (open(), open());
    let mut changes = one.changes();
    let mut inserted = Vec::new();
    for _ in 0..3 {
        let job = jobs::job();
        other.insert(&job).await.unwrap();
        // The hint of the one before may come after that to look at everything.
        inserted.push(Change::Job(job.spec.id));
        let change = changes.next().await.unwrap();
        assert!(change == Change::Unknown || inserted.contains(&change));
    }
}

pub(super) async fn first_hint(open: Open) {
    let store = open();
    let mut changes = store.changes();
    assert_eq!(changes.next().await, Some(Change::Unknown));
}

pub(super) async fn gone_handle(open: Open) {
    let (stays, goes) = (open(), open());
    let (alive, dead) = (jobs::worker(), jobs::worker());
    stays.heartbeat(alive, after(3600), NOW).await.unwrap();
    goes.heartbeat(dead, after(3600), NOW).await.unwrap();
    let job = jobs::running(jobs::job(), dead);
    goes.insert(&job).await.unwrap();
    assert!(!stays.heartbeat(alive, after(3600), NOW).await.unwrap().lost_jobs);
    drop(goes);
    assert!(stays.heartbeat(alive, after(3600), NOW).await.unwrap().lost_jobs);
    assert_eq!(stays.take(&take(alive, 1)).await.unwrap().started[0].spec.id, job.spec.id);
}

pub(super) async fn living_handle(open: Open) {
    let (one, other) = (open(), open());
    let (here, there) = (jobs::worker(), jobs::worker());
    one.heartbeat(here, after(3600), NOW).await.unwrap();
    other.heartbeat(there, after(3600), NOW).await.unwrap();
    one.insert(&jobs::running(jobs::job(), here)).await.unwrap();
    assert!(!other.heartbeat(there, after(3600), NOW).await.unwrap().lost_jobs);
    assert!(other.take(&take(there, 1)).await.unwrap().started.is_empty());
}

pub(super) async fn no_sweep_of_the_living(open: Open) {
    let (one, other, goes) = (open(), open(), open());
    goes.heartbeat(jobs::worker(), after(3600), NOW).await.unwrap();
    let mut spec = jobs::spec();
    spec.input = Payload::new("a/b", vec![7; 1 << 20]).unwrap();
    let job = Job::new(spec);
    one.insert(&job).await.unwrap();
    drop(goes);
    other.heartbeat(jobs::worker(), after(3600), NOW).await.unwrap();
    drop(one);
    other.heartbeat(jobs::worker(), after(3600), NOW).await.unwrap();
    assert!(other.get(job.spec.id, NOW).await.unwrap() == job);
}

pub(super) async fn reopened(open: Open) {
    let store = open();
    let mut jobs = Vec::new();
    for size in [10, 1 << 20] {
        let mut spec = jobs::spec();
        spec.input = Payload::new("a/b", vec![7; size]).unwrap();
        jobs.push(Job::new(spec));
        store.insert(jobs.last().unwrap()).await.unwrap();
    }
    drop(store);
    let store = open();
    for job in jobs {
        assert!(store.get(job.spec.id, NOW).await.unwrap() == job);
    }
}
