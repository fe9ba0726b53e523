//! `POST /v1/call`.

use reqwest::Method;

use super::served::Served;
use super::*;

#[tokio::test]
async fn what_goes_in_comes_out_with_its_type() {
    let served = Served::new().await;
    let answer = served.post("/v1/call/guest/echo", "image/png", &b"\x89PNG\0"[..]).await;
    assert_eq!(
        (answer.status, answer.header("content-type"), &answer.bytes[..]),
        (200, "image/png", &b"\x89PNG\0"[..])
    );
    // No type is JSON, and no body no arguments.
    let answer = served.send(served.ask(Method::POST, "/v1/call/guest/echo").body("[1, 2]")).await;
    assert_eq!((answer.header("content-type"), answer.text()), ("application/json", "[1, 2]".into()));
    assert_eq!(served.send(served.ask(Method::POST, "/v1/call/guest/echo")).await.text(), "[]");
    assert_eq!(json(served.get("/v1/jobs").await, 200)["jobs"], serde_json::json!([]), "nothing is kept");
}

#[tokio::test]
async fn what_curl_sends_without_being_told_a_type_is_json() {
    let served = Served::new().await;
    let form = "application/x-www-form-urlencoded";
    let answer = served.post("/v1/call/guest/echo", form, "[1, 2]").await;
    assert_eq!((answer.header("content-type"), answer.text()), ("application/json", "[1, 2]".into()));
    problem(served.post("/v1/call/guest/echo", form, "a=1").await, 400, "bad_json");
}

#[tokio::test]
async fn a_module_is_called_by_its_digest_too() {
    let served = Served::new().await;
    let digest = json(served.get("/v1/modules/guest").await, 200)["digest"].as_str().unwrap().to_owned();
    let answer = served.post(&format!("/v1/call/{digest}/echo"), OCTETS, "abcd").await;
    assert_eq!((answer.status, answer.text()), (200, "abcd".into()));
}

#[tokio::test]
async fn every_answer_says_how_it_is_to_be_treated() {
    let served = Served::new().await;
    for path in ["/healthz", "/v1/jobs", "/nowhere", "/openapi.json"] {
        let answer = served.get(path).await;
        assert_eq!((answer.header("x-content-type-options"), answer.header("cache-control")), ("nosniff", "no-store"));
        assert_eq!(answer.header("x-request-id").len(), 36, "{path}");
        assert_eq!(answer.header("access-control-allow-origin"), "");
    }
    let named = served.send(served.ask(Method::GET, "/healthz").header("x-request-id", "mine-1")).await;
    assert_eq!(named.header("x-request-id"), "mine-1");
    let odd = served.send(served.ask(Method::GET, "/healthz").header("x-request-id", "a b\"")).await;
    assert_ne!(odd.header("x-request-id"), "a b\"");
}

#[tokio::test]
async fn a_function_that_fails_is_a_problem_with_its_kind_limit_and_trace() {
    let served = Served::new().await;
    let call = async |path: &str| served.post(&format!("/v1/call/guest/{path}"), OCTETS, number(9)).await;
    let failed = problem(call("fail").await, 422, "failed");
    assert_eq!(failed["failure"]["kind"], "failed");
    let trap = problem(call("unreachable").await, 422, "failed");
    assert_eq!(trap["failure"]["kind"], "trap");
    assert!(!trap["failure"]["trace"].as_array().unwrap().is_empty(), "{trap}");
    let late = problem(call("spin?timeout=20ms").await, 422, "timed_out");
    assert_eq!(late["failure"]["limit"], serde_json::json!({ "name": "timeout", "value": 20 }));
    let large = problem(call("big?max-output=4").await, 422, "failed");
    assert_eq!(large["failure"]["limit"]["name"], "output");
    assert_eq!(problem(call("invalid").await, 422, "failed")["failure"]["kind"], "invalid-input");
}

#[tokio::test]
async fn what_is_not_there_is_named_with_what_looks_like_it() {
    let served = Served::new().await;
    let missing = problem(served.post("/v1/call/guess/echo", OCTETS, "").await, 404, "not_found");
    assert_eq!(missing["nearest"], "guest");
    let missing = problem(served.post("/v1/call/guest/ecko", OCTETS, "").await, 404, "not_found");
    assert_eq!(missing["nearest"], "echo");
}

#[tokio::test]
async fn what_is_over_the_ceiling_is_refused() {
    let served = Served::new().await;
    let call = async |query: &str| served.post(&format!("/v1/call/guest/echo?{query}"), OCTETS, "").await;
    problem(call("memory=1TiB").await, 403, "refused");
    problem(call("dir=/etc").await, 403, "refused");
    problem(call("env=A=1").await, 403, "refused");
    assert_eq!(call("clock&random=true&memory=64MiB&timeout=5s&stack=1MiB&instances=8").await.status, 200);
}

#[tokio::test]
async fn a_caller_who_goes_stops_the_function() {
    let served = Served::with(|limits| limits.in_flight = 1).await;
    let asking = served.calling("spin");
    until("the call", async || (served.get("/v1/jobs").await.status == 503).then_some(())).await;
    asking.abort();
    until("the place of the call", async || (served.get("/v1/jobs").await.status == 200).then_some(())).await;
}
