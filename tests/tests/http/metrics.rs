//! `GET /metrics`.

use std::num::NonZeroU64;
use std::sync::Arc;

use au_host::middleware::metrics::Metrics;
use au_host::{LocalConfig, QueuePolicy};
use au_tests::guest;

use super::served::Served;
use super::*;

#[tokio::test]
async fn figures_are_of_attempts_requests_and_what_waits() {
    let metrics = Metrics::default();
    let middleware = vec![Arc::new(metrics.clone()) as _];
    let local = guest::local(LocalConfig { slots: Some(1), middleware, ..guest::config() }).await;
    let served = Served::configured(local, |config| config.metrics = metrics).await;
    let bounds = QueuePolicy { concurrency: NonZeroU64::new(2), ..QueuePolicy::default() };
    served.local.host().set_queue("two\"of\\all", bounds).await.unwrap();
    let done = served.submit("echo", 1).await;
    served.finished(&done).await;
    assert_eq!(served.post("/v1/call/guest/spin?timeout=10ms", OCTETS, number(0)).await.status, 422);
    let runs = served.submit("spin", 0).await;
    served.once(&runs, "running").await;
    let waits = served.submit("echo", 1).await;
    served.get("/v1/made-up").await;
    let answer = served.get("/metrics").await;
    assert_eq!(answer.status, 200);
    assert!(answer.header("content-type").starts_with("application/openmetrics-text"));
    let text = answer.text();
    for line in [
        r#"au_attempt_seconds_count{function="echo",status="completed"} 1"#,
        r#"au_attempt_seconds_count{function="spin",status="failed"} 1"#,
        r#"au_sandbox_limits_total{kind="timed-out"} 1"#,
        r#"au_http_request_seconds_count{method="POST",route="/v1/submit/{module}/{function}",status="202"} 3"#,
        r#"au_http_request_seconds_count{method="GET",route="none",status="404"} 1"#,
        "au_attempts_running 1",
        "au_http_requests_in_flight 1",
        "au_jobs_pending 1",
        "au_jobs_due 1",
        "au_jobs_running 1",
        r#"au_queue_pending{queue="default"} 1"#,
        r#"au_queue_running{queue="default"} 1"#,
        r#"au_queue_paused{queue="default"} 0"#,
        r#"au_queue_limit{queue="two\"of\\all"} 2"#,
        "au_queues_left_out 0",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in:\n{text}");
    }
    assert!(text.ends_with("# EOF\n") && !text.contains("made-up"), "{text}");
    for id in [waits, runs] {
        served.cancel(&id).await;
    }
}
