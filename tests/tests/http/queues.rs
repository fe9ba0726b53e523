//! Queues, policies of functions, and workers.

use au_host::Scope;
use reqwest::Method;
use serde_json::json as value;

use super::dashboard::Desk;
use super::served::Served;
use super::*;

const JSON: &str = "application/json";

async fn put(served: &Served, path: &str, body: Value) -> Answer {
    let body = body.to_string();
    served.send(served.ask(Method::PUT, path).header("content-type", JSON).body(body)).await
}

async fn submit(served: &Served, path: &str) -> String {
    let job = json(served.post(&format!("/v1/submit/guest/{path}"), OCTETS, number(1)).await, 202);
    job["id"].as_str().unwrap().to_owned()
}

async fn queue(served: &Served, name: &str) -> Value {
    json(served.get(&format!("/v1/queues/{name}")).await, 200)
}

#[tokio::test]
async fn of_a_queue_and_of_each_key_no_more_run_than_may_and_the_rest_come_when_there_is_room() {
    let served = Served::new().await;
    let limits = value!({ "concurrency": 2, "per_key": 1 });
    assert_eq!(json(put(&served, "/v1/queues/q", limits).await, 200)["concurrency"], 2);
    let mut ids = Vec::new();
    for key in ["x", "x", "y", "z"] {
        ids.push(submit(&served, &format!("spin?queue=q&concurrency-key={key}")).await);
    }
    let status = async |id: &str| json(served.get(&format!("/v1/jobs/{id}")).await, 200)["status"].clone();
    until("two of them to run", async || (queue(&served, "q").await["running"] == 2).then_some(())).await;
    let goes = submit(&served, "echo").await;
    served.finished(&goes).await;
    let shown = queue(&served, "q").await;
    assert_eq!((&shown["running"], &shown["pending"]), (&2.into(), &2.into()));
    assert_eq!((status(&ids[0]).await, status(&ids[2]).await), ("running".into(), "running".into()));
    served.post(&format!("/v1/jobs/{}/cancel", ids[0]), JSON, "").await;
    until("the next of its key", async || (status(&ids[1]).await == "running").then_some(())).await;
    assert_eq!(queue(&served, "q").await["running"], 2);
}

#[tokio::test]
async fn a_paused_queue_takes_jobs_in_and_starts_them_once_it_is_resumed() {
    let served = Served::new().await;
    assert_eq!(json(served.post("/v1/queues/q/pause", JSON, "").await, 200)["paused"], true);
    let id = submit(&served, "echo?queue=q").await;
    let goes = submit(&served, "echo").await;
    served.finished(&goes).await;
    assert_eq!(json(served.get(&format!("/v1/jobs/{id}")).await, 200)["status"], "pending");
    assert_eq!(json(served.post("/v1/queues/q/resume", JSON, "").await, 200)["paused"], false);
    assert_eq!(served.finished(&id).await["status"], "completed");
}

#[tokio::test]
async fn a_policy_that_cannot_be_meant_is_refused_and_one_that_is_not_there_is_not_found() {
    let served = Served::new().await;
    for body in ["", "[]", "{\"concurency\": 1}", "{\"concurrency\": 0}", "{\"concurrency\": -1}", "{\"paused\": 1}"] {
        let ask = served.ask(Method::PUT, "/v1/queues/q").header("content-type", JSON).body(body);
        problem(served.send(ask).await, 400, "bad_json");
    }
    let answer = put(&served, "/v1/functions/guest/echo", value!({ "priority": 101 })).await;
    assert_eq!((answer.status, answer.text().contains("priority")), (400, true), "{}", answer.text());
    problem(served.get("/v1/queues/nothing").await, 404, "not_found");
    problem(served.delete("/v1/queues/nothing").await, 404, "not_found");
    problem(served.delete("/v1/functions/guest/nothing").await, 404, "not_found");
    problem(put(&served, &format!("/v1/queues/{}", "x".repeat(256)), value!({})).await, 400, "bad_id");
    let naughty = "/v1/queues/%00%C3%A4%2F..%2F%22%27";
    json(put(&served, naughty, value!({ "concurrency": 1 })).await, 200);
    assert_eq!(json(served.get(naughty).await, 200)["name"], "\u{0}ä/../\"'");
    assert_eq!(served.delete(naughty).await.status, 204);
}

#[tokio::test]
async fn the_policy_of_a_function_is_kept_shown_and_removed() {
    let served = Served::new().await;
    let policy = value!({ "concurrency": 1, "queue": "echoes", "priority": 3 });
    let set = json(put(&served, "/v1/functions/guest/echo", policy).await, 200);
    assert_eq!((&set["module"], &set["queue"], &set["retry"]), (&"guest".into(), &"echoes".into(), &Value::Null));
    let all = json(served.get("/v1/functions").await, 200);
    assert_eq!(all["functions"][0]["function"], "echo");
    let id = submit(&served, "echo").await;
    assert_eq!(served.finished(&id).await["options"]["queue"], "echoes");
    assert_eq!(served.delete("/v1/functions/guest/echo").await.status, 204);
    problem(served.get("/v1/functions/guest/echo").await, 404, "not_found");
}

#[tokio::test]
async fn changing_takes_admin_and_a_tenant_is_not_told_how_much_there_is_of_others() {
    let served = Served::closed().await;
    let tenant = served.token(Some("own"), &[Scope::Read, Scope::Submit]).await;
    let admin = served.token(None, &[Scope::Admin]).await;
    for (method, path) in [
        (Method::PUT, "/v1/queues/q"),
        (Method::DELETE, "/v1/queues/q"),
        (Method::POST, "/v1/queues/q/pause"),
        (Method::PUT, "/v1/functions/guest/echo"),
        (Method::POST, "/v1/workers/0198c5a0-7d2c-7b3e-9c4f-0123456789ab/drain"),
    ] {
        problem(served.as_who(&tenant, method, path, "{}").await, 403, "forbidden");
    }
    json(served.as_who(&admin, Method::PUT, "/v1/queues/q", "{\"concurrency\": 4}").await, 200);
    let of = async |token: &str| json(served.as_who(token, Method::GET, "/v1/queues/q", "").await, 200);
    let (told, all) = (of(&tenant).await, of(&admin).await);
    assert_eq!((&told["concurrency"], &told["pending"], &told["running"]), (&4.into(), &Value::Null, &Value::Null));
    assert_eq!((&all["pending"], &all["running"]), (&0.into(), &0.into()));
    problem(served.as_who(&tenant, Method::GET, "/v1/workers", "").await, 403, "forbidden");
}

#[tokio::test]
async fn a_host_is_in_the_list_of_workers_and_takes_nothing_new_once_it_is_drained() {
    let served = Served::new().await;
    let workers = async || json(served.get("/v1/workers").await, 200)["workers"].take();
    let id = until("the host in the list", async || workers().await[0]["id"].as_str().map(str::to_owned)).await;
    assert_eq!(workers().await[0]["slots"], 16);
    assert_eq!(served.post(&format!("/v1/workers/{id}/drain"), JSON, "").await.status, 202);
    until("it to drain", async || (workers().await[0]["draining"] == true).then_some(())).await;
    let waits = submit(&served, "echo").await;
    assert_eq!(json(served.get(&format!("/v1/jobs/{waits}")).await, 200)["status"], "pending");
    let absent = "/v1/workers/0198c5a0-7d2c-7b3e-9c4f-0123456789ab/drain";
    problem(served.post(absent, JSON, "").await, 404, "not_found");
    problem(served.post("/v1/workers/nobody/drain", JSON, "").await, 400, "bad_id");
}

#[tokio::test]
async fn a_queue_is_given_a_limit_paused_and_resumed_in_the_dashboard() {
    let Some(desk) = Desk::new().await else { return };
    let browser = desk.at("/queues").await;
    browser.sees("td[data-label=Queue]", "default").await;
    browser.type_in("#add input[name=name]", "mail").await;
    browser.type_in("#add input[name=limit]", "3").await;
    browser.click("#add button").await;
    browser.sees("td[data-label=Queue]", "mail").await;
    let shown = async || json(desk.program.get("/v1/queues/mail").await, 200);
    assert_eq!(shown().await["concurrency"], 3);
    browser.click("[data-turn=mail]").await;
    browser.sees("[data-row=mail] .badge", "paused").await;
    let id = desk.submit("guest/echo?queue=mail", "text/plain", "x").await;
    browser.until("document.querySelector('[data-row=mail] td[data-label=Pending]').innerText === '1'").await;
    browser.click("[data-turn=mail]").await;
    browser.sees("[data-row=mail] .badge", "open").await;
    assert_eq!(desk.ended(&id).await["status"], "completed");
    browser.js("document.querySelector('[data-row=mail] .limit').value = '5'", value!([])).await;
    browser.click("[data-row=mail] form button").await;
    until("another limit", async || (shown().await["concurrency"] == 5).then_some(())).await;
    desk.submit("guest/echo", "text/plain", "of another queue").await;
    browser.click("[data-row=mail] a").await;
    browser.until("document.querySelector('input[name=queue]').value === 'mail'").await;
    browser.until(&format!("document.querySelector('tbody [data-row]').dataset.row === '{id}'")).await;
    browser.until("document.querySelectorAll('tbody [data-row]').length === 1").await;
}

#[tokio::test]
async fn a_worker_is_shown_in_the_dashboard_and_drained_when_that_is_confirmed() {
    let Some(desk) = Desk::new().await else { return };
    let browser = desk.at("/workers").await;
    browser.sees(".badge", "working").await;
    browser.click("[data-drain]").await;
    browser.sees("#confirm-text", "Drain").await;
    browser.click("#confirm-dialog .danger").await;
    browser.sees(".badge", "draining").await;
}
