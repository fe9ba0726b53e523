//! A job whose function was brief of late runs before it is kept, and is kept with its outcome; nobody can tell but by the writes.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use au_host::store::Filter;
use au_host::{
    Error, GrantCeiling, Grants, Host, IdempotencyKey, Job, JobId, KeyHolds, Request, Result, Retry, SandboxPolicy,
    SandboxRequest, State, Status,
};

use crate::hooked::Hooks;
use crate::puppet::Puppet;
use crate::{LONG, ask, builder, hooked, in_time, memory};

/// What was written, in order; and whether inserts fail from now on.
#[derive(Clone, Default)]
struct Writes {
    all: Arc<Mutex<Vec<(&'static str, Status)>>>,
    full: Arc<AtomicBool>,
    /// The jobs whose logs were written.
    logged: Arc<Mutex<Vec<JobId>>>,
}

impl Writes {
    fn taken(&self) -> Vec<(&'static str, Status)> {
        std::mem::take(&mut self.all.lock().unwrap())
    }
}

#[async_trait]
impl Hooks for Writes {
    async fn before_insert(&self, job: &Job) -> Result<()> {
        let status = job.state.status();
        self.all.lock().unwrap().push(("insert", status));
        match self.full.load(Ordering::Relaxed) {
            true => Err(Error::StorageFull { why: "for a test".into() }),
            false => Ok(()),
        }
    }

    fn before_append_log(&self, id: JobId) {
        self.logged.lock().unwrap().push(id);
    }

    async fn after_advance(&self, next: &State) {
        self.all.lock().unwrap().push(("advance", next.status()));
    }
}

async fn host(writes: &Writes, puppet: &Arc<Puppet>) -> Host {
    let policy = SandboxPolicy { grants: GrantCeiling::Harmless, ..SandboxPolicy::default() };
    builder(hooked(&memory(), writes.clone()), puppet).policy(policy).slots(4).build().await.unwrap()
}

/// Runs a function once, so that the host knows it to be brief.
async fn known(host: &Host, request: &Request, writes: &Writes) {
    host.submit(request.clone()).await.unwrap().wait(LONG).await.unwrap();
    host.idle().await;
    assert_eq!(writes.taken()[0], ("insert", Status::Running));
}

#[tokio::test]
async fn it_is_kept_with_its_outcome_in_one_write() {
    let (writes, puppet) = (Writes::default(), Puppet::new());
    let host = host(&writes, &puppet).await;
    known(&host, &ask("echo"), &writes).await;
    let handle = host.submit(ask("echo")).await.unwrap();
    assert_eq!(writes.taken(), [("insert", Status::Completed)]);
    let (own, other) = (handle.wait(LONG).await.unwrap(), host.handle(handle.id()).wait(LONG).await.unwrap());
    assert_eq!((own.attempt, own.version, own.status), (1, 3, Status::Completed));
    assert_eq!(own, other);
    assert!(own.created <= own.started.unwrap() && own.started <= own.finished);
    // Once from memory, then from the store.
    for _ in 0..2 {
        assert_eq!(handle.result(LONG).await.unwrap().bytes(), ask("echo").input.bytes());
    }
    host.idle().await;
}

#[tokio::test]
async fn one_that_takes_longer_after_all_is_kept_as_running_and_the_next_is_not_tried() {
    let (writes, puppet) = (Writes::default(), Puppet::new());
    let host = host(&writes, &puppet).await;
    puppet.let_go();
    known(&host, &ask("held"), &writes).await;
    let (first, second) = (host.submit(ask("held")).await.unwrap(), host.submit(ask("held")).await.unwrap());
    assert_eq!(writes.taken(), [("insert", Status::Running), ("insert", Status::Running)]);
    assert_eq!(first.status().await.unwrap(), Status::Running);
    first.cancel("enough").await.unwrap();
    assert_eq!(first.wait(LONG).await.unwrap().status, Status::Cancelled);
    puppet.let_go();
    assert_eq!(second.wait(LONG).await.unwrap().status, Status::Completed);
}

#[tokio::test]
async fn what_it_says_is_kept_as_ever() {
    let (writes, puppet) = (Writes::default(), Puppet::new());
    let host = host(&writes, &puppet).await;
    known(&host, &ask("says"), &writes).await;
    let handle = host.submit(ask("says")).await.unwrap();
    assert_eq!(handle.wait(LONG).await.unwrap().status, Status::Completed);
    // A log is kept under a job, so the job came first, and its end after.
    assert_eq!(writes.taken(), [("insert", Status::Running), ("advance", Status::Completed)]);
    assert_eq!(handle.logs(0, 10).await.unwrap()[0].message, "a line");
    known(&host, &ask("shows"), &writes).await;
    let handle = host.submit(ask("shows")).await.unwrap();
    assert_eq!(writes.taken(), [("insert", Status::Completed)]);
    assert_eq!(handle.progress().await.unwrap().unwrap().note, "half");
}

#[tokio::test]
async fn what_is_known_by_its_key_already_leaves_nothing_of_what_it_said() {
    let (writes, puppet) = (Writes::default(), Puppet::new());
    let host = host(&writes, &puppet).await;
    known(&host, &ask("says"), &writes).await;
    let key = IdempotencyKey { name: "k".into(), holds: KeyHolds::WhileKept };
    let keyed = Request { key: Some(key), ..ask("says") };
    let kept = host.submit(keyed.clone()).await.unwrap();
    kept.wait(LONG).await.unwrap();
    for _ in 0..5 {
        assert_eq!(host.submit(keyed.clone()).await.unwrap().id(), kept.id());
    }
    host.idle().await;
    // What is said is gathered for a moment; so long after that whatever was to be written has been.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let logged = writes.logged.lock().unwrap().clone();
    for id in logged {
        host.handle(id).status().await.unwrap();
    }
    assert_eq!(kept.logs(0, 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_store_that_does_not_take_it_leaves_nothing_of_it() {
    // It has ended in silence, has said something, or has not ended.
    for function in ["echo", "says", "held"] {
        let (writes, puppet) = (Writes::default(), Puppet::new());
        let host = host(&writes, &puppet).await;
        puppet.let_go();
        known(&host, &ask(function), &writes).await;
        writes.full.store(true, Ordering::Relaxed);
        let error = host.submit(ask(function)).await.unwrap_err();
        assert_eq!(error.class().code, "storage_full");
        in_time("nothing runs any more", host.idle()).await;
        assert_eq!(host.list(Filter::default(), None, 10).await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn one_that_may_touch_something_is_kept_before_it_does() {
    let (writes, puppet) = (Writes::default(), Puppet::new());
    let host = host(&writes, &puppet).await;
    known(&host, &ask("echo"), &writes).await;
    let sandbox = SandboxRequest { grants: Grants { clock: true, ..Grants::default() }, ..SandboxRequest::default() };
    host.submit(Request { sandbox, ..ask("echo") }).await.unwrap().wait(LONG).await.unwrap();
    assert_eq!(writes.taken()[0], ("insert", Status::Running));
}

#[tokio::test]
async fn one_that_fails_for_now_is_kept_as_pending_and_tried_again() {
    let (writes, puppet) = (Writes::default(), Puppet::new());
    let host = host(&writes, &puppet).await;
    let request =
        Request { retry: Some(Retry { delay: std::time::Duration::ZERO, ..Retry::default() }), ..ask("fails-once") };
    known(&host, &request, &writes).await;
    let handle = host.submit(request).await.unwrap();
    let job = handle.wait(LONG).await.unwrap();
    assert_eq!((job.status, job.attempt), (Status::Completed, 2));
    assert_eq!(writes.taken()[0], ("insert", Status::Pending));
}

#[tokio::test]
async fn under_a_key_that_names_a_job_it_is_that_job() {
    let (writes, puppet) = (Writes::default(), Puppet::new());
    let host = host(&writes, &puppet).await;
    let key = Some(IdempotencyKey { name: "once".into(), holds: KeyHolds::WhileKept });
    let request = Request { key, ..ask("echo") };
    known(&host, &ask("echo"), &writes).await;
    let first = host.submit(request.clone()).await.unwrap();
    let again = host.submit_once(request).await.unwrap();
    assert!(!again.is_new);
    assert_eq!(first.id(), again.handle.id());
    assert_eq!(again.handle.result(LONG).await.unwrap(), first.result(LONG).await.unwrap());
    assert_eq!(host.list(Filter::default(), None, 10).await.unwrap().len(), 2);
}
