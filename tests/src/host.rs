//! What a host does, on every store: asked through [`Local`] and the guest of `fixtures/guest.wat`.
//!
//! A number in a comment is that of the scenario of au's own suites (design notes, "au-study" §6), which this is.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use au_host::store::Filter;
use au_host::{
    Error, Event, FailureKind, IdempotencyKey, KeyHolds, Local, OCTETS, Payload, Request, Retry, Status, Summary,
};
use futures::StreamExt;

use crate::guest::ask;
use crate::properties;
use crate::suite::Property;

/// Long enough for anything that ends.
const LONG: Duration = Duration::from_secs(30);

/// What is asked of a host with one folder or none.
pub const HOST: &[Property<Local>] = properties![
    "a job gives its output" => gives_output,
    "a status is one of five and ends as completed" => statuses,
    "every job has an id of its own" => ids,
    "a job is ready when it has finished, and not before" => readiness,
    "times are those of the events: a job is not shorter than it was" => durations,
    "an output that is JSON is read as a type" => typed,
    "a wait that times out leaves the job alone" => wait_times_out,
    "a failure keeps its message and its kind" => failure_kept,
    "a pending job that is cancelled never runs" => cancel_pending,
    "a job that has finished cannot be cancelled, and stays as it was" => cancel_finished,
    "a running job that is cancelled ends as cancelled, with the reason" => cancel_running,
    "a second cancel does no harm and keeps the first reason" => cancel_twice,
    "a cancel just after a submit is never lost" => cancel_at_once,
    "the metadata of a job tells what was asked for and what it used" => metadata,
    "jobs are listed by status, newest first" => listed,
    "events come in order and end with the last state" => events,
    "events of a finished job tell its log and how it ended" => events_after,
    "a chain of jobs hands its outputs on" => chain,
    "no more jobs run at once than there are slots" => slots,
    "an unknown job is not found, whatever is asked of it" => unknown,
    "a key in flight is one job, and runs once" => key_in_flight,
    "eight submits at once with one key are one job" => key_racing,
    "a key that holds until the end lets the next submit run" => key_after_end,
    "a map keeps the order of its inputs" => map_order,
    "a map with one bad input keeps nothing" => map_whole,
    "a transient failure is tried again, until it works" => retried,
    "a transient failure is tried as often as was asked for, and no more" => retried_in_vain,
    "a failure for good is not tried again" => not_retried,
    "a job that is delayed does not start before its time" => delayed,
    "a higher priority starts first" => priority,
    "an expired job is expired, then gone" => expiry,
    "cleanup removes what has expired and says how many" => cleanup,
    "a job that is removed is gone, and one that runs is not removed" => removed,
    "a call keeps nothing" => call,
    "a call tells its failure" => call_fails,
    "an unknown function is named with the one that was meant" => nearest,
    "what is over the ceiling is refused, and nothing is kept" => ceiling,
    "a grant that the host does not give is refused" => grants,
    "a label that is too long is invalid" => bounds,
    "a host that shuts down takes nothing new, and what runs ends" => shutdown,
    "a host that shuts down gives back what does not end in time" => given_back,
    "a thousand jobs at once all end, each with its own output" => thousand,
];

async fn done(local: &Local, request: Request) -> Payload {
    local.host().submit(request).await.unwrap().result(LONG).await.unwrap()
}

async fn until(local: &Local, id: au_host::JobId, status: Status) -> Summary {
    let began = Instant::now();
    loop {
        let job = local.host().handle(id).metadata().await.unwrap();
        if job.status == status {
            return job;
        }
        assert!(began.elapsed() < LONG, "{job:?}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

fn quick() -> Retry {
    Retry { attempts: 3, delay: Duration::from_millis(10), max_delay: Duration::from_millis(20) }
}

/// A1
async fn gives_output(local: Local) {
    assert_eq!(done(&local, ask("echo", 42)).await.bytes()[..], 42_u32.to_le_bytes());
}

/// A2
async fn statuses(local: Local) {
    let handle = local.host().submit(ask("echo", 1)).await.unwrap();
    assert!(Status::ALL.contains(&handle.status().await.unwrap()));
    assert_eq!(handle.wait(LONG).await.unwrap().status, Status::Completed);
}

/// A3
async fn ids(local: Local) {
    let mut ids = BTreeSet::new();
    for number in 0..50 {
        assert!(ids.insert(local.host().submit(ask("echo", number)).await.unwrap().id()));
    }
}

/// A4
async fn readiness(local: Local) {
    let running = local.host().submit(ask("spin", 0)).await.unwrap();
    until(&local, running.id(), Status::Running).await;
    assert!(!running.is_ready().await.unwrap());
    running.cancel("enough").await.unwrap();
    running.wait(LONG).await.unwrap();
    assert!(running.is_ready().await.unwrap());
    for function in ["echo", "fail"] {
        let handle = local.host().submit(ask(function, 0)).await.unwrap();
        handle.wait(LONG).await.unwrap();
        assert!(handle.is_ready().await.unwrap(), "{function}");
    }
}

/// A5
async fn durations(local: Local) {
    let mut request = ask("spin", 0);
    request.sandbox.timeout = Some(Duration::from_millis(500));
    let handle = local.host().submit(request).await.unwrap();
    let running = until(&local, handle.id(), Status::Running).await;
    assert_eq!(running.timings().duration, None);
    let ended = handle.wait(LONG).await.unwrap();
    assert!(ended.timings().duration.unwrap() >= Duration::from_millis(500), "{ended:?}");
    assert!(ended.finished.unwrap() >= ended.created);
}

async fn typed(local: Local) {
    let mut request = ask("echo", 0);
    request.input = Payload::json(&[1, 2, 3]).unwrap();
    let handle = local.host().submit(request).await.unwrap();
    assert_eq!(handle.clone().typed::<Vec<u8>>().result(LONG).await.unwrap(), [1, 2, 3]);
    let wrong = handle.typed::<String>().result(LONG).await.unwrap_err();
    assert_eq!(wrong.class().code, "invalid");
}

/// A11
async fn wait_times_out(local: Local) {
    let handle = local.host().submit(ask("spin", 0)).await.unwrap();
    let late = handle.result(Duration::from_millis(50)).await.unwrap_err();
    assert!(matches!(late, Error::WaitTimedOut { .. }), "{late}");
    assert!(matches!(handle.result(Duration::ZERO).await, Err(Error::WaitTimedOut { .. })));
    assert!(!handle.status().await.unwrap().is_finished());
    handle.cancel("enough").await.unwrap();
}

/// A12
async fn failure_kept(local: Local) {
    for (function, kind) in
        [("fail", FailureKind::Failed), ("invalid", FailureKind::InvalidInput), ("xpanic", FailureKind::Panic)]
    {
        let handle = local.host().submit(ask(function, 0)).await.unwrap();
        let Err(Error::Failed(failure)) = handle.result(LONG).await else { panic!("{function} must fail") };
        assert_eq!(failure.kind, kind);
        assert!(failure.message.contains("as it was told"), "{failure}");
        assert_eq!(handle.metadata().await.unwrap().failure, Some(failure));
    }
}

/// A13, A16
async fn cancel_pending(local: Local) {
    let mut request = ask("echo", 0);
    request.run_at = Some(au_host::Clock::system().now().plus(Duration::from_millis(200)));
    let handle = local.host().submit(request).await.unwrap();
    handle.cancel("not today").await.unwrap();
    assert_eq!(handle.status().await.unwrap(), Status::Cancelled);
    tokio::time::sleep(Duration::from_millis(300)).await;
    let job = handle.metadata().await.unwrap();
    assert_eq!((job.status, job.attempt, job.cancelled.as_deref()), (Status::Cancelled, 0, Some("not today")));
}

/// A13
async fn cancel_finished(local: Local) {
    let handle = local.host().submit(ask("echo", 5)).await.unwrap();
    handle.wait(LONG).await.unwrap();
    assert!(matches!(handle.cancel("too late").await, Err(Error::Finished(_))));
    assert_eq!(handle.status().await.unwrap(), Status::Completed);
    assert_eq!(handle.result(LONG).await.unwrap().bytes()[..], 5_u32.to_le_bytes());
}

/// A14
async fn cancel_running(local: Local) {
    let handle = local.host().submit(ask("progress", 1)).await.unwrap();
    until(&local, handle.id(), Status::Running).await;
    handle.cancel("because").await.unwrap();
    let Err(Error::Cancelled { reason, .. }) = handle.result(LONG).await else { panic!("it was cancelled") };
    assert_eq!(reason, "because");
    tokio::time::timeout(LONG, local.host().idle()).await.expect("nothing of it runs any more");
}

/// A14: a second one does nothing.
async fn cancel_twice(local: Local) {
    let handle = local.host().submit(ask("spin", 0)).await.unwrap();
    handle.cancel("first").await.unwrap();
    match handle.cancel("second").await {
        Ok(()) | Err(Error::Finished(_)) => {}
        Err(error) => panic!("{error}"),
    }
    assert_eq!(handle.wait(LONG).await.unwrap().cancelled.as_deref(), Some("first"));
}

/// A15
async fn cancel_at_once(local: Local) {
    let rounds = (0..80_u64).map(|round| {
        let host = local.host().clone();
        tokio::spawn(async move {
            let handle = host.submit(ask("spin", 0)).await.unwrap();
            tokio::time::sleep(Duration::from_micros(round * 25)).await;
            handle.cancel("at once").await.unwrap();
            assert_eq!(handle.wait(LONG).await.unwrap().status, Status::Cancelled);
        })
    });
    for round in futures::future::join_all(rounds).await {
        round.unwrap();
    }
}

/// A18
async fn metadata(local: Local) {
    let mut request = ask("log", 5);
    request.labels.insert("batch".into(), "7".into());
    request.sandbox.fuel = Some(1_000_000);
    request.priority = 3;
    let handle = local.host().submit(request).await.unwrap();
    let job = handle.wait(LONG).await.unwrap();
    assert_eq!(job.options.labels["batch"], "7");
    assert_eq!((job.options.priority, job.attempt, &*job.function), (3, 1, "log"));
    assert_eq!(job.options.module_name.as_deref(), Some("guest"));
    assert!(job.usage.fuel.unwrap() > 0 && job.usage.peak_memory >= 2 << 16);
    assert_eq!((job.input.bytes, job.output.unwrap().bytes), (4, 4));
    assert!(job.started.unwrap() >= job.created);
    let lines = handle.logs(0, 100).await.unwrap();
    assert_eq!(lines.len(), 5);
    assert_eq!(handle.logs(3, 100).await.unwrap()[..], lines[3..]);
}

/// A19
async fn listed(local: Local) {
    for function in ["echo", "fail", "echo", "echo", "echo"] {
        local.host().submit(ask(function, 0)).await.unwrap().wait(LONG).await.unwrap();
    }
    let count = async |status| {
        let filter = Filter { status: vec![status], ..Filter::default() };
        local.host().list(filter, None, 100).await.unwrap().len()
    };
    assert_eq!((count(Status::Completed).await, count(Status::Failed).await, count(Status::Running).await), (4, 1, 0));
    let all = local.host().list(Filter::default(), None, 100).await.unwrap();
    assert!(all.is_sorted_by_key(|job| std::cmp::Reverse(job.id)));
}

/// A20, A21
async fn events(local: Local) {
    let mut request = ask("progress", 0);
    request.run_at = Some(au_host::Clock::system().now().plus(Duration::from_millis(30)));
    let handle = local.host().submit(request).await.unwrap();
    let heard: Vec<_> = handle.events().map(Result::unwrap).collect().await;
    let Some(Event::Status(first)) = heard.first() else { panic!("{heard:?}") };
    assert_eq!(first.status, Status::Pending);
    let Some(Event::Status(last)) = heard.last() else { panic!("{heard:?}") };
    assert_eq!((last.id, last.status), (handle.id(), Status::Completed));
    assert!(heard.iter().any(|event| matches!(event, Event::Progress(progress) if progress.note == "half of it")));
}

async fn events_after(local: Local) {
    let handle = local.host().submit(ask("log", 300)).await.unwrap();
    handle.wait(LONG).await.unwrap();
    let heard: Vec<_> = handle.events().map(Result::unwrap).collect().await;
    assert_eq!(heard.iter().filter(|event| matches!(event, Event::Log(_))).count(), 300);
    assert!(matches!(heard.last(), Some(Event::Status(job)) if job.status == Status::Completed));
}

/// A24
async fn chain(local: Local) {
    let mut output = Payload::new(OCTETS, vec![1, 2, 3, 4]).unwrap();
    for _ in 0..3 {
        output = done(&local, Request { input: output, ..ask("echo", 0) }).await;
    }
    assert_eq!(output.bytes()[..], [1, 2, 3, 4]);
}

/// A25. The host of this suite has four slots.
async fn slots(local: Local) {
    let mut handles = Vec::new();
    for _ in 0..10 {
        handles.push(local.host().submit(ask("spin", 0)).await.unwrap());
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    let filter = Filter { status: vec![Status::Running], ..Filter::default() };
    let running = local.host().list(filter, None, 100).await.unwrap();
    assert_eq!(running.len(), 4);
    for handle in &handles {
        handle.cancel("enough").await.unwrap();
    }
    for handle in &handles {
        assert_eq!(handle.wait(LONG).await.unwrap().status, Status::Cancelled);
    }
    assert_eq!(done(&local, ask("echo", 1)).await.len(), 4);
}

/// A7, A25
async fn unknown(local: Local) {
    let handle = local.host().handle(au_host::JobId::from_bytes([9; 16]));
    assert!(matches!(handle.status().await, Err(Error::NotFound { .. })));
    assert!(matches!(handle.result(LONG).await, Err(Error::NotFound { .. })));
    assert!(matches!(handle.cancel("x").await, Err(Error::NotFound { .. })));
    assert!(matches!(handle.logs(0, 1).await, Err(Error::NotFound { .. })));
    assert!(matches!(handle.events().next().await, Some(Err(Error::NotFound { .. }))));
    assert!(matches!(local.host().remove(&[handle.id()]).await, Err(Error::NotFound { .. })));
}

fn keyed(function: &str, number: u32, holds: KeyHolds) -> Request {
    Request { key: Some(IdempotencyKey { name: "once".into(), holds }), ..ask(function, number) }
}

/// A29
async fn key_in_flight(local: Local) {
    let first = local.host().submit(keyed("spin", 0, KeyHolds::UntilFinished)).await.unwrap();
    let second = local.host().submit(keyed("spin", 0, KeyHolds::UntilFinished)).await.unwrap();
    assert_eq!(first.id(), second.id());
    assert_eq!(local.host().list(Filter::default(), None, 10).await.unwrap().len(), 1);
    second.cancel("enough").await.unwrap();
    assert_eq!(first.wait(LONG).await.unwrap().attempt, 1);
}

async fn key_racing(local: Local) {
    let submits = (0..8).map(|number| {
        let host = local.host().clone();
        tokio::spawn(async move { host.submit(keyed("echo", number, KeyHolds::WhileKept)).await.unwrap().id() })
    });
    let ids: BTreeSet<_> = futures::future::join_all(submits).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(ids.len(), 1);
}

/// A29
async fn key_after_end(local: Local) {
    let first = local.host().submit(keyed("echo", 1, KeyHolds::UntilFinished)).await.unwrap();
    first.wait(LONG).await.unwrap();
    let second = local.host().submit(keyed("echo", 2, KeyHolds::UntilFinished)).await.unwrap();
    assert_ne!(first.id(), second.id());
    assert_eq!(second.result(LONG).await.unwrap().bytes()[..], 2_u32.to_le_bytes());
}

/// A30
async fn map_order(local: Local) {
    let inputs = (0..100_u32).map(|number| Payload::new(OCTETS, number.to_le_bytes().to_vec()).unwrap());
    let handles = local.host().map(ask("echo", 0), inputs).await.unwrap();
    for (number, handle) in (0_u32..).zip(&handles) {
        assert_eq!(handle.result(LONG).await.unwrap().bytes()[..], number.to_le_bytes());
    }
    assert_eq!(handles.len(), 100);
}

async fn map_whole(local: Local) {
    let inputs = [4_usize, 65 << 20, 4].map(|size| Payload::new(OCTETS, vec![0; size]).unwrap());
    let error = local.host().map(ask("echo", 0), inputs).await.unwrap_err();
    assert_eq!(error.class().code, "invalid", "{error}");
    assert!(local.host().list(Filter::default(), None, 10).await.unwrap().is_empty());
}

/// A31
async fn retried(local: Local) {
    let handle = local.host().submit(Request { retry: quick(), ..ask("yes-third", 3) }).await.unwrap();
    let job = handle.wait(LONG).await.unwrap();
    assert_eq!((job.status, job.attempt), (Status::Completed, 3));
}

/// A31
async fn retried_in_vain(local: Local) {
    let handle = local.host().submit(Request { retry: quick(), ..ask("never", 0) }).await.unwrap();
    let job = handle.wait(LONG).await.unwrap();
    assert_eq!((job.status, job.attempt), (Status::Failed, 3));
    assert_eq!(job.failure.unwrap().message, "as it was told");
}

/// A31
async fn not_retried(local: Local) {
    let handle = local.host().submit(Request { retry: quick(), ..ask("fail", 0) }).await.unwrap();
    assert_eq!(handle.wait(LONG).await.unwrap().attempt, 1);
}

async fn delayed(local: Local) {
    let due = au_host::Clock::system().now().plus(Duration::from_millis(200));
    let handle = local.host().submit(Request { run_at: Some(due), ..ask("echo", 0) }).await.unwrap();
    assert_eq!(handle.status().await.unwrap(), Status::Pending);
    assert!(handle.wait(LONG).await.unwrap().started.unwrap() >= due);
}

async fn priority(local: Local) {
    let mut blocking = Vec::new();
    for _ in 0..4 {
        blocking.push(local.host().submit(ask("spin", 0)).await.unwrap());
    }
    let mut waiting = Vec::new();
    for priority in [0, 5, -5, 9] {
        waiting.push(local.host().submit(Request { priority, ..ask("echo", 0) }).await.unwrap());
    }
    for handle in blocking {
        handle.cancel("make room").await.unwrap();
        handle.wait(LONG).await.unwrap();
        // One slot at a time, so that one job starts at a time.
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let mut started = Vec::new();
    for handle in waiting {
        let job = handle.wait(LONG).await.unwrap();
        started.push((job.started.unwrap(), job.options.priority));
    }
    started.sort_unstable();
    let order: Vec<_> = started.into_iter().map(|(_, priority)| priority).collect();
    assert_eq!(order, [9, 5, 0, -5]);
}

/// A8, A9
async fn expiry(local: Local) {
    let request = Request { ttl: Some(Duration::from_millis(50)), ..ask("echo", 0) };
    let handle = local.host().submit(request).await.unwrap();
    handle.wait(LONG).await.unwrap();
    tokio::time::sleep(Duration::from_millis(80)).await;
    // Which of the two depends on whether it was swept already.
    assert!(matches!(handle.result(LONG).await, Err(Error::Expired(_) | Error::NotFound { .. })));
    local.host().cleanup().await.unwrap();
    assert!(matches!(handle.result(LONG).await, Err(Error::NotFound { .. })));
}

/// A8, A22
async fn cleanup(local: Local) {
    let mut handles = Vec::new();
    for ttl in [Duration::from_millis(1), Duration::from_secs(3600), Duration::from_secs(3600)] {
        let handle = local.host().submit(Request { ttl: Some(ttl), ..ask("echo", 0) }).await.unwrap();
        handle.wait(LONG).await.unwrap();
        handles.push(handle);
    }
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert_eq!(local.host().cleanup().await.unwrap(), 1);
    assert_eq!(local.host().list(Filter::default(), None, 10).await.unwrap().len(), 2);
    assert_eq!(handles[1].metadata().await.unwrap().options.ttl, Some(Duration::from_secs(3600)));
}

/// A7
async fn removed(local: Local) {
    let running = local.host().submit(ask("spin", 0)).await.unwrap();
    until(&local, running.id(), Status::Running).await;
    assert_eq!(local.host().remove(&[running.id()]).await.unwrap_err().class().code, "refused");
    running.cancel("enough").await.unwrap();
    running.wait(LONG).await.unwrap();
    assert_eq!(local.host().remove(&[running.id()]).await.unwrap(), 1);
    assert!(matches!(running.status().await, Err(Error::NotFound { .. })));
}

async fn call(local: Local) {
    assert_eq!(local.host().call(ask("echo", 8)).await.unwrap().bytes()[..], 8_u32.to_le_bytes());
    assert!(local.host().list(Filter::default(), None, 10).await.unwrap().is_empty());
}

async fn call_fails(local: Local) {
    let Err(Error::Failed(failure)) = local.host().call(ask("fail", 0)).await else { panic!("it fails") };
    assert_eq!(failure.message, "as it was told");
}

async fn nearest(local: Local) {
    let error = local.host().submit(ask("ecko", 0)).await.unwrap_err();
    assert_eq!(error.class().code, "not_found");
    assert!(error.to_string().contains("echo"), "{error}");
    let unknown = Request { module: "gest".parse().unwrap(), ..ask("echo", 0) };
    let error = local.host().submit(unknown).await.unwrap_err();
    assert!(error.to_string().contains("guest"), "{error}");
}

async fn ceiling(local: Local) {
    let mut request = ask("echo", 0);
    request.sandbox.memory = Some(1 << 40);
    let error = local.host().submit(request).await.unwrap_err();
    assert_eq!(error.class().code, "refused");
    assert!(error.to_string().contains("memory"), "{error}");
    assert!(local.host().list(Filter::default(), None, 10).await.unwrap().is_empty());
}

async fn grants(local: Local) {
    let mut request = ask("echo", 0);
    request.sandbox.grants.clock = true;
    assert_eq!(local.host().submit(request).await.unwrap_err().class().code, "refused");
}

async fn bounds(local: Local) {
    let mut request = ask("echo", 0);
    request.labels.insert("x".repeat(10_000), String::new());
    assert_eq!(local.host().submit(request).await.unwrap_err().class().code, "invalid");
}

async fn shutdown(local: Local) {
    let mut request = ask("spin", 0);
    request.sandbox.timeout = Some(Duration::from_millis(200));
    let handle = local.host().submit(request).await.unwrap();
    until(&local, handle.id(), Status::Running).await;
    local.host().shutdown(LONG).await.unwrap();
    assert!(matches!(local.host().submit(ask("echo", 0)).await, Err(Error::ShuttingDown)));
    assert_eq!(handle.metadata().await.unwrap().failure.unwrap().kind, FailureKind::TimedOut);
}

async fn given_back(local: Local) {
    let handle = local.host().submit(ask("spin", 0)).await.unwrap();
    until(&local, handle.id(), Status::Running).await;
    local.host().shutdown(Duration::from_millis(10)).await.unwrap();
    let job = handle.metadata().await.unwrap();
    assert_eq!((job.status, job.attempt), (Status::Pending, 0));
}

/// A24: the batch that hangs in au.
async fn thousand(local: Local) {
    let inputs = (0..1000_u32).map(|number| Payload::new(OCTETS, number.to_le_bytes().to_vec()).unwrap());
    let handles = local.host().map(ask("echo", 0), inputs).await.unwrap();
    for (number, handle) in (0_u32..).zip(&handles) {
        assert_eq!(handle.result(LONG).await.unwrap().bytes()[..], number.to_le_bytes());
    }
    tokio::time::timeout(LONG, local.host().idle()).await.unwrap();
}
