//! What was committed on a connection that is lost before it says so is found out, and neither done again nor forgotten.
//!
//! A server that waits for another to have each commit, of which there is none, has committed when it is cut off.

use std::sync::Arc;

use au_host::LogEntry;
use au_host::store::Inserted;
use au_tests::postgres::Server;
use au_tests::store::jobs::{self, NOW, take};

use crate::opened;

/// Lets commits wait for ever, or no more.
fn hang(server: &Server, standby: &str) {
    server.sql("postgres", &format!("ALTER SYSTEM SET synchronous_standby_names = '{standby}'"));
    server.sql("postgres", "SELECT pg_reload_conf()");
    while server.sql("postgres", "SHOW synchronous_standby_names") != standby {}
}

/// Cuts the connection of a host that waits so.
fn cut(server: &Server) {
    let cut = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
        WHERE application_name LIKE 'au-host %' AND wait_event = 'SyncRep'";
    while server.sql("postgres", cut) == "0" {}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_commit_whose_answer_was_lost_is_found_out() {
    let Some(server) = Server::start(false) else { return };
    let store = opened(&server.database()).await;
    let worker = jobs::worker();
    macro_rules! cut_off {
        (|$store:ident| $ask:expr) => {{
            hang(&server, "nobody");
            let $store = Arc::clone(&store);
            let asked = tokio::spawn(async move { $ask.await });
            tokio::task::block_in_place(|| cut(&server));
            hang(&server, "");
            asked.await.unwrap()
        }};
    }
    let job = jobs::job_with(|options| options.key = jobs::key("k", au_host::KeyHolds::WhileKept));
    let insert = job.clone();
    assert_eq!(cut_off!(|store| store.insert(&insert)).unwrap(), Inserted::New);
    assert_eq!(store.get(job.spec.id, NOW).await.unwrap(), job);
    store.insert(&job).await.unwrap_err();

    let taken = cut_off!(|store| store.take(&take(worker, 5))).unwrap();
    assert_eq!(taken.started.len(), 1, "the worker must hear of what it runs");
    let job = taken.started[0].clone();
    assert_eq!(store.get(job.spec.id, NOW).await.unwrap(), job);

    let line = LogEntry { at: NOW, attempt: 1, level: au_host::Level::Info, message: "once".into() };
    let lines = [line.clone()];
    let id = job.spec.id;
    let error = cut_off!(|store| store.append_log(id, &lines)).unwrap_err();
    assert_eq!(error.class().code, "fault", "{}", error.chain());
    assert_eq!(store.read_log(id, 0, 9).await.unwrap(), [line]);

    let next = jobs::finished(&job, worker, jobs::output("done"));
    let advance = next.clone();
    cut_off!(|store| store.advance(id, &advance)).unwrap();
    assert_eq!(store.get(id, NOW).await.unwrap().state, next);
    store.advance(id, &next).await.unwrap_err();
}
