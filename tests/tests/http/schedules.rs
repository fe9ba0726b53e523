//! `/v1/schedules`: calls that are submitted again and again.

use au_host::{LocalConfig, Scope};
use reqwest::Method;

use crate::dashboard::Desk;
use crate::served::Served;
use crate::{OCTETS, json, number, problem, until};
use au_tests::guest;

const DAILY: &str = "/v1/schedules/daily?cron=0+3+*+*+*&zone=Asia/Tokyo&module=guest&function=echo";

#[tokio::test]
async fn a_schedule_is_put_with_its_input_and_read_back() {
    let served = Served::new().await;
    let put = served.ask(Method::PUT, &format!("{DAILY}&attempts=2&label=a=b&overlap=skip"));
    let kept = json(served.send(put.header("content-type", OCTETS).body(number(7))).await, 200);
    assert_eq!((&kept["name"], &kept["zone"]), (&"daily".into(), &"Asia/Tokyo".into()), "{kept}");
    assert!(kept["next"].as_str().unwrap().contains("T18:00:00"), "three in Tokyo: {kept}");
    assert_eq!((&kept["request"]["retry"]["attempts"], &kept["overlap"]), (&2.into(), &"skip".into()), "{kept}");
    assert_eq!(json(served.get("/v1/schedules/daily").await, 200), kept);
    assert_eq!(json(served.get("/v1/schedules").await, 200)["schedules"][0], kept);
    let input = served.get("/v1/schedules/daily/input").await;
    assert_eq!((input.header("content-type"), &input.bytes[..]), (OCTETS, &number(7)[..]));
    let paused = json(served.post("/v1/schedules/daily/pause", OCTETS, "").await, 200);
    assert_eq!((&paused["paused"], &paused["next"]), (&true.into(), &serde_json::Value::Null));
    let resumed = json(served.post("/v1/schedules/daily/resume", OCTETS, "").await, 200);
    assert_eq!((&resumed["paused"], &resumed["next"]), (&false.into(), &kept["next"]));
    let job = json(served.post("/v1/schedules/daily/run", OCTETS, "").await, 202);
    let done = served.finished(job["id"].as_str().unwrap()).await;
    assert_eq!((&done["status"], &done["options"]["labels"]["schedule"]), (&"completed".into(), &"daily".into()));
    assert_eq!(served.delete("/v1/schedules/daily").await.status, 204);
    problem(served.get("/v1/schedules/daily").await, 404, "not_found");
    problem(served.delete("/v1/schedules/daily").await, 404, "not_found");
}

#[tokio::test]
async fn what_is_no_schedule_is_a_problem_that_says_why() {
    let served = Served::new().await;
    let put = async |path: &str| {
        let put = served.ask(Method::PUT, path).header("content-type", OCTETS);
        served.send(put.body(number(7))).await
    };
    for (path, status, code, word) in [
        ("/v1/schedules/x?module=guest&function=echo", 400, "bad_query", "cron="),
        ("/v1/schedules/x?cron=@daily&function=echo", 400, "bad_query", "module="),
        ("/v1/schedules/x?cron=@daily&module=guest", 400, "bad_query", "function="),
        ("/v1/schedules/x?cron=often&module=guest&function=echo", 400, "invalid", "often"),
        ("/v1/schedules/x?cron=@daily&zone=Berlin&module=guest&function=echo", 400, "invalid", "time zone"),
        ("/v1/schedules/x?cron=@daily&module=guest&function=ecko", 404, "not_found", "ecko"),
        ("/v1/schedules/x?cron=@daily&module=guest&function=echo&delay=1s", 400, "invalid", "time"),
        ("/v1/schedules/x?cron=@daily&module=guest&function=echo&missed=all", 400, "bad_query", "neither"),
        ("/v1/schedules/X?cron=@daily&module=guest&function=echo", 400, "bad_id", "a-z"),
    ] {
        let problem = problem(put(path).await, status, code);
        assert!(problem["detail"].as_str().unwrap().contains(word), "{path}: {problem}");
    }
    assert_eq!(json(served.get("/v1/schedules").await, 200)["schedules"], serde_json::json!([]));
    problem(served.get("/v1/schedules?x=1").await, 400, "bad_query");
}

#[tokio::test]
async fn each_tenant_has_schedules_of_its_own_and_its_jobs_are_its_own() {
    let local = guest::local(LocalConfig { slots: Some(2), ..guest::config() }).await;
    let served = Served::configured(local, |config| config.auth = au_host::http::Auth::Required).await;
    let own = served.token(Some("own"), &[Scope::Read, Scope::Submit]).await;
    let other = served.token(Some("other"), &[Scope::Read, Scope::Submit]).await;
    let reader = served.token(Some("own"), &[Scope::Read]).await;
    let each_second = DAILY.replace("0+3+*+*+*", "*+*+*+*+*+*");
    problem(served.as_who(&reader, Method::PUT, &each_second, number(1)).await, 403, "forbidden");
    json(served.as_who(&own, Method::PUT, &each_second, number(1)).await, 200);
    problem(served.as_who(&other, Method::GET, "/v1/schedules/daily", "").await, 404, "not_found");
    problem(served.as_who(&other, Method::DELETE, "/v1/schedules/daily", "").await, 404, "not_found");
    json(served.as_who(&reader, Method::GET, "/v1/schedules/daily", "").await, 200);
    let jobs = async |token: &str| {
        let answer = served.as_who(token, Method::GET, "/v1/jobs?label=schedule=daily", "").await;
        json(answer, 200)["jobs"].as_array().unwrap().len()
    };
    until("a job", async || (jobs(&own).await > 0).then_some(())).await;
    assert_eq!(jobs(&other).await, 0);
}

#[tokio::test]
async fn whoever_belongs_to_no_tenant_sees_the_schedules_of_all_and_pauses_runs_and_removes_those_of_one() {
    let served = Served::closed().await;
    let own = served.token(Some("own"), &[Scope::Read, Scope::Submit]).await;
    let other = served.token(Some("other"), &[Scope::Read, Scope::Submit]).await;
    let admin = served.token(None, &[Scope::Admin]).await;
    for token in [&own, &other, &admin] {
        json(served.as_who(token, Method::PUT, DAILY, number(1)).await, 200);
    }
    let tenants = async |token: &str, query: &str| {
        let listed = json(served.as_who(token, Method::GET, &format!("/v1/schedules{query}"), "").await, 200);
        let tenant = |schedule: &serde_json::Value| schedule["tenant"].as_str().unwrap_or("-").to_owned();
        listed["schedules"].as_array().unwrap().iter().map(tenant).collect::<Vec<_>>()
    };
    assert_eq!(tenants(&admin, "").await, ["-", "other", "own"]);
    assert_eq!(tenants(&admin, "?tenant=own").await, ["own"]);
    assert_eq!(tenants(&own, "").await, ["own"]);
    let ask = async |token: &str, method: Method, more: &str| {
        served.as_who(token, method, &format!("/v1/schedules/daily{more}"), "").await
    };
    let is_paused = async |token: &str| json(ask(token, Method::GET, "").await, 200)["paused"].as_bool().unwrap();
    json(ask(&admin, Method::POST, "/pause?tenant=own").await, 200);
    assert_eq!((is_paused(&own).await, is_paused(&other).await, is_paused(&admin).await), (true, false, false));
    json(ask(&admin, Method::POST, "/resume?tenant=own").await, 200);
    assert!(!is_paused(&own).await);
    let job = json(ask(&admin, Method::POST, "/run?tenant=own").await, 202);
    assert_eq!(job["options"]["principal"], "own", "a job of it is its tenant's: {job}");
    assert_eq!(ask(&admin, Method::GET, "/input?tenant=own").await.bytes[..], number(1)[..]);
    assert_eq!(ask(&admin, Method::DELETE, "?tenant=own").await.status, 204);
    problem(ask(&own, Method::GET, "").await, 404, "not_found");
    assert_eq!(tenants(&admin, "").await, ["-", "other"]);
}

#[tokio::test]
async fn a_tenant_names_no_other_tenant_whose_schedules_it_means() {
    let served = Served::closed().await;
    let own = served.token(Some("own"), &[Scope::Read, Scope::Submit]).await;
    let other = served.token(Some("other"), &[Scope::Read, Scope::Submit]).await;
    json(served.as_who(&own, Method::PUT, DAILY, number(1)).await, 200);
    for (method, path) in [
        (Method::GET, "?tenant=own"),
        (Method::GET, "/daily?tenant=own"),
        (Method::GET, "/daily/input?tenant=own"),
        (Method::DELETE, "/daily?tenant=own"),
        (Method::POST, "/daily/pause?tenant=own"),
        (Method::POST, "/daily/resume?tenant=own"),
        (Method::POST, "/daily/run?tenant=own"),
    ] {
        let path = format!("/v1/schedules{path}");
        problem(served.as_who(&other, method.clone(), &path, "").await, 403, "forbidden");
    }
    let mine = json(served.as_who(&own, Method::GET, "/v1/schedules/daily?tenant=own", "").await, 200);
    assert_eq!((&mine["tenant"], &mine["paused"]), (&"own".into(), &false.into()));
}

#[tokio::test]
async fn the_dashboard_shows_schedules_and_pauses_runs_and_deletes_them() {
    let Some(desk) = Desk::new().await else { return };
    let url = format!("{}{DAILY}", desk.program.url);
    let put = desk.program.client.request(Method::PUT, url).header("content-type", OCTETS).body(number(7));
    assert_eq!(put.send().await.unwrap().status(), 200);
    let browser = desk.at("/schedules").await;
    browser.sees("td", "0 3 * * *").await;
    browser.sees("td", "Asia/Tokyo").await;
    browser.click("[data-row=daily] .actions button:nth-child(1)").await;
    browser.sees(".badge", "paused").await;
    assert_eq!(json(desk.program.get("/v1/schedules/daily").await, 200)["paused"], true);
    browser.click("[data-row=daily] .actions button:nth-child(2)").await;
    let jobs = async || {
        let jobs = json(desk.program.get("/v1/jobs?label=schedule=daily").await, 200);
        (jobs["jobs"].as_array().unwrap().len() == 1).then_some(())
    };
    until("a job of it", jobs).await;
    browser.click("[data-row=daily] .danger").await;
    browser.click("#confirm-dialog .danger").await;
    browser.sees(".empty", "no schedules yet").await;
    problem(desk.program.get("/v1/schedules/daily").await, 404, "not_found");
}
