//! Many hosts on one store, each the real `au-host` in a process and a folder of its own: killed, paused, and with the store
//! stopped under them.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]
#![allow(dead_code, unused_imports, reason = "a part of what the tests of the command line use")]

mod chaos;
#[path = "../cli/folder.rs"]
mod folder;
mod on_postgres;
mod on_redis;
mod worker;

pub(crate) use chaos::chaos;
pub(crate) use folder::*;
pub(crate) use worker::*;

/// Commands work on the store themselves.
pub(crate) const OVER_HTTP: bool = false;

/// A host that is killed has its job taken up by another.
pub(crate) fn killed(store: &str) {
    let asks = Asker::new(store);
    let mut first = Worker::start(store);
    let id = asks.submit(&["spin"]);
    let before = asks.running(&id);
    let _second = Worker::start(store);
    first.kill();
    let after = until("another attempt", || Some(asks.status(&id)).filter(|job| job["attempt"] == 2));
    assert_ne!(after["worker"], before["worker"]);
    asks.cancel(&id);
}

/// A host that was paused past its lease comes back to a job that another has by then: what it says of it is refused, and it
/// goes on with others.
pub(crate) fn paused(store: &str) {
    let asks = Asker::new(store);
    let first = Worker::start(store);
    let id = asks.submit(&["spin"]);
    asks.running(&id);
    first.signal("STOP");
    let second = Worker::start(store);
    until("another attempt", || Some(asks.status(&id)).filter(|job| job["attempt"] == 2));
    asks.cancel(&id);
    let ended = until("its end", || Some(asks.status(&id)).filter(|job| job["status"] == "cancelled"));
    drop(second);
    first.signal("CONT");
    until("the late outcome to be refused", || {
        first.log().contains("an outcome came late and was dropped").then_some(())
    });
    assert_eq!(asks.status(&id), ended, "one outcome");
    assert_eq!(asks.result(&asks.submit(&["echo", "5"])), "[5]\n", "it works on");
}

/// Who works is listed, with what it runs; one that is asked to drain ends what it has, takes nothing new, and is gone.
pub(crate) fn drained(store: &str) {
    let asks = Asker::new(store);
    let mut worker = Worker::start(store);
    let id = asks.submit(&["spin"]);
    asks.running(&id);
    let listed =
        until("it is listed with its job", || asks.workers().into_iter().find(|worker| worker["running"] == 1));
    assert_eq!((&listed["slots"], &listed["labels"]), (&2.into(), &serde_json::json!({ "gpu": "none" })));
    asks.run(&["worker", "drain", listed["id"].as_str().unwrap()]).succeeded();
    until("it drains", || asks.workers().iter().any(|worker| worker["draining"] == true).then_some(()));
    let waits = asks.submit(&["echo", "1"]);
    asks.cancel(&id);
    assert_eq!(worker.ended(), Some(0));
    assert_eq!(asks.status(&waits)["status"], "pending");
    assert_eq!(asks.workers(), [Value::Null; 0]);
    // The store may have its own to say first.
    let again = asks.run(&["worker", "drain", listed["id"].as_str().unwrap()]);
    assert_eq!(again.code, Some(3), "{}", again.err);
    has(&again.err, "no worker");
    let _other = Worker::start(store);
    assert_eq!(asks.result(&waits), "[1]\n");
}

/// Jobs are submitted and run by several hosts while the store is stopped and started again: what was acknowledged is there,
/// has one outcome, and no host stays deaf.
pub(crate) fn interrupted(store: &str, stop_and_start: impl FnOnce()) {
    let asks = Asker::new(store);
    let workers = [Worker::start(store), Worker::start(store)];
    let mut ids: Vec<_> = (0..6).map(|number| asks.submit(&["echo", &number.to_string()])).collect();
    std::thread::scope(|scope| {
        let more: Vec<_> = (6..12)
            .map(|number| {
                let asks = &asks;
                // One that begins while the store is away waits for it, or says that it is not there: then nothing was kept.
                scope.spawn(move || asks.try_submit(&["echo", &number.to_string()]))
            })
            .collect();
        stop_and_start();
        ids.extend(more.into_iter().filter_map(|submit| submit.join().unwrap()));
    });
    ids.extend((12..15).map(|number| asks.submit(&["echo", &number.to_string()])));
    for id in &ids {
        asks.result(id);
        assert_eq!(asks.status(id)["status"], "completed");
    }
    drop(workers);
}
