//! The catalogue of attacks (reliability notes, §2), row by row. `tests/attacks.md` says which row is which test.
//!
//! A bomb never comes alone: a harmless job beside it, again and again, must succeed each time. What needs root or a program
//! that is not there says that it is skipped.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod abi;
mod bulk;
mod cancels;
mod clocks;
mod crowd;
mod described;
mod disks;
mod folders;
mod grants;
mod growth;
mod guests;
mod hoards;
mod outsiders;
mod parts;
mod poison;
mod process;
mod real;
mod records;
mod residue;
mod scarce;
mod signals;
mod sleepers;
mod sockets;
mod starts;
mod traps;
mod uploads;
mod words;

use std::time::Duration;

use au_host::{
    Failure, GrantCeiling, Handle, Local, LocalConfig, OCTETS, Payload, Request, SandboxPolicy, Status, Summary,
};
use au_tests::guest::{self, ask};
use au_tests::machine::{has, is_root, skip};
use bytes::Bytes;

/// Long enough for anything that ends, on a machine that has other things to do.
const LONG: Duration = Duration::from_secs(60);
/// How much later than it should what is stopped from outside may end: that takes milliseconds, on a machine that has nothing
/// else to do.
const LATE: Duration = Duration::from_secs(5);
/// Between two harmless jobs.
const BREATH: Duration = Duration::from_millis(10);

/// How these tests open a host: whatever is asked for is granted.
fn config() -> LocalConfig {
    let policy = SandboxPolicy { grants: GrantCeiling::Anything, ..SandboxPolicy::default() };
    LocalConfig { policy, ..guest::config() }
}

/// A host with the harmless guest and this one in it, and what asks for this one's `go`.
async fn host_with(wasm: Bytes) -> (Local, Request) {
    host_as(config(), wasm).await
}

async fn host_as(config: LocalConfig, wasm: Bytes) -> (Local, Request) {
    let local = guest::local(config).await;
    let request = go(&local, wasm).await;
    (local, request)
}

/// Adds a guest, and asks for its `go`.
async fn go(local: &Local, wasm: Bytes) -> Request {
    let module = local.add_module(wasm).await.expect("the guest is taken in");
    Request { module: au_host::ModuleRef::Digest(module.digest), ..ask("go", 0) }
}

fn with(request: &Request, input: impl Into<Vec<u8>>) -> Request {
    Request { input: Payload::new(OCTETS, input.into()).unwrap(), ..request.clone() }
}

fn numbered(request: &Request, number: u32) -> Request {
    with(request, number.to_le_bytes())
}

/// What a call gives.
async fn output(local: &Local, request: Request) -> Vec<u8> {
    local.host().call(request).await.unwrap().bytes().to_vec()
}

/// Why a job failed.
async fn failure(local: &Local, request: Request) -> Failure {
    failed(local, request).await.failure.unwrap()
}

async fn failed(local: &Local, request: Request) -> Summary {
    let job = local.host().submit(request).await.unwrap().wait(LONG).await.unwrap();
    assert_eq!(job.status, Status::Failed, "{job:?}");
    job
}

/// Holds that a job ended soon after it was to: at its deadline, or when it was cancelled while it ran.
fn stopped_within(late: Duration, job: &Summary) {
    let Some(started) = job.started else { return };
    let deadline = started.plus(job.options.sandbox.limits.timeout);
    let due = job.cancel.as_ref().map_or(deadline, |cancel| cancel.at);
    let was = job.finished.unwrap().since(due);
    assert!(was < late, "{was:?} late: {job:?}");
}

/// Waits for a job that was cancelled, and holds that it ended soon after.
async fn cancelled_within(late: Duration, handle: &Handle) {
    let job = handle.wait(LONG).await.unwrap();
    assert_eq!(job.status, Status::Cancelled, "{job:?}");
    stopped_within(late, &job);
}

async fn until(handle: &Handle, status: Status) -> Summary {
    let reached = async {
        loop {
            let job = handle.metadata().await.unwrap();
            if job.status == status {
                return job;
            }
            assert!(!job.status.is_finished(), "{job:?}");
            tokio::task::yield_now().await;
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(LONG, reached).await.expect("it gets there")
}

/// Lets an attack run, and harmless jobs beside it: each of them must succeed.
async fn with_canary<T>(local: &Local, attack: impl Future<Output = T>) -> T {
    let canary = async {
        for number in 0.. {
            sing(local, number).await;
            tokio::time::sleep(BREATH).await;
        }
    };
    let ended = tokio::select! {
        biased;
        () = canary => unreachable!("it sings for ever"),
        ended = attack => ended,
    };
    sing(local, 7).await;
    ended
}

async fn sing(local: &Local, number: u32) {
    let job =
        local.host().submit(Request { priority: Some(100), ..ask("echo", number) }).await.expect("the canary is kept");
    let song = job.result(LONG).await.expect("the canary sings");
    assert_eq!(song.bytes()[..], number.to_le_bytes());
}
