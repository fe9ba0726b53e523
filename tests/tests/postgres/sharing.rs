//! Several hosts on one database.

use std::num::NonZeroU64;
use std::sync::Arc;

use au_host::store::{Change, Take};
use au_host::{Job, Quota, Quotas, Store};
use au_tests::postgres::server;
use au_tests::store::jobs::{self, NOW, after};
use futures::StreamExt;
use futures::future::join_all;

use crate::opened;

async fn insert_all(store: &Arc<dyn Store>, jobs: &[Job]) {
    for inserted in join_all(jobs.iter().map(|job| store.insert(job))).await {
        inserted.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_whose_lease_is_over_is_lost_and_one_that_renewed_it_is_not() {
    let Some(server) = server() else { return };
    let url = server.database();
    let (one, other) = (opened(&url).await, opened(&url).await);
    let (worker, rescuer) = (jobs::worker(), jobs::worker());
    one.heartbeat(worker, after(10), NOW).await.unwrap();
    let job = jobs::running(jobs::job(), worker);
    one.insert(&job).await.unwrap();
    let at = |now| Take { now, ..jobs::take(rescuer, 1) };
    assert!(!other.heartbeat(rescuer, after(99), after(9)).await.unwrap().lost_jobs);
    one.heartbeat(worker, after(20), after(9)).await.unwrap();
    assert!(other.take(&at(after(19))).await.unwrap().started.is_empty());
    assert!(other.heartbeat(rescuer, after(99), after(20)).await.unwrap().lost_jobs);
    let taken = other.take(&at(after(20))).await.unwrap();
    assert_eq!(taken.started[0].spec.id, job.spec.id);
    assert_eq!(taken.started[0].state.attempt, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_quota_holds_however_many_hosts_take_at_once() {
    let Some(server) = server() else { return };
    let url = server.database();
    let stores = [opened(&url).await, opened(&url).await, opened(&url).await, opened(&url).await];
    let job = |_| jobs::job_with(|options| options.principal = Some("acme".into()));
    insert_all(&stores[0], &(0..60).map(job).collect::<Vec<_>>()).await;
    let usual = Quota { running: NonZeroU64::new(5), ..Quota::default() };
    let bounds = Some(Arc::new(Arc::new(Quotas { usual, ..Quotas::default() }).into()));
    let taking = |number: usize| {
        let (store, bounds) = (Arc::clone(&stores[number % 4]), bounds.clone());
        tokio::spawn(async move {
            let worker = jobs::worker();
            store.heartbeat(worker, after(60), NOW).await.unwrap();
            store.take(&Take { bounds, ..jobs::take(worker, 2) }).await.unwrap().started.len()
        })
    };
    let started: usize = join_all((0..16).map(taking)).await.into_iter().map(Result::unwrap).sum();
    assert_eq!(started, 5);
    assert_eq!(stores[0].held("acme").await.unwrap().jobs.running, 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_is_one_notification_with_the_jobs_in_it() {
    let Some(server) = server() else { return };
    let url = server.database();
    let store = opened(&url).await;
    let (client, mut connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
    let (told, mut heard) = tokio::sync::mpsc::channel(4096);
    tokio::spawn(async move {
        let mut messages = futures::stream::poll_fn(move |context| connection.poll_message(context));
        while let Some(Ok(message)) = messages.next().await {
            if let tokio_postgres::AsyncMessage::Notification(notification) = message {
                told.send(notification.payload().to_owned()).await.unwrap();
            }
        }
    });
    client.batch_execute("LISTEN \"au_host.au_host\"").await.unwrap();
    let all: Vec<_> = (0..500).map(|_| jobs::job()).collect();
    insert_all(&store, &all).await;
    client.batch_execute("SELECT pg_notify('au_host.au_host', 'end')").await.unwrap();
    let mut payloads = Vec::new();
    while let Some(payload) = heard.recv().await.filter(|payload| payload != "end") {
        payloads.push(payload);
    }
    let batches = server.sql(&url, "SELECT count(DISTINCT xmin::text) FROM au_host.job");
    assert_eq!(payloads.len().to_string(), batches, "{payloads:?}");
    assert!(payloads.len() < 100, "500 inserts at once are few batches, not {}", payloads.len());
    for payload in payloads {
        let (_, ids) = payload.split_once(':').unwrap();
        assert!(ids == "*" || ids.split(',').all(|id| id.len() == 32), "{payload}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handle_hears_of_the_jobs_of_others_and_not_of_its_own() {
    let Some(server) = server() else { return };
    let url = server.database();
    let (one, other) = (opened(&url).await, opened(&url).await);
    let mut changes = one.changes();
    assert_eq!(changes.next().await, Some(Change::Unknown));
    let (own, others) = (jobs::job(), jobs::job());
    // Until it listens it hears only that it should look.
    let mut theirs = Vec::new();
    loop {
        let job = jobs::job();
        other.insert(&job).await.unwrap();
        theirs.push(Change::Job(job.spec.id));
        if theirs.contains(&changes.next().await.unwrap()) {
            break;
        }
    }
    one.insert(&own).await.unwrap();
    other.insert(&others).await.unwrap();
    loop {
        match changes.next().await.unwrap() {
            Change::Job(id) if id == others.spec.id => break,
            change => assert_ne!(change, Change::Job(own.spec.id)),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_principal_has_is_told_by_few_rows_and_still_right() {
    let Some(server) = server() else { return };
    let url = server.database();
    let store = opened(&url).await;
    let worker = jobs::worker();
    for number in 0..150 {
        let job = jobs::job_with(|options| options.principal = Some("acme".into()));
        store.insert(&job).await.unwrap();
        if number % 3 == 0 {
            store.remove(&[job.spec.id]).await.unwrap();
        }
    }
    let held = store.held("acme").await.unwrap();
    assert_eq!(held.jobs.pending, 100);
    store.heartbeat(worker, after(9), NOW).await.unwrap();
    assert_eq!(server.sql(&url, "SELECT count(*) FROM au_host.tenant"), "1");
    assert_eq!(store.held("acme").await.unwrap(), held);
}
