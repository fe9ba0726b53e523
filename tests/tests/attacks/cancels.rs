//! X21: cancels at any moment of a job's life. Each job has one end, and keeps it.

use rand::{RngExt, SeedableRng};

use super::*;

const JOBS: u64 = 10_000;

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_cancels_at_every_stage_leave_one_end_for_each_job() {
    let local = guest::local(LocalConfig { slots: Some(8), ..config() }).await;
    let mut random = rand::rngs::SmallRng::seed_from_u64(0xa0);
    let mut cancelled = Vec::new();
    // Waves, so that some are cancelled before they start, some while they do, some as they end, some after.
    for wave in 0..JOBS / 200 {
        let rounds = (0..200).map(|round| {
            let (host, pause) = (local.host().clone(), Duration::from_micros(random.random_range(0..4_000)));
            let function = ["echo", "spin", "progress"][(round + wave) as usize % 3];
            tokio::spawn(async move {
                let number = u32::from(function == "progress");
                let handle = host.submit(ask(function, number)).await.unwrap();
                if round % 50 == 0 && function == "echo" {
                    // A cancel that comes too late, for certain.
                    handle.wait(LONG).await.unwrap();
                }
                tokio::time::sleep(pause).await;
                let acknowledged = match handle.cancel("any time").await {
                    Ok(()) => true,
                    Err(au_host::Error::Finished(_)) => false,
                    Err(error) => panic!("{error}"),
                };
                (handle, acknowledged, function)
            })
        });
        for round in futures::future::join_all(rounds).await {
            cancelled.push(round.unwrap());
        }
    }
    let mut counts = [0_u32; 2];
    for (handle, acknowledged, function) in &cancelled {
        let first = handle.wait(LONG).await.unwrap();
        // R6: a cancel that was acknowledged is never followed by success.
        let expected = if *acknowledged { Status::Cancelled } else { Status::Completed };
        assert_eq!(first.status, expected, "{function} {first:?}");
        assert_eq!(handle.metadata().await.unwrap(), first, "R3: an end does not change");
        counts[usize::from(*acknowledged)] += 1;
    }
    assert!(counts.iter().all(|count| *count > 50), "the moments were not mixed: {counts:?}");
    tokio::time::timeout(LONG, local.host().idle()).await.expect("none is left running");
    sing(&local, 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_while_its_module_is_compiled_is_heard() {
    // The code for a metered attempt is compiled when the first one asks for it.
    let wasm = super::uploads::slow();
    let local = guest::local(config()).await;
    let mut request = go(&local, wasm).await;
    request.sandbox.fuel = Some(1_000_000);
    let handle = local.host().submit(request).await.unwrap();
    with_canary(&local, async {
        until(&handle, Status::Running).await;
        handle.cancel("not worth it").await.unwrap();
        assert_eq!(handle.wait(LONG).await.unwrap().status, Status::Cancelled);
    })
    .await;
}
