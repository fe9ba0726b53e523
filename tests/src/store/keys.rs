//! Idempotency keys.

use std::sync::Arc;
use std::time::Duration;

use au_host::store::Inserted;
use au_host::{Job, KeyHolds, Store};
use futures::future::join_all;

use super::jobs::{self, NOW, after};

fn keyed(name: &str, holds: KeyHolds) -> Job {
    jobs::job_with(|options| options.key = jobs::key(name, holds))
}

async fn finish(store: &Arc<dyn Store>, job: Job) {
    let worker = jobs::worker();
    let job = jobs::running(job, worker);
    store.advance(job.spec.id, &job.state).await.unwrap();
    store.advance(job.spec.id, &jobs::finished(&job, worker, jobs::output("x"))).await.unwrap();
}

pub(super) async fn racing_inserts(store: Arc<dyn Store>) {
    for round in 0..50 {
        let insert = |_| {
            let (store, job) = (Arc::clone(&store), keyed(&format!("round {round}"), KeyHolds::WhileKept));
            tokio::spawn(async move { (job.spec.id, store.insert(&job).await.unwrap()) })
        };
        let answers: Vec<_> = join_all((0..8).map(insert)).await.into_iter().map(Result::unwrap).collect();
        let winners: Vec<_> = answers.iter().filter(|(_, answer)| *answer == Inserted::New).collect();
        assert_eq!(winners.len(), 1, "{answers:?}");
        for (id, answer) in &answers {
            let kept = *id == winners[0].0;
            assert!(kept || *answer == Inserted::Existing(winners[0].0), "{answers:?}");
            assert_eq!(store.peek(*id, NOW).await.is_ok(), kept);
        }
    }
}

pub(super) async fn holds_while_kept(store: Arc<dyn Store>) {
    let first = keyed("k", KeyHolds::WhileKept);
    store.insert(&first).await.unwrap();
    let existing = Inserted::Existing(first.spec.id);
    assert_eq!(store.insert(&keyed("k", KeyHolds::UntilFinished)).await.unwrap(), existing);
    assert_eq!(store.insert(&keyed("other", KeyHolds::WhileKept)).await.unwrap(), Inserted::New);
    finish(&store, first).await;
    assert_eq!(store.insert(&keyed("k", KeyHolds::WhileKept)).await.unwrap(), existing);
}

pub(super) async fn free_when_finished(store: Arc<dyn Store>) {
    let first = keyed("k", KeyHolds::UntilFinished);
    store.insert(&first).await.unwrap();
    assert_eq!(store.insert(&keyed("k", KeyHolds::WhileKept)).await.unwrap(), Inserted::Existing(first.spec.id));
    finish(&store, first).await;
    let second = keyed("k", KeyHolds::UntilFinished);
    assert_eq!(store.insert(&second).await.unwrap(), Inserted::New);
    assert_eq!(store.insert(&keyed("k", KeyHolds::WhileKept)).await.unwrap(), Inserted::Existing(second.spec.id));
}

pub(super) async fn free_when_removed(store: Arc<dyn Store>) {
    let first = keyed("k", KeyHolds::WhileKept);
    store.insert(&first).await.unwrap();
    store.remove(&[first.spec.id]).await.unwrap();
    assert_eq!(store.insert(&keyed("k", KeyHolds::WhileKept)).await.unwrap(), Inserted::New);
}

pub(super) async fn free_when_expired(store: Arc<dyn Store>) {
    let mut first = keyed("k", KeyHolds::WhileKept);
    first.spec.options.ttl = Some(Duration::from_secs(10));
    store.insert(&first).await.unwrap();
    finish(&store, first.clone()).await;
    let mut next = keyed("k", KeyHolds::WhileKept);
    next.spec.created = after(9);
    assert_eq!(store.insert(&next).await.unwrap(), Inserted::Existing(first.spec.id));
    next.spec.created = after(10);
    assert_eq!(store.insert(&next).await.unwrap(), Inserted::New);
}

pub(super) async fn old_holder_leaves_key(store: Arc<dyn Store>) {
    let first = keyed("k", KeyHolds::UntilFinished);
    store.insert(&first).await.unwrap();
    finish(&store, first.clone()).await;
    let second = keyed("k", KeyHolds::WhileKept);
    store.insert(&second).await.unwrap();
    store.remove(&[first.spec.id]).await.unwrap();
    assert_eq!(store.insert(&keyed("k", KeyHolds::WhileKept)).await.unwrap(), Inserted::Existing(second.spec.id));
}

pub(super) async fn of_each_principal(store: Arc<dyn Store>) {
    let of = |principal: Option<&str>, name: &str| {
        jobs::job_with(|options| {
            options.principal = principal.map(str::to_owned);
            options.key = jobs::key(name, KeyHolds::WhileKept);
        })
    };
    let first = of(Some("a"), "k");
    for job in
        [&first, &of(Some("b"), "k"), &of(None, "k"), &of(Some("a"), "bk"), &of(Some("ab"), "k"), &of(None, "ak")]
    {
        assert_eq!(store.insert(job).await.unwrap(), Inserted::New);
    }
    assert_eq!(store.insert(&of(Some("a"), "k")).await.unwrap(), Inserted::Existing(first.spec.id));
    store.remove(&[first.spec.id]).await.unwrap();
    assert_eq!(store.insert(&of(Some("a"), "k")).await.unwrap(), Inserted::New);
}
