//! `POST /v1/submit`, one and many at a time.

use std::collections::BTreeSet;

use futures::future::join_all;
use reqwest::Method;

use super::served::Served;
use super::*;

#[tokio::test]
async fn a_job_is_kept_before_it_is_answered_and_found_where_the_answer_says() {
    let served = Served::new().await;
    let answer = served.post("/v1/submit/guest/echo", "text/plain", "hello").await;
    let place = answer.header("location").to_owned();
    let job = json(answer, 202);
    assert_eq!(place, format!("/v1/jobs/{}", job["id"].as_str().unwrap()));
    let ended = served.finished(job["id"].as_str().unwrap()).await;
    assert_eq!((&ended["status"], &ended["attempt"]), (&"completed".into(), &1.into()));
    let output = served.get(&format!("{place}/output")).await;
    assert_eq!((output.header("content-type"), output.text()), ("text/plain", "hello".into()));
    let input = served.get(&format!("{place}/input")).await;
    assert_eq!((input.status, input.header("content-type"), input.text()), (200, "text/plain", "hello".into()));
}

#[tokio::test]
async fn options_are_those_of_the_command_line() {
    let served = Served::new().await;
    let query = "timeout=5s&memory=64MiB&fuel=1000000&max-output=1MiB&max-log=1KiB&max-log-lines=7&stack=1MiB\
        &table-elements=9&instances=3&clock&random&attempts=2&retry-delay=5s&priority=-3&ttl=1h&delay=1h&label=a=1&label=b=x%3Dy";
    let job = json(served.post(&format!("/v1/submit/guest/echo?{query}"), OCTETS, "").await, 202);
    let (options, sandbox) = (&job["options"], &job["options"]["sandbox"]);
    let limits = serde_json::json!({
        "timeout": 5000, "memory": 64 << 20, "fuel": 1_000_000, "output": 1 << 20, "log_bytes": 1024, "log_lines": 7,
        "stack": 1 << 20, "table_elements": 9, "instances": 3,
    });
    assert_eq!(sandbox["limits"], limits);
    assert_eq!((&sandbox["grants"]["clock"], &sandbox["grants"]["random"]), (&true.into(), &true.into()));
    assert_eq!((&options["retry"]["attempts"], &options["priority"]), (&2.into(), &(-3).into()));
    assert_eq!(options["labels"], serde_json::json!({ "a": "1", "b": "x=y" }));
    assert_eq!((&job["status"], &options["module_name"]), (&"pending".into(), &"guest".into()));
    let moment = "2999-01-01T00:00:00Z";
    let job = json(served.post(&format!("/v1/submit/guest/echo?run-at={moment}"), OCTETS, "").await, 202);
    assert!(job["run_at"].as_str().unwrap().starts_with("2999-01-01T00:00:00"), "{job}");
}

#[tokio::test]
async fn h11_a_hundred_submits_at_once_with_one_key_are_one_job() {
    let served = Served::new().await;
    let submit = || served.ask(Method::POST, "/v1/submit/guest/echo").header("idempotency-key", "once").body("[1]");
    let answers = join_all((0..100).map(|_| async { served.send(submit()).await })).await;
    let mut replayed = 0;
    let ids: BTreeSet<_> = answers
        .into_iter()
        .map(|answer| {
            replayed += usize::from(answer.header("idempotent-replayed") == "true");
            json(answer, 202)["id"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!((ids.len(), replayed), (1, 99));
    assert_eq!(json(served.get("/v1/jobs").await, 200)["jobs"].as_array().unwrap().len(), 1);
    // And after it has finished.
    served.finished(ids.first().unwrap()).await;
    assert_eq!(json(served.send(submit()).await, 202)["id"], **ids.first().unwrap());
}

#[tokio::test]
async fn h11_a_key_with_another_call_is_a_conflict_that_names_the_job() {
    let served = Served::new().await;
    let submit = |path: &str, body: &'static str| {
        served.ask(Method::POST, path).header("idempotency-key", "once").header("content-type", OCTETS).body(body)
    };
    let first = json(served.send(submit("/v1/submit/guest/echo", "1")).await, 202);
    for (path, body) in [("/v1/submit/guest/echo", "2"), ("/v1/submit/guest/log", "1")] {
        let taken = problem(served.send(submit(path, body)).await, 409, "key_taken");
        assert_eq!(taken["job"], first["id"]);
    }
    let empty = served.ask(Method::POST, "/v1/submit/guest/echo").header("idempotency-key", "").body("[]");
    problem(served.send(empty).await, 400, "bad_header");
    assert_eq!(json(served.get("/v1/jobs").await, 200)["jobs"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn each_line_of_a_bulk_submit_is_a_job_in_order() {
    let served = Served::new().await;
    let lines: String = (0..300).map(|n| format!("[{n}]\n")).collect();
    let answer = served.post("/v1/submit/guest/echo/bulk?label=batch=7", "application/x-ndjson", lines).await;
    let answer = json(answer, 202);
    let ids = answer["jobs"].as_array().unwrap();
    assert_eq!(ids.len(), 300);
    for (n, id) in ids.iter().enumerate().step_by(37) {
        let id = id.as_str().unwrap();
        assert_eq!(served.finished(id).await["options"]["labels"]["batch"], "7");
        assert_eq!(served.get(&format!("/v1/jobs/{id}/output")).await.text(), format!("[{n}]"));
    }
}

#[tokio::test]
async fn a_bulk_submit_with_one_bad_line_keeps_nothing() {
    let served = Served::with(|limits| limits.bulk = 3).await;
    let bulk =
        async |lines: &'static str| served.post("/v1/submit/guest/echo/bulk", "application/x-ndjson", lines).await;
    let bad = problem(bulk("[1]\n[2,]\n").await, 400, "bad_json");
    assert!(bad["detail"].as_str().unwrap().starts_with("input 2: "), "{bad}");
    problem(bulk("[1]\n[2]\n[3]\n[4]\n").await, 413, "too_large");
    let keyed = served.ask(Method::POST, "/v1/submit/guest/echo/bulk").header("idempotency-key", "x").body("[1]");
    problem(served.send(keyed).await, 400, "bad_header");
    assert_eq!(json(served.get("/v1/jobs").await, 200)["jobs"], serde_json::json!([]));
    assert_eq!(json(bulk("\n[1]\r\n\n[2]").await, 202)["jobs"].as_array().unwrap().len(), 2);
}
