//! `/v1/jobs`.

use reqwest::Method;

use super::served::Served;
use super::*;

const NOBODY: &str = "01980000-0000-7000-8000-000000000000";

#[tokio::test]
async fn jobs_are_listed_newest_first_in_pages_without_gap_or_repeat() {
    let served = Served::new().await;
    let mut ids = Vec::new();
    for n in 0..7 {
        ids.push(served.submit("echo", n).await);
    }
    ids.reverse();
    let (mut found, mut path) = (Vec::new(), "/v1/jobs?limit=3".to_owned());
    loop {
        let page = json(served.get(&path).await, 200);
        found.extend(page["jobs"].as_array().unwrap().iter().map(|job| job["id"].as_str().unwrap().to_owned()));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/v1/jobs?limit=3&before={next}");
    }
    assert_eq!(found, ids);
}

#[tokio::test]
async fn a_list_passes_what_its_filters_pass() {
    let served = Served::new().await;
    let failed = served.submit("fail", 0).await;
    served.finished(&failed).await;
    let labelled = json(served.post("/v1/submit/guest/echo?label=a=1", OCTETS, "").await, 202);
    served.finished(labelled["id"].as_str().unwrap()).await;
    let digest = json(served.get("/v1/modules/guest").await, 200)["digest"].as_str().unwrap().to_owned();
    let other = format!("sha256:{}", "0".repeat(64));
    for (query, count) in [
        ("status=failed".into(), 1),
        ("status=failed,completed".into(), 2),
        ("status=failed&status=completed".into(), 2),
        ("status=running".into(), 0),
        ("function=echo".into(), 1),
        ("label=a=1".into(), 1),
        ("label=a=2".into(), 0),
        ("module=guest".into(), 2),
        (format!("module={digest}&status=failed"), 1),
        (format!("module={other}"), 0),
    ] {
        let page = json(served.get(&format!("/v1/jobs?{query}")).await, 200);
        assert_eq!(page["jobs"].as_array().unwrap().len(), count, "{query}");
    }
}

#[tokio::test]
async fn a_query_that_cannot_be_meant_is_refused_with_its_name() {
    let served = Served::new().await;
    for (query, word) in [
        ("/v1/jobs?limit=0", "limit"),
        ("/v1/jobs?limit=x", "limit"),
        ("/v1/jobs?status=done", "done"),
        ("/v1/jobs?before=..", "before"),
        ("/v1/jobs?label=a", "label"),
        ("/v1/jobs?stauts=failed", "stauts"),
        ("/v1/jobs?limit=1&limit=2", "2 times"),
        ("/v1/modules?x", "x"),
    ] {
        let bad = problem(served.get(query).await, 400, "bad_query");
        assert!(bad["detail"].as_str().unwrap().contains(word), "{bad}");
    }
    problem(served.post("/v1/submit/guest/echo?ttl=7", OCTETS, "").await, 400, "bad_query");
    problem(
        served.post("/v1/submit/guest/echo?delay=1s&run-at=2999-01-01T00:00:00Z", OCTETS, "").await,
        400,
        "bad_query",
    );
    problem(served.post("/v1/submit/guest/echo?priority=1000", OCTETS, "").await, 400, "invalid");
    problem(served.post("/v1/call/guest/echo?ttl=7s", OCTETS, "").await, 400, "bad_query");
}

#[tokio::test]
async fn a_wait_ends_with_the_job_or_with_its_time() {
    let served = Served::new().await;
    let id = served.submit("spin", 0).await;
    let job = json(served.get(&format!("/v1/jobs/{id}?wait=1ms")).await, 200);
    assert!(["pending", "running"].contains(&job["status"].as_str().unwrap()), "{job}");
    let waiting = tokio::spawn(served.ask(Method::GET, &format!("/v1/jobs/{id}?wait=1m")).send());
    served.cancel(&id).await;
    let job = json(Answer::of(waiting.await.unwrap().unwrap()).await, 200);
    assert_eq!(job["status"], "cancelled");
    for wrong in ["wait=2h", "wait", "wait=", "wait=true"] {
        problem(served.get(&format!("/v1/jobs/{id}?{wrong}")).await, 400, "bad_query");
    }
}

#[tokio::test]
async fn the_output_of_a_job_that_gave_none_says_why() {
    let served = Served::new().await;
    let output = async |id: &str| served.get(&format!("/v1/jobs/{id}/output")).await;
    let id = served.submit("spin", 0).await;
    assert_eq!(problem(output(&id).await, 409, "unfinished")["job"], *id);
    let kept = problem(served.delete(&format!("/v1/jobs/{id}")).await, 409, "unfinished");
    assert!(kept["try"].as_str().unwrap().ends_with("to remove it, POST /v1/jobs/{id}/cancel first"), "{kept}");
    let asked = served.post(&format!("/v1/jobs/{id}/cancel?reason=enough"), OCTETS, "").await;
    json(asked, 202);
    assert_eq!(served.finished(&id).await["cancelled"], "enough");
    problem(output(&id).await, 409, "cancelled");
    problem(served.post(&format!("/v1/jobs/{id}/cancel"), OCTETS, "").await, 409, "finished");
    let id = served.submit("unreachable", 0).await;
    served.finished(&id).await;
    assert_eq!(problem(output(&id).await, 422, "failed")["failure"]["kind"], "trap");
}

#[tokio::test]
async fn an_unknown_job_is_not_found_whatever_is_asked_of_it() {
    let served = Served::new().await;
    for path in ["", "?wait=1s", "/output", "/input", "/logs", "/events"] {
        problem(served.get(&format!("/v1/jobs/{NOBODY}{path}")).await, 404, "not_found");
    }
    for path in ["/cancel", "/retry"] {
        problem(served.post(&format!("/v1/jobs/{NOBODY}{path}"), OCTETS, "").await, 404, "not_found");
    }
    problem(served.delete(&format!("/v1/jobs/{NOBODY}")).await, 404, "not_found");
}

#[tokio::test]
async fn an_expired_job_is_gone() {
    let served = Served::new().await;
    let job = json(served.post("/v1/submit/guest/echo?ttl=1ms", OCTETS, "").await, 202);
    let path = format!("/v1/jobs/{}", job["id"].as_str().unwrap());
    let gone = until("its end", async || Some(served.get(&path).await).filter(|answer| answer.status != 200)).await;
    problem(gone, 410, "expired");
}

#[tokio::test]
async fn a_removed_job_is_not_found() {
    let served = Served::new().await;
    let id = served.submit("echo", 1).await;
    served.finished(&id).await;
    assert_eq!(served.delete(&format!("/v1/jobs/{id}")).await.status, 204);
    problem(served.get(&format!("/v1/jobs/{id}")).await, 404, "not_found");
}

#[tokio::test]
async fn a_retry_is_a_new_job_of_the_same_call_and_says_whose() {
    let served = Served::new().await;
    let path = "/v1/submit/guest/echo?label=a=1&priority=4&memory=64MiB";
    let first = served.ask(Method::POST, path).header("idempotency-key", "once").body("[3]");
    let first = json(served.send(first).await, 202);
    served.finished(first["id"].as_str().unwrap()).await;
    let answer = served.post(&format!("/v1/jobs/{}/retry", first["id"].as_str().unwrap()), OCTETS, "").await;
    let place = answer.header("location").to_owned();
    let again = json(answer, 202);
    assert_eq!(again["retry_of"], first["id"]);
    assert_ne!(again["id"], first["id"]);
    assert_eq!(place, format!("/v1/jobs/{}", again["id"].as_str().unwrap()));
    for member in ["labels", "priority", "sandbox", "module_name"] {
        assert_eq!(again["options"][member], first["options"][member]);
    }
    served.finished(again["id"].as_str().unwrap()).await;
    assert_eq!(served.get(&format!("{place}/output")).await.text(), "[3]");
}

#[tokio::test]
async fn a_log_is_read_from_any_line_as_json_or_line_by_line() {
    let served = Served::new().await;
    let id = served.submit("log", 25).await;
    served.finished(&id).await;
    let page = json(served.get(&format!("/v1/jobs/{id}/logs?from=20&limit=3")).await, 200);
    assert_eq!((page["lines"].as_array().unwrap().len(), &page["next"]), (3, &23.into()));
    assert_eq!(page["lines"][0]["level"], "warn");
    let lines = served.ask(Method::GET, &format!("/v1/jobs/{id}/logs")).header("accept", "application/x-ndjson");
    let lines = served.send(lines).await;
    assert_eq!((lines.header("content-type"), lines.text().lines().count()), ("application/x-ndjson", 25));
    problem(served.get(&format!("/v1/jobs/{id}/logs?limit=0")).await, 400, "bad_query");
}

#[tokio::test]
async fn a_job_tells_when_each_of_its_attempts_began_and_ended_and_what_came_of_it() {
    let served = Served::new().await;
    let path = "/v1/submit/guest/yes-third?attempts=3&retry-delay=1ms";
    let id = json(served.post(path, OCTETS, "").await, 202)["id"].as_str().unwrap().to_owned();
    let job = served.finished(&id).await;
    let past = job["past"].as_array().unwrap();
    let told: Vec<_> = past.iter().map(|past| (past["number"].as_u64().unwrap(), past["failure"].as_str())).collect();
    assert_eq!(told, [(1, Some("transient")), (2, Some("transient")), (3, None)]);
    let times: Vec<_> = past.iter().flat_map(|past| [&past["started"], &past["ended"]]).collect();
    assert!(times.is_sorted_by_key(|time| time.as_str().unwrap()), "{job}");
    assert_eq!((times[0], times[5]), (&job["started"], &job["finished"]));
    assert_eq!(past[0]["worker"], past[2]["worker"]);
    // Of a single attempt all else tells.
    let id = served.submit("echo", 1).await;
    let job = served.finished(&id).await;
    assert_eq!((&job["past"], &job["attempt"]), (&serde_json::json!([]), &1.into()));
    let id = served.submit("spin", 1).await;
    let job = served.once(&id, "running").await;
    assert!(job["attempt_started"] == job["started"] && job["worker"].is_string(), "{job}");
    served.cancel(&id).await;
}
