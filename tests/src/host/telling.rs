//! Metadata, lists and events.

use std::time::Duration;

use au_host::store::Filter;
use au_host::{Counts, Event, Local, Status};
use futures::StreamExt;

use super::{LONG, until};
use crate::guest::ask;

/// A18
pub(super) async fn metadata(local: Local) {
    let mut request = ask("log", 5);
    request.labels.insert("batch".into(), "7".into());
    request.sandbox.fuel = Some(1_000_000);
    request.priority = Some(3);
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

/// A18
pub(super) async fn running(local: Local) {
    let handle = local.host().submit(ask("progress", 1)).await.unwrap();
    let job = until(&local, handle.id(), Status::Running).await;
    assert_eq!((job.worker, job.run_at, job.attempt), (Some(local.host().worker()), None, 1));
    let timings = job.timings();
    assert_eq!((timings.queued, timings.duration), (Some(job.started.unwrap().since(job.created)), None));
    handle.cancel("enough").await.unwrap();
    let ended = handle.wait(LONG).await.unwrap();
    assert_eq!((ended.worker, ended.started, ended.timings().queued), (None, job.started, timings.queued));
    let ran = ended.finished.unwrap().since(ended.started.unwrap());
    assert_eq!(ended.timings().duration, Some(ran));
}

pub(super) async fn listed(local: Local) {
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

/// A19
pub(super) async fn counted(local: Local) {
    let counts = async || local.host().store().counts().await.unwrap();
    assert_eq!(counts().await, Counts::default());
    let mut later = ask("echo", 0);
    later.run_at = Some(au_host::Clock::system().now().plus(Duration::from_secs(3600)));
    for request in [ask("echo", 0), ask("fail", 0), ask("echo", 1), ask("echo", 2), ask("echo", 3), ask("echo", 4)] {
        local.host().submit(request).await.unwrap().wait(LONG).await.unwrap();
    }
    assert_eq!(counts().await, Counts { completed: 5, failed: 1, ..Counts::default() });
    let (waits, runs) = (local.host().submit(later).await.unwrap(), local.host().submit(ask("spin", 0)).await.unwrap());
    until(&local, runs.id(), Status::Running).await;
    assert_eq!(counts().await, Counts { pending: 1, running: 1, completed: 5, failed: 1, cancelled: 0 });
    for handle in [waits, runs] {
        handle.cancel("enough").await.unwrap();
        handle.wait(LONG).await.unwrap();
    }
    assert_eq!(counts().await, Counts { completed: 5, failed: 1, cancelled: 2, ..Counts::default() });
}

/// A20, A21
pub(super) async fn events(local: Local) {
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

/// A20
pub(super) async fn events_of_failure(local: Local) {
    let handle = local.host().submit(ask("fail", 0)).await.unwrap();
    let heard: Vec<_> = handle.events().map(Result::unwrap).collect().await;
    let Some(Event::Status(last)) = heard.last() else { panic!("{heard:?}") };
    assert_eq!((last.id, last.status, &last.output), (handle.id(), Status::Failed, &None));
    assert_eq!(last.failure.as_ref().map(|failure| &*failure.message), Some("as it was told"));
    let completed = |event: &Event| matches!(event, Event::Status(job) if job.status == Status::Completed);
    assert!(!heard.iter().any(completed), "{heard:?}");
}

pub(super) async fn events_after(local: Local) {
    let handle = local.host().submit(ask("log", 300)).await.unwrap();
    handle.wait(LONG).await.unwrap();
    let heard: Vec<_> = handle.events().map(Result::unwrap).collect().await;
    assert_eq!(heard.iter().filter(|event| matches!(event, Event::Log(_))).count(), 300);
    assert!(matches!(heard.last(), Some(Event::Status(job)) if job.status == Status::Completed));
}
