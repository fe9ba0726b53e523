//! Examples that misbehave: each ends in its own kind of failure, which names the limit and its value, and the host goes on.

use std::time::Duration;

use au_host::{Error, FailureKind, LimitHit, Local, OCTETS, Payload, Status};
use au_tests::example::host_of;

use super::{LONG, ask, ask_json, failure};

const NONE: [u8; 0] = [];

/// The host is as it was: another guest runs, and nothing is left over.
async fn goes_on(local: &Local) {
    let input = Payload::new(OCTETS, "still here").unwrap();
    assert_eq!(local.host().call(ask("trivial", input)).await.unwrap().bytes()[..], *b"still here");
    tokio::time::timeout(LONG, local.host().idle()).await.expect("nothing runs any more");
}

fn hit(name: &str, value: u64) -> Option<LimitHit> {
    Some(LimitHit { name: name.into(), value })
}

#[tokio::test]
async fn what_never_ends_is_stopped_at_its_timeout() {
    let local = host_of(&["spin", "trivial"]).await;
    let mut request = ask_json("spin", &NONE);
    request.sandbox.timeout = Some(Duration::from_millis(250));
    let stopped = failure(local.host().call(request).await);
    assert_eq!((stopped.kind, &stopped.limit), (FailureKind::TimedOut, &hit("timeout", 250)));
    assert!(stopped.message.contains("timeout of 250 ms"), "{stopped}");
    goes_on(&local).await;
}

#[tokio::test]
async fn what_never_ends_is_stopped_when_its_fuel_is_used_up() {
    let local = host_of(&["spin", "trivial"]).await;
    let mut request = ask_json("spin", &NONE);
    request.sandbox.fuel = Some(1_000_000);
    let stopped = failure(local.host().call(request).await);
    assert_eq!((stopped.kind, &stopped.limit), (FailureKind::OutOfFuel, &hit("fuel", 1_000_000)));
    goes_on(&local).await;
}

#[tokio::test]
async fn what_never_ends_can_be_cancelled() {
    let local = host_of(&["spin", "trivial"]).await;
    let handle = local.host().submit(ask_json("spin", &NONE)).await.unwrap();
    handle.cancel("seen enough").await.unwrap();
    assert!(matches!(handle.result(LONG).await, Err(Error::Cancelled { reason, .. }) if reason == "seen enough"));
    goes_on(&local).await;
}

#[tokio::test]
async fn what_wants_all_memory_is_stopped_at_its_limit() {
    let local = host_of(&["hog", "trivial"]).await;
    let mut request = ask_json("hog", &NONE);
    request.sandbox.memory = Some(32 << 20);
    let handle = local.host().submit(request).await.unwrap();
    let stopped = failure(handle.result(LONG).await);
    assert_eq!((stopped.kind, &stopped.limit), (FailureKind::OutOfMemory, &hit("memory", 32 << 20)));
    assert!(stopped.message.contains("the limit of memory is 33554432"), "{stopped}");
    let used = handle.metadata().await.unwrap().usage.peak_memory;
    assert!((30 << 20..=32 << 20).contains(&used), "{used}");
    assert_eq!(handle.logs(0, 10).await.unwrap()[0].message, "16 MiB held");
    goes_on(&local).await;
}

#[tokio::test]
async fn memory_within_the_limit_is_given() {
    let local = host_of(&["hog"]).await;
    let mut request = ask_json("hog", &[20]);
    request.sandbox.memory = Some(32 << 20);
    assert_eq!(local.host().call(request).await.unwrap().bytes()[..], *b"20");
}

#[tokio::test]
async fn what_calls_itself_for_ever_is_stopped_at_its_stack() {
    let local = host_of(&["recurse", "trivial"]).await;
    let stopped = failure(local.host().call(ask_json("recurse", &NONE)).await);
    assert_eq!((stopped.kind, &stopped.limit), (FailureKind::StackOverflow, &hit("stack", 512 << 10)));
    assert!(stopped.message.contains("stack of 524288 bytes"), "{stopped}");
    assert!(stopped.trace.iter().any(|function| function.contains("down")), "{stopped:?}");
    let deep: u64 = super::call(&local, "recurse", &[1000]).await;
    assert_eq!(deep, 1000);
    goes_on(&local).await;
}

#[tokio::test]
async fn a_trap_is_told_with_what_was_done_and_where() {
    let local = host_of(&["trap", "trivial"]).await;
    let trapped = failure(local.host().call(ask_json("trap", &NONE)).await);
    assert_eq!((trapped.kind, &trapped.limit), (FailureKind::Trap, &None));
    assert!(trapped.message.contains("unreachable"), "{trapped}");
    assert!(!trapped.trace.is_empty(), "{trapped:?}");
    goes_on(&local).await;
}

#[tokio::test]
async fn a_panic_is_told_with_its_message_and_place() {
    let local = host_of(&["panic", "trivial"]).await;
    let panicked = failure(local.host().call(ask_json("panic", &NONE)).await);
    assert_eq!((panicked.kind, &panicked.limit), (FailureKind::Panic, &None));
    assert!(panicked.message.contains("this function always panics"), "{panicked}");
    assert!(panicked.message.contains("panic/src/lib.rs:10:"), "{panicked}");
    assert!(panicked.trace[0].contains("panic/src/lib.rs:10:"), "{panicked:?}");
    let panicked = failure(local.host().call(ask_json("panic", &["größer — \u{1b}[31m"])).await);
    assert!(panicked.message.contains("größer — \\u{1b}[31m"), "{panicked}");
    goes_on(&local).await;
}

#[tokio::test]
async fn whose_machine_a_guest_was_built_on_is_nobodys_business() {
    let local = host_of(&["panic"]).await;
    let panicked = failure(local.host().call(ask_json("panic", &NONE)).await);
    assert!(panicked.trace[0].starts_with("panic/") || panicked.trace[0].starts_with("au-host/"), "{panicked:?}");
}

#[tokio::test]
async fn a_flood_of_lines_is_kept_up_to_its_limit_and_the_rest_is_counted() {
    let local = host_of(&["flood", "trivial"]).await;
    let mut request = ask_json("flood", &[5000]);
    request.sandbox.log_lines = Some(100);
    let handle = local.host().submit(request).await.unwrap();
    let job = handle.wait(LONG).await.unwrap();
    assert_eq!((job.status, job.usage.log_dropped), (Status::Completed, 4900));
    let lines = handle.logs(0, 10_000).await.unwrap();
    assert_eq!(lines.len(), 100);
    assert_eq!(lines[99].message, "line 99 of the flood");
    assert_eq!(handle.result(LONG).await.unwrap().bytes()[..], *b"5000");
    goes_on(&local).await;
}

#[tokio::test]
async fn a_flood_of_bytes_is_kept_up_to_its_limit() {
    let local = host_of(&["flood"]).await;
    let mut request = ask_json("flood", &[5000]);
    request.sandbox.log_bytes = Some(1000);
    let handle = local.host().submit(request).await.unwrap();
    let job = handle.wait(LONG).await.unwrap();
    let lines = handle.logs(0, 10_000).await.unwrap();
    let bytes: usize = lines.iter().map(|line| line.message.len()).sum();
    assert_eq!(bytes, 1000);
    // The last line was cut: it is kept, and counted.
    assert_eq!(job.usage.log_dropped + lines.len() as u64, 5001);
}
