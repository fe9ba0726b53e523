//! A server that goes away, or forgets, and comes back.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use au_host::store::{Change, Inserted};
use au_host::{Error, Job, JobId, Status, Store, WorkerId};
use au_tests::redis::Server;
use au_tests::store::jobs::{self, NOW, after};
use futures::StreamExt;
use futures::future::join_all;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::{large, needs_redis, store};

/// Inserts jobs and finishes every second one until told to stop; gives those whose end was acknowledged, and those whose insert only.
async fn load(
    store: Arc<dyn Store>,
    stop: Arc<AtomicBool>,
    worker: WorkerId,
    done: Arc<AtomicUsize>,
) -> Vec<(JobId, Status)> {
    let mut acknowledged = Vec::new();
    while !stop.load(Ordering::Acquire) {
        let job = jobs::running(jobs::job(), worker);
        assert_eq!(store.insert(&job).await.unwrap(), Inserted::New);
        let mut status = Status::Running;
        if acknowledged.len() % 2 == 0 {
            store.advance(job.spec.id, &jobs::finished(&job, worker, jobs::output("x"))).await.unwrap();
            status = Status::Completed;
        }
        acknowledged.push((job.spec.id, status));
        done.fetch_add(1, Ordering::AcqRel);
    }
    acknowledged
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_killed_under_load_loses_nothing_it_acknowledged_and_no_handle_stays_deaf() {
    needs_redis!();
    let mut server = Server::start();
    let url = server.url();
    let (store, listener) = (store(&url).await, super::store(&url).await);
    let mut changes = listener.changes();
    assert_eq!(changes.next().await, Some(Change::Unknown));
    let (stop, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let worker = jobs::worker();
    let mut loads = JoinSet::new();
    for _ in 0..32 {
        loads.spawn(load(Arc::clone(&store), Arc::clone(&stop), worker, Arc::clone(&done)));
    }
    for round in 0..4 {
        let enough = done.load(Ordering::Acquire) + 200;
        while done.load(Ordering::Acquire) < enough {
            tokio::select! {
                heard = changes.next() => assert!(heard.is_some(), "hints come again after each time"),
                ended = loads.join_next() => panic!("a load ended early: {ended:?}"),
            }
        }
        if round < 3 {
            let restart = move || {
                server.kill();
                server.again();
                server
            };
            server = tokio::task::spawn_blocking(restart).await.unwrap();
        }
    }
    stop.store(true, Ordering::Release);
    let acknowledged: Vec<_> = loads.join_all().await.into_iter().flatten().collect();
    for (id, status) in &acknowledged {
        assert_eq!(listener.peek(*id, NOW).await.unwrap().status, *status);
    }
    let counts = listener.counts().await.unwrap();
    assert_eq!(
        counts.running + counts.completed,
        acknowledged.len() as u64,
        "none is there twice, none is there that nobody had"
    );
    listener.heartbeat(jobs::worker(), after(60), NOW).await.unwrap();
}

/// Cuts all connections but its own as long as something goes on.
fn cutting(server: &Arc<Server>, going: &Arc<AtomicBool>) -> std::thread::JoinHandle<usize> {
    let (server, going) = (Arc::clone(server), Arc::clone(going));
    std::thread::spawn(move || {
        let mut cut = 0;
        while going.load(Ordering::Acquire) {
            cut += server.ask(&["client", "kill", "type", "normal", "skipme", "yes"]).parse::<usize>().unwrap_or(0);
        }
        cut
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_while_connections_are_cut_is_done_once() {
    needs_redis!();
    let server = Arc::new(Server::start());
    let store = store(&server.url()).await;
    let worker = jobs::worker();
    let (told, mut news) = mpsc::channel(1);
    let going = Arc::new(AtomicBool::new(true));
    let cutter = cutting(&server, &going);
    let one = |number: usize| {
        let (store, told) = (Arc::clone(&store), told.clone());
        tokio::spawn(async move {
            let mut job = jobs::running(jobs::job(), worker);
            if number.is_multiple_of(20) {
                job.spec.input = large(2 << 20).spec.input;
            }
            let id = job.spec.id;
            assert_eq!(store.insert(&job).await.unwrap(), Inserted::New);
            let line = au_host::LogEntry { at: NOW, attempt: 1, level: au_host::Level::Info, message: "once".into() };
            for _ in 0..5 {
                store.append_log(id, std::slice::from_ref(&line)).await.unwrap();
            }
            store.advance(id, &jobs::finished(&job, worker, jobs::output("x"))).await.unwrap();
            told.send(id).await.unwrap();
        })
    };
    let all: Vec<_> = (0..200).map(one).collect();
    drop(told);
    let mut ids = BTreeSet::new();
    while ids.len() < 200 {
        ids.insert(news.recv().await.expect("one ended early"));
    }
    for one in all {
        one.await.unwrap();
    }
    going.store(false, Ordering::Release);
    assert!(cutter.join().unwrap() > 0, "no connection was ever cut");
    for id in &ids {
        assert_eq!(store.read_log(*id, 0, 100).await.unwrap().len(), 5, "each line once");
        assert_eq!(store.peek(*id, NOW).await.unwrap().status, Status::Completed);
    }
    let counts = store.counts().await.unwrap();
    assert_eq!((counts.completed, counts.running, counts.pending), (200, 0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn takes_that_are_cut_start_each_attempt_once_and_lose_none() {
    needs_redis!();
    let server = Arc::new(Server::start());
    let url = server.url();
    let stores = [store(&url).await, store(&url).await];
    let all: Vec<Job> = (0..300).map(|_| jobs::job()).collect();
    join_all(all.iter().map(|job| stores[0].insert(job))).await.into_iter().for_each(|inserted| _ = inserted.unwrap());
    let going = Arc::new(AtomicBool::new(true));
    let cutter = cutting(&server, &going);
    let drain = |number: usize| {
        let store = Arc::clone(&stores[number % 2]);
        tokio::spawn(async move {
            let worker = jobs::worker();
            store.heartbeat(worker, after(3600), NOW).await.unwrap();
            let mut started = Vec::new();
            loop {
                let taken = store.take(&jobs::take(worker, 7)).await.unwrap();
                started.extend(taken.started.into_iter().map(|job| (job.spec.id, job.state.attempt)));
                if taken.next_due.is_none() {
                    return started;
                }
            }
        })
    };
    let started: Vec<_> = join_all((0..4).map(drain)).await.into_iter().flat_map(Result::unwrap).collect();
    going.store(false, Ordering::Release);
    cutter.join().unwrap();
    assert!(started.iter().all(|(_, attempt)| *attempt == 1));
    let ids: BTreeSet<_> = started.iter().map(|(id, _)| *id).collect();
    assert_eq!((started.len(), ids), (300, all.iter().map(|job| job.spec.id).collect()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_forgot_the_scripts_is_told_them_again() {
    needs_redis!();
    let server = Server::start();
    let store = store(&server.url()).await;
    for _ in 0..3 {
        let job = jobs::job();
        store.insert(&job).await.unwrap();
        assert_eq!(server.ask(&["script", "flush"]), "OK");
        assert_eq!(store.take(&jobs::take(jobs::worker(), 1)).await.unwrap().started.len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_was_emptied_makes_nobody_wait() {
    needs_redis!();
    let server = Server::start();
    let url = server.url();
    let (store, other) = (store(&url).await, super::store(&url).await);
    let mut changes = store.changes();
    assert_eq!(changes.next().await, Some(Change::Unknown));
    let job = jobs::running(large(1 << 20), jobs::worker());
    store.insert(&job).await.unwrap();
    assert_eq!(server.ask(&["flushall"]), "OK");
    assert!(matches!(store.get(job.spec.id, NOW).await.unwrap_err(), Error::NotFound { .. }));
    assert!(matches!(store.advance(job.spec.id, &job.state).await.unwrap_err(), Error::NotFound { .. }));
    let next = jobs::job();
    other.insert(&next).await.unwrap();
    loop {
        // Of what was before, it may hear too.
        let heard = changes.next().await.unwrap();
        if heard == Change::Job(next.spec.id) || heard == Change::Unknown {
            break;
        }
    }
    assert_eq!(store.take(&jobs::take(jobs::worker(), 9)).await.unwrap().started.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_whose_server_is_away_says_so_at_once_when_asked_whether_it_is_ready() {
    needs_redis!();
    let mut server = Server::start();
    let store = store(&server.url()).await;
    store.ready().await.unwrap();
    server.kill();
    let error = store.ready().await.unwrap_err();
    assert!(error.chain().contains("check that it runs"), "{}", error.chain());
    let job = jobs::job();
    let waits = {
        let (store, job) = (Arc::clone(&store), job.clone());
        tokio::spawn(async move { store.insert(&job).await })
    };
    let server = tokio::task::spawn_blocking(move || {
        server.again();
        server
    });
    let _server = server.await.unwrap();
    assert_eq!(waits.await.unwrap().unwrap(), Inserted::New, "it waited for the server to come back");
    store.ready().await.unwrap();
}
