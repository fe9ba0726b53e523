//! X10: guests that sleep in the host, where no epoch reaches them.

use std::fs;

use au_host::FailureKind;
use au_host::backend::wasm::WasmConfig;

use super::guests::Own;
use super::*;

const SLEEPERS: usize = 1_000;

/// Sleeps for an hour, if the number is 0; else polls for so many things at once, none of which is there.
fn sleeper() -> Bytes {
    let imports =
        r#"(import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))"#;
    // A subscription: a relative time-out (tag 0) on the monotonic clock (1) in nanoseconds.
    let body = "(i32.store (i32.const 2064) (i32.const 1)) (i64.store (i32.const 2072) (i64.const 3600000000000))
        (if (i32.eqz (local.get $number)) (then (local.set $number (i32.const 1))))
        (i32.store (i32.const 640) (call $poll (i32.const 2048) (i32.const 4096) (local.get $number) (i32.const 644)))
        (local.set $at (i32.const 640)) (local.set $len (i32.const 4))";
    Own { imports, body, ..Own::default() }.wasi()
}

/// A host in which a thousand are asleep at once.
async fn dormitory() -> (Local, Request) {
    let wasm = WasmConfig { attempts: SLEEPERS + 100, ..WasmConfig::default() };
    host_as(LocalConfig { wasm, slots: Some(SLEEPERS + 50), ..config() }, sleeper()).await
}

fn threads() -> usize {
    fs::read_dir("/proc/self/task").unwrap().count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_sleepers_are_cancelled_and_none_keeps_a_thread() {
    let (local, request) = dormitory().await;
    let before = threads();
    let mut handles = Vec::new();
    for number in 0..SLEEPERS {
        let mut request = request.clone();
        // Whether it may know the time makes no difference.
        request.sandbox.grants.clock = number % 2 == 0;
        handles.push(local.host().submit(request).await.unwrap());
    }
    with_canary(&local, async {
        for handle in &handles {
            until(handle, Status::Running).await;
        }
        assert!(threads() < before + 200, "{before} threads became {}", threads());
        futures::future::join_all(handles.iter().map(|handle| handle.cancel("wake up"))).await;
        for handle in &handles {
            cancelled_within(LATE, handle).await;
        }
    })
    .await;
    tokio::time::timeout(LONG, local.host().idle()).await.expect("none is left");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_sleepers_are_ended_by_their_deadlines() {
    let (local, mut request) = dormitory().await;
    request.sandbox.timeout = Some(Duration::from_secs(1));
    with_canary(&local, async {
        let sleeping = (0..SLEEPERS).map(async |_| failed(&local, request.clone()).await);
        for job in futures::future::join_all(sleeping).await {
            assert_eq!(job.failure.as_ref().unwrap().kind, FailureKind::TimedOut, "{job:?}");
            stopped_within(LATE, &job);
        }
    })
    .await;
    tokio::time::timeout(LONG, local.host().idle()).await.expect("none is left");
}

#[tokio::test]
async fn a_poll_for_more_than_there_can_be_fails_the_guest() {
    let (local, mut request) = host_with(sleeper()).await;
    request.sandbox.timeout = Some(Duration::from_secs(5));
    with_canary(&local, async {
        for count in [1_000_000, 0x7fff_ffff, u32::MAX] {
            let handle = local.host().submit(numbered(&request, count)).await.unwrap();
            let job = handle.wait(LONG).await.unwrap();
            // An error code is as good an answer as a trap.
            let told = job.status == Status::Completed && handle.result(LONG).await.unwrap().bytes()[..] != [0; 4];
            assert!(told || job.status == Status::Failed, "{count}: {job:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn stdin_is_at_its_end_from_the_beginning() {
    let imports = r#"(import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))"#;
    let body = "(i32.store (i32.const 2048) (i32.const 4096)) (i32.store (i32.const 2052) (i32.const 100))
        (i32.store (i32.const 644) (i32.const 77))
        (i32.store (i32.const 640) (call $read (i32.const 0) (i32.const 2048) (i32.const 1) (i32.const 644)))
        (local.set $at (i32.const 640)) (local.set $len (i32.const 8))";
    let (local, request) = host_with(Own { imports, body, ..Own::default() }.wasi()).await;
    assert_eq!(output(&local, request).await, [0; 8], "no error, and no byte");
}
