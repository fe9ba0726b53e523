//! Many hosts take from one server.

use std::num::NonZeroU64;
use std::sync::Arc;

use au_host::store::Take;
use au_host::{Quota, Quotas, Store};
use au_tests::redis::Server;
use au_tests::store::jobs::{self, NOW, after};
use futures::future::join_all;

use super::{needs_redis, store};

#[tokio::test(flavor = "multi_thread")]
async fn a_quota_is_kept_to_the_last_job_however_many_hosts_take_at_once() {
    needs_redis!();
    let server = Server::start();
    let url = server.url();
    let stores = join_all((0..8).map(|_| store(&url))).await;
    let usual = Quota { running: NonZeroU64::new(5), ..Quota::default() };
    let bounds = Arc::new(Arc::new(Quotas { usual, ..Quotas::default() }).into());
    let worker = jobs::worker();
    stores[0].heartbeat(worker, after(60), NOW).await.unwrap();
    // Again and again: one host must ask how many run just before others start some, and what waits just after.
    for round in 0..100 {
        let tenant = format!("tenant {round}");
        let all: Vec<_> = (0..60).map(|_| jobs::job_with(|options| options.principal = Some(tenant.clone()))).collect();
        join_all(all.iter().map(|job| stores[0].insert(job)))
            .await
            .into_iter()
            .for_each(|inserted| _ = inserted.unwrap());
        let take = |store: &Arc<dyn Store>| {
            let (store, bounds) = (Arc::clone(store), Some(Arc::clone(&bounds)));
            tokio::spawn(
                async move { store.take(&Take { bounds, ..jobs::take(worker, 100) }).await.unwrap().started.len() },
            )
        };
        let started: usize = join_all(stores.iter().map(take)).await.into_iter().map(Result::unwrap).sum();
        assert_eq!((started, stores[0].held(&tenant).await.unwrap().jobs.running), (5, 5), "round {round}");
        stores[0].remove(&all.iter().map(|job| job.spec.id).collect::<Vec<_>>()).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_of_a_worker_whose_lease_ran_out_are_found_and_taken_up_once() {
    needs_redis!();
    let server = Server::start();
    let url = server.url();
    let stores = join_all((0..4).map(|_| store(&url))).await;
    let dead = jobs::worker();
    stores[0].heartbeat(dead, after(10), NOW).await.unwrap();
    for _ in 0..40 {
        stores[0].insert(&jobs::running(jobs::job(), dead)).await.unwrap();
    }
    let alive = jobs::worker();
    assert!(!stores[1].heartbeat(alive, after(60), after(9)).await.unwrap().lost_jobs);
    assert!(stores[1].heartbeat(alive, after(60), after(10)).await.unwrap().lost_jobs);
    let take = |store: &Arc<dyn Store>| {
        let store = Arc::clone(store);
        tokio::spawn(async move {
            let worker = jobs::worker();
            store.heartbeat(worker, after(60), after(10)).await.unwrap();
            // The same moment for all, which must not make one's job look like another's.
            store.take(&Take { now: after(10), ..jobs::take(worker, 25) }).await.unwrap().started
        })
    };
    let started: Vec<_> = join_all(stores.iter().map(take)).await.into_iter().flat_map(Result::unwrap).collect();
    let mut ids: Vec<_> = started.iter().map(|job| job.spec.id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!((started.len(), ids.len()), (40, 40));
    assert!(started.iter().all(|job| job.state.attempt == 2));
    assert!(!stores[1].heartbeat(alive, after(60), after(10)).await.unwrap().lost_jobs);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quota_of_many_tenants_leaves_the_order_as_it_is() {
    needs_redis!();
    let server = Server::start();
    let store = store(&server.url()).await;
    let mut expected = Vec::new();
    for number in 0..60 {
        let job = jobs::job_with(|options| {
            options.principal = Some(format!("tenant {}", number % 20));
            options.priority = number / 7;
        });
        store.insert(&job).await.unwrap();
        expected.push((std::cmp::Reverse(job.spec.options.priority), job.spec.id));
    }
    expected.sort_unstable();
    let usual = Quota { running: NonZeroU64::new(50), ..Quota::default() };
    let bounds = Some(Arc::new(Arc::new(Quotas { usual, ..Quotas::default() }).into()));
    let mut taken = Vec::new();
    for limit in [1, 2, 9, 48] {
        let take = Take { bounds: bounds.clone(), ..jobs::take(jobs::worker(), limit) };
        // Those of one take are lost to the next, which knows no worker: so all are of one worker.
        taken.extend(store.take(&Take { worker: fixed(), ..take }).await.unwrap().started);
    }
    let taken: Vec<_> = taken.iter().map(|job| job.spec.id).collect();
    assert_eq!(taken, expected.into_iter().map(|(_, id)| id).collect::<Vec<_>>());
}

fn fixed() -> au_host::WorkerId {
    au_host::WorkerId::from_bytes([7; 16])
}
