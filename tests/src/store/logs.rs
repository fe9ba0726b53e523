//! Logs of jobs.

use std::sync::Arc;

use au_host::{Error, Level, LogEntry, Store};
use futures::future::join_all;

use super::jobs::{self, NOW};

fn line(number: usize) -> LogEntry {
    LogEntry { at: NOW, attempt: 1, level: Level::Info, message: format!("line {number}") }
}

pub(super) async fn in_order(store: Arc<dyn Store>) {
    let (job, other) = (jobs::job(), jobs::job());
    store.insert(&job).await.unwrap();
    store.insert(&other).await.unwrap();
    assert_eq!(store.read_log(job.spec.id, 0, 10).await.unwrap(), []);
    for piece in 0..10 {
        let lines: Vec<_> = (0..piece).map(line).collect();
        store.append_log(job.spec.id, &lines).await.unwrap();
        store.append_log(other.spec.id, &[line(99)]).await.unwrap();
    }
    let expected: Vec<_> = (0..10).flat_map(|piece| (0..piece).map(line)).collect();
    assert_eq!(store.read_log(job.spec.id, 0, 1000).await.unwrap(), expected);
}

pub(super) async fn appended_at_once(store: Arc<dyn Store>) {
    let job = jobs::job();
    let id = job.spec.id;
    store.insert(&job).await.unwrap();
    let append = |writer: usize| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            for piece in 0..10 {
                let first = writer * 1000 + piece * 10;
                let lines: Vec<_> = (first..first + 3).map(line).collect();
                store.append_log(id, &lines).await.unwrap();
            }
        })
    };
    for done in join_all((0..8).map(append)).await {
        done.unwrap();
    }
    let lines = store.read_log(id, 0, 1000).await.unwrap();
    assert_eq!(lines.len(), 8 * 10 * 3);
    let number = |entry: &LogEntry| entry.message.strip_prefix("line ").unwrap().parse::<usize>().unwrap();
    for piece in lines.chunks(3) {
        assert_eq!([number(&piece[0]) + 1, number(&piece[0]) + 2], [number(&piece[1]), number(&piece[2])]);
    }
}

pub(super) async fn from_any_line(store: Arc<dyn Store>) {
    let job = jobs::job();
    let id = job.spec.id;
    store.insert(&job).await.unwrap();
    let all: Vec<_> = (0..20).map(line).collect();
    for piece in all.chunks(7) {
        store.append_log(id, piece).await.unwrap();
    }
    for from in 0..22 {
        for limit in [0, 1, 6, 7, 8, 100] {
            let expected: Vec<_> = all.iter().skip(from).take(limit).cloned().collect();
            assert_eq!(store.read_log(id, from as u64, limit).await.unwrap(), expected, "{limit} from {from}");
        }
    }
    assert_eq!(store.read_log(id, u64::MAX, 5).await.unwrap(), []);
}

pub(super) async fn gone_with_the_job(store: Arc<dyn Store>) {
    let job = jobs::job();
    store.insert(&job).await.unwrap();
    store.append_log(job.spec.id, &[line(1)]).await.unwrap();
    store.remove(&[job.spec.id]).await.unwrap();
    assert!(matches!(store.read_log(job.spec.id, 0, 1).await.unwrap_err(), Error::NotFound { .. }));
    store.insert(&job).await.unwrap();
    assert_eq!(store.read_log(job.spec.id, 0, 1).await.unwrap(), []);
}
