//! The server goes away, or connections are cut: nothing that was acknowledged is lost, nothing is done twice, and all goes on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use au_host::store::{Change, Inserted};
use au_host::{Job, JobId, Progress, Result, Status, Store};
use au_tests::postgres::{Server, server};
use au_tests::store::jobs::{self, NOW, after, take};
use futures::StreamExt;
use futures::future::join_all;

use crate::opened;

/// How many connections are cut at least while something is done.
const CUTS: u64 = 12;

/// Cuts the connections of hosts to this database, again and again until told to stop; counts how many.
fn cutting(server: &'static Server, url: &str) -> (Arc<AtomicBool>, Arc<AtomicU64>) {
    let (stop, cuts) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let (told, count, url) = (Arc::clone(&stop), Arc::clone(&cuts), url.to_owned());
    let cut = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
        WHERE application_name LIKE 'au-host %' AND datname = current_database()";
    std::thread::spawn(move || {
        while !told.load(Ordering::Relaxed) {
            count.fetch_add(server.sql(&url, cut).parse().unwrap(), Ordering::Relaxed);
            // Or no connection would live long enough for anything.
            std::thread::sleep(Duration::from_millis(30));
        }
    });
    (stop, cuts)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn inserts_and_advances_whose_connection_is_cut_are_done_once_and_answered_truly() {
    let Some(server) = server() else { return };
    let url = server.database();
    let store = opened(&url).await;
    let (stop, cuts) = cutting(server, &url);
    let worker = jobs::worker();
    let one = |_| {
        let (store, cuts) = (Arc::clone(&store), Arc::clone(&cuts));
        tokio::spawn(async move {
            let job = jobs::running(
                jobs::job_with(|options| {
                    options.key = jobs::key(&JobId::new(NOW).to_string(), au_host::KeyHolds::WhileKept)
                }),
                worker,
            );
            let inserted = store.insert(&job).await;
            let mut states = vec![job.state.clone()];
            let mut said = Vec::new();
            if inserted.is_ok() {
                let mut step = 0;
                while step < 3 || cuts.load(Ordering::Relaxed) < CUTS {
                    step += 1;
                    let last = states.last().unwrap();
                    let next = last.renew(worker, Progress::new(0.1, &format!("step {step}"))).unwrap();
                    said.push(store.advance(job.spec.id, &next).await);
                    states.push(next);
                    if said.last().unwrap().is_err() {
                        break;
                    }
                }
            }
            (job, inserted, states, said)
        })
    };
    let done: Vec<_> = join_all((0..200).map(one)).await.into_iter().map(std::result::Result::unwrap).collect();
    stop.store(true, Ordering::Relaxed);
    let mut faults = 0;
    for (job, inserted, states, said) in done {
        match inserted {
            Ok(inserted) => assert_eq!(inserted, Inserted::New),
            Err(error) => {
                assert_eq!(error.class().code, "fault", "{}", error.chain());
                faults += 1;
                continue;
            }
        }
        let kept = store.get(job.spec.id, NOW).await.unwrap();
        let at = states.iter().position(|state| *state == kept.state).expect("one of those that were asked for");
        let acknowledged = said.iter().filter(|said| said.is_ok()).count();
        // One more only where nobody knows.
        let in_doubt = said.last().is_some_and(std::result::Result::is_err);
        assert!(at == acknowledged || in_doubt && at == acknowledged + 1, "{at} of {acknowledged}");
        for error in said.into_iter().filter_map(Result::err) {
            assert_eq!(error.class().code, "fault", "{}", error.chain());
            faults += 1;
        }
    }
    assert!(faults < 20, "{faults} came to nothing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_taken_while_connections_are_cut_are_each_given_to_one_and_none_is_forgotten() {
    let Some(server) = server() else { return };
    let url = server.database();
    let store = opened(&url).await;
    let mut all: Vec<_> = (0..200).map(|_| jobs::job()).collect();
    for inserted in join_all(all.iter().map(|job| store.insert(job))).await {
        inserted.unwrap();
    }
    let (stop, cuts) = cutting(server, &url);
    let worker = jobs::worker();
    let mut taken = Vec::new();
    let deadline = Instant::now() + Duration::from_secs(60);
    while (taken.len() < all.len() || cuts.load(Ordering::Relaxed) < CUTS) && Instant::now() < deadline {
        if taken.len() == all.len() {
            all.push(jobs::job());
            store.insert(all.last().unwrap()).await.unwrap();
        }
        // A take that failed says nothing: what it started comes with the next.
        if let Ok(more) = store.take(&take(worker, 3)).await {
            taken.extend(more.started.iter().map(|job| job.spec.id));
        }
    }
    stop.store(true, Ordering::Relaxed);
    taken.sort_unstable();
    let mut ids: Vec<_> = all.iter().map(|job| job.spec.id).collect();
    ids.sort_unstable();
    assert_eq!(taken, ids);
    let attempts = server.sql(&url, "SELECT min(version) || ' ' || max(version) FROM au_host.job");
    assert_eq!(attempts, "2 2", "each was started once");
}

/// Jobs that some worker inserts, takes and finishes for as long as it is told.
async fn work(store: Arc<dyn Store>, stop: Arc<AtomicBool>) -> Vec<(Job, bool)> {
    let mut acknowledged = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let worker = jobs::worker();
        let job = jobs::running(jobs::job(), worker);
        if store.insert(&job).await.is_ok() {
            let next = jobs::finished(&job, worker, jobs::output("done"));
            let finished = store.advance(job.spec.id, &next).await.is_ok();
            acknowledged.push((job, finished));
        }
    }
    acknowledged
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_stopped_and_started_under_load_loses_nothing_and_leaves_nobody_deaf() {
    // A server of its own, for others must not be disturbed; it waits for the disk, for it will crash.
    let Some(server) = Server::start(true) else { return };
    let url = server.database();
    let (store, other) = (opened(&url).await, opened(&url).await);
    let mut changes = other.changes();
    let stop = Arc::new(AtomicBool::new(false));
    let working: Vec<_> = (0..8).map(|_| tokio::spawn(work(Arc::clone(&store), Arc::clone(&stop)))).collect();
    for crash in [false, true, false] {
        let before = finished(&other).await;
        tokio::task::block_in_place(|| if crash { server.kill() } else { server.stop() });
        assert!(store.ready().await.is_err(), "it is away");
        tokio::task::block_in_place(|| server.again());
        // Work goes on.
        while finished(&other).await < before + 20 {
            tokio::task::yield_now().await;
        }
    }
    stop.store(true, Ordering::Relaxed);
    let mut count = 0;
    for (job, done) in join_all(working).await.into_iter().flat_map(std::result::Result::unwrap) {
        let kept = store.peek(job.spec.id, NOW).await.unwrap();
        assert!(!done || kept.status == Status::Completed, "{kept:?}");
        count += 1;
    }
    assert!(count > 60);
    store.ready().await.unwrap();
    // Hints come again: by name, which only a connection that listens gives.
    loop {
        let job = jobs::job();
        store.insert(&job).await.unwrap();
        if let Change::Job(_) = changes.next().await.unwrap() {
            break;
        }
    }
    let worker = jobs::worker();
    store.heartbeat(worker, after(10), NOW).await.unwrap();
    assert!(!store.take(&take(worker, 1)).await.unwrap().started.is_empty());
}

async fn finished(store: &Arc<dyn Store>) -> u64 {
    store.counts().await.unwrap().completed
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_does_not_answer_is_not_ready_and_what_waited_for_it_is_done_when_it_does() {
    let Some(server) = Server::start(false) else { return };
    let store = opened(&server.database()).await;
    store.ready().await.unwrap();
    tokio::task::block_in_place(|| server.pause());
    let job = jobs::job();
    let inserting = {
        let (store, job) = (Arc::clone(&store), job.clone());
        tokio::spawn(async move { store.insert(&job).await })
    };
    let error = store.ready().await.unwrap_err().chain();
    assert!(error.contains("does not answer"), "{error}");
    tokio::task::block_in_place(|| server.resume());
    assert_eq!(inserting.await.unwrap().unwrap(), Inserted::New);
    assert_eq!(store.get(job.spec.id, NOW).await.unwrap(), job);
    store.ready().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_takes_no_writes_is_waited_for() {
    let Some(server) = server() else { return };
    let url = server.database();
    let store = opened(&url).await;
    let name = server.sql(&url, "SELECT current_database()");
    let set = |mode: &str| {
        server.sql("postgres", &format!("ALTER DATABASE {name} SET default_transaction_read_only TO {mode}"));
        let cut = format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'");
        server.sql("postgres", &cut);
    };
    set("on");
    let error = store.ready().await.unwrap_err().chain();
    assert!(error.contains("write"), "{error}");
    let job = jobs::job();
    let inserting = {
        let (store, job) = (Arc::clone(&store), job.clone());
        tokio::spawn(async move { store.insert(&job).await })
    };
    set("off");
    assert_eq!(inserting.await.unwrap().unwrap(), Inserted::New);
}
