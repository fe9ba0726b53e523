//! Tenants: each sees its own jobs and no other's.

use std::time::Duration;

use au_host::Scope;
use reqwest::Method;

use super::served::Served;
use super::*;

const BOTH: &[Scope] = &[Scope::Read, Scope::Submit];
/// No job has it.
const ABSENT: &str = "0198c5a0-7d2c-7b3e-9c4f-0123456789ab";

struct Two {
    served: Served,
    own: String,
    other: String,
}

impl Two {
    async fn new() -> Self {
        let served = Served::closed().await;
        let (own, other) = (served.token(Some("own"), BOTH).await, served.token(Some("other"), BOTH).await);
        Self { served, own, other }
    }

    async fn submit(&self, token: &str, function: &str) -> String {
        let path = format!("/v1/submit/guest/{function}");
        let job = json(self.served.as_who(token, Method::POST, &path, number(1)).await, 202);
        job["id"].as_str().unwrap().to_owned()
    }

    async fn finished(&self, token: &str, function: &str) -> String {
        let id = self.submit(token, function).await;
        until("the end of a job", async || {
            let job = json(self.served.as_who(token, Method::GET, &format!("/v1/jobs/{id}?wait=30s"), "").await, 200);
            (job["status"] == "completed").then_some(())
        })
        .await;
        id
    }

    async fn listed(&self, token: &str, query: &str) -> Vec<String> {
        let page = json(self.served.as_who(token, Method::GET, &format!("/v1/jobs{query}"), "").await, 200);
        page["jobs"].as_array().unwrap().iter().map(|job| job["id"].as_str().unwrap().to_owned()).collect()
    }
}

/// What is told to a stranger, but for what names the request and the job.
fn told(answer: &Answer, id: &str) -> (u16, Vec<String>, String) {
    let request = answer.header("x-request-id");
    let text = answer.text().replace(id, "ID").replace(request, "REQUEST");
    let mut headers: Vec<_> = answer.headers.iter().map(|(name, value)| format!("{name}: {value:?}")).collect();
    headers.retain(|header| !header.starts_with("date") && !header.starts_with("x-request-id"));
    headers.sort();
    (answer.status, headers, text)
}

#[tokio::test]
async fn h6_anothers_job_is_as_one_that_is_not_there_whatever_is_asked_of_it() {
    let two = Two::new().await;
    let (finished, runs) = (two.finished(&two.other, "echo").await, two.submit(&two.other, "spin").await);
    for (method, path) in [
        (Method::GET, ""),
        (Method::GET, "?wait=10s"),
        (Method::GET, "/output"),
        (Method::GET, "/input"),
        (Method::GET, "/logs"),
        (Method::GET, "/events"),
        (Method::POST, "/cancel"),
        (Method::POST, "/retry"),
        (Method::DELETE, ""),
    ] {
        let ask = async |id: &str| {
            let answer = two.served.as_who(&two.own, method.clone(), &format!("/v1/jobs/{id}{path}"), "").await;
            told(&answer, id)
        };
        let absent = ask(ABSENT).await;
        assert_eq!(absent.0, 404, "{method} {path}: {absent:?}");
        assert_eq!(ask(&finished).await, absent, "{method} {path}");
        assert_eq!(ask(&runs).await, absent, "{method} {path}");
    }
    let job = json(two.served.as_who(&two.other, Method::GET, &format!("/v1/jobs/{runs}"), "").await, 200);
    assert!(["pending", "running"].contains(&job["status"].as_str().unwrap()), "nothing came of it: {job}");
    json(two.served.as_who(&two.other, Method::GET, &format!("/v1/jobs/{finished}"), "").await, 200);
    json(two.served.as_who(&two.other, Method::POST, &format!("/v1/jobs/{runs}/cancel"), "").await, 202);
}

#[tokio::test]
async fn h6_an_expired_job_of_another_is_as_one_that_is_not_there() {
    let two = Two::new().await;
    let path = "/v1/submit/guest/echo?ttl=1ms";
    let job = json(two.served.as_who(&two.other, Method::POST, path, number(1)).await, 202);
    let id = job["id"].as_str().unwrap().to_owned();
    let ask = async |token: &str, id: &str| {
        told(&two.served.as_who(token, Method::GET, &format!("/v1/jobs/{id}"), "").await, id)
    };
    until("its expiry", async || (ask(&two.other, &id).await.0 == 404).then_some(())).await;
    assert_eq!(ask(&two.own, &id).await, ask(&two.own, ABSENT).await);
}

#[tokio::test]
async fn h6_a_list_has_ones_own_jobs_only_below_whatever_cursor() {
    let two = Two::new().await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push((two.finished(&two.own, "echo").await, two.finished(&two.other, "echo").await));
    }
    let own: Vec<_> = ids.iter().rev().map(|(own, _)| own.clone()).collect();
    assert_eq!(two.listed(&two.own, "").await, own);
    let below = format!("?before={}", ids[1].1);
    assert_eq!(two.listed(&two.own, &below).await, own[1..], "a foreign cursor is a time and no more");
    assert_eq!(two.listed(&two.own, "?status=completed&function=echo&limit=2").await, own[..2]);
    let admin = two.served.token(None, &[Scope::Admin]).await;
    assert_eq!(two.listed(&admin, "").await.len(), 6, "who runs the host sees all");
    let of_tenant = two.served.token(Some("own"), &[Scope::Admin]).await;
    assert_eq!(two.listed(&of_tenant, "").await, own);
}

#[tokio::test]
async fn h6_an_idempotency_key_is_its_tenants_own() {
    let two = Two::new().await;
    let submit = async |token: &str, body: u32| {
        let ask =
            two.served.ask(Method::POST, "/v1/submit/guest/echo").bearer_auth(token).header("idempotency-key", "k");
        two.served.send(ask.header("content-type", OCTETS).body(number(body))).await
    };
    let (own, other) = (submit(&two.own, 1).await, submit(&two.other, 2).await);
    assert_eq!((own.header("idempotent-replayed"), other.header("idempotent-replayed")), ("", ""));
    let (own, other) = (json(own, 202), json(other, 202));
    assert_ne!(own["id"], other["id"]);
    assert_eq!(own["options"]["key"]["name"], "k");
    assert_eq!(json(submit(&two.own, 1).await, 202)["id"], own["id"]);
    problem(submit(&two.own, 2).await, 409, "key_taken");
}

#[tokio::test]
async fn jobs_of_a_bulk_and_of_a_retry_are_their_tenants() {
    let two = Two::new().await;
    let many = json(two.served.as_who(&two.own, Method::POST, "/v1/submit/guest/echo/bulk", "[1]\n[2]\n").await, 202);
    let first = many["jobs"][0].as_str().unwrap();
    until("its end", async || {
        let answer = two.served.as_who(&two.own, Method::GET, &format!("/v1/jobs/{first}?wait=10s"), "").await;
        (json(answer, 200)["finished"] != Value::Null).then_some(())
    })
    .await;
    let again = json(two.served.as_who(&two.own, Method::POST, &format!("/v1/jobs/{first}/retry"), "").await, 202);
    let again = again["id"].as_str().unwrap();
    for id in [first, again] {
        problem(two.served.as_who(&two.other, Method::GET, &format!("/v1/jobs/{id}"), "").await, 404, "not_found");
    }
    assert_eq!(two.listed(&two.own, "").await.len(), 3);
    assert_eq!(two.listed(&two.other, "").await, [""; 0]);
}

#[tokio::test]
async fn a_wait_for_anothers_job_does_not_wait() {
    let two = Two::new().await;
    let id = two.submit(&two.other, "spin").await;
    let path = format!("/v1/jobs/{id}?wait=60s");
    let ask = two.served.as_who(&two.own, Method::GET, &path, "");
    let answer = tokio::time::timeout(Duration::from_secs(30), ask).await.unwrap();
    problem(answer, 404, "not_found");
    json(two.served.as_who(&two.other, Method::POST, &format!("/v1/jobs/{id}/cancel"), "").await, 202);
}
