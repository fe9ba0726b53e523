//! Thousands of endless guests at once (design §5), and whoever comes beside them.

use au_host::FailureKind;
use au_host::backend::wasm::WasmConfig;

use super::*;

const CROWD: usize = 2_000;
/// How much later than it should one of them may end: all have their first turn before any has its second, and their ends are
/// written one after the other.
const CROWD_LATE: Duration = Duration::from_secs(20);

/// Endless jobs, so many, that end by this deadline.
async fn endless(local: &Local, count: usize, timeout: Duration) -> Vec<Handle> {
    let mut request = ask("spin", 0);
    request.sandbox.timeout = Some(timeout);
    let inputs = (0..count).map(|_| request.input.clone());
    local.host().map(request.clone(), inputs).await.unwrap()
}

async fn called(local: &Local) {
    for number in 0..20 {
        let called = tokio::time::timeout(LONG, local.host().call(ask("echo", number))).await.expect("it ends in time");
        assert_eq!(called.unwrap().bytes()[..], number.to_le_bytes());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_go_by_two_thousand_endless_jobs_that_queue_for_the_usual_slots() {
    let local = guest::local(config()).await;
    let handles = endless(&local, CROWD, Duration::from_secs(3600)).await;
    until(&handles[0], Status::Running).await;
    called(&local).await;
    let cancels = handles.iter().map(|handle| handle.cancel("make room"));
    for done in futures::future::join_all(cancels).await {
        done.unwrap();
    }
    for handle in &handles {
        cancelled_within(CROWD_LATE, handle).await;
    }
    sing(&local, 1).await;
}

/// A host in which all of them run at once.
async fn square() -> Local {
    let wasm = WasmConfig { attempts: CROWD + 100, ..WasmConfig::default() };
    guest::local(LocalConfig { wasm, slots: Some(CROWD + 50), ..config() }).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_ends_and_each_cancel_acts_while_two_thousand_endless_jobs_run() {
    let local = square().await;
    let handles = endless(&local, CROWD, Duration::from_secs(3600)).await;
    with_canary(&local, async {
        for handle in &handles {
            until(handle, Status::Running).await;
        }
        called(&local).await;
        for handle in &handles {
            handle.cancel("make room").await.unwrap();
        }
        for handle in &handles {
            cancelled_within(CROWD_LATE, handle).await;
        }
    })
    .await;
    tokio::time::timeout(LONG, local.host().idle()).await.expect("none is left");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_of_two_thousand_endless_jobs_ends_by_its_deadline() {
    let local = square().await;
    let handles = endless(&local, CROWD, Duration::from_secs(5)).await;
    with_canary(&local, async {
        for handle in &handles {
            let job = handle.wait(LONG).await.unwrap();
            assert_eq!(job.failure.as_ref().unwrap().kind, FailureKind::TimedOut);
            stopped_within(CROWD_LATE, &job);
        }
    })
    .await;
}
