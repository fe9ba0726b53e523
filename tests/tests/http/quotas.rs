//! Quotas of tenants.

use std::num::NonZeroU64;

use au_host::http::Auth;
use au_host::{Host, LocalConfig, Quota, Quotas, Scope};
use au_tests::guest;
use reqwest::Method;

use super::served::Served;
use super::*;

const BOTH: &[Scope] = &[Scope::Read, Scope::Submit];

/// A host where the tenant `own` has this quota, and all others have none.
async fn served(quota: Quota) -> (Served, String, String) {
    let quotas = Quotas { of: [("own".to_owned(), quota)].into(), ..Quotas::default() };
    let local = guest::local(LocalConfig { slots: Some(8), quotas, ..guest::config() }).await;
    let served = Served::configured(local, |config| config.auth = Auth::Required).await;
    let (own, other) = (served.token(Some("own"), BOTH).await, served.token(Some("other"), BOTH).await);
    (served, own, other)
}

fn some(count: u64) -> Option<NonZeroU64> {
    NonZeroU64::new(count)
}

async fn submit(served: &Served, token: &str, function: &str) -> Answer {
    served.as_who(token, Method::POST, &format!("/v1/submit/guest/{function}"), number(1)).await
}

async fn call(served: &Served, token: &str, function: &str) -> Answer {
    served.as_who(token, Method::POST, &format!("/v1/call/guest/{function}"), number(1)).await
}

fn id(answer: Answer) -> String {
    json(answer, 202)["id"].as_str().unwrap().to_owned()
}

async fn job(served: &Served, token: &str, id: &str) -> Value {
    json(served.as_who(token, Method::GET, &format!("/v1/jobs/{id}"), "").await, 200)
}

async fn usage(served: &Served, token: &str) -> Value {
    json(served.as_who(token, Method::GET, "/v1/usage", "").await, 200)
}

/// Waits until so many jobs of the host run.
async fn running(host: &Host, count: u64) {
    until("so many to run", async || {
        let depth = host.store().depth(au_host::Clock::system().now()).await.unwrap();
        (depth.running == count).then_some(())
    })
    .await;
}

#[track_caller]
fn refused(answer: Answer, name: &str) {
    let wait: u64 = answer.header("retry-after").parse().unwrap();
    assert!(wait >= 1);
    let problem = problem(answer, 429, "quota");
    assert_eq!(problem["quota"]["name"], name, "{problem}");
}

#[tokio::test]
async fn more_than_may_run_wait_and_others_are_not_held_up() {
    let (served, own, other) = served(Quota { running: some(2), ..Quota::default() }).await;
    let mut spins = Vec::new();
    for _ in 0..4 {
        spins.push(id(submit(&served, &own, "spin").await));
    }
    running(served.local.host(), 2).await;
    let done = id(submit(&served, &other, "echo").await);
    until("another tenant's job", async || (job(&served, &other, &done).await["status"] == "completed").then_some(()))
        .await;
    let held = usage(&served, &own).await["held"].clone();
    assert_eq!((&held["jobs"]["running"], &held["jobs"]["pending"]), (&2.into(), &2.into()));
    let (first, last) = (job(&served, &own, &spins[0]).await, job(&served, &own, &spins[3]).await);
    assert_eq!((&first["status"], &last["status"]), (&"running".into(), &"pending".into()));
    // As soon as one ends the next begins.
    let path = format!("/v1/jobs/{}/cancel", spins[0]);
    json(served.as_who(&own, Method::POST, &path, "").await, 202);
    until("the third", async || (job(&served, &own, &spins[2]).await["status"] == "running").then_some(())).await;
    assert_eq!(job(&served, &own, &spins[3]).await["status"], "pending");
    refused(call(&served, &own, "echo").await, "running");
    assert_eq!(call(&served, &other, "echo").await.status, 200);
}

#[tokio::test]
async fn what_is_over_the_queue_is_refused_a_bulk_as_a_whole() {
    let (served, own, other) = served(Quota { running: some(1), queued: some(3), ..Quota::default() }).await;
    submit(&served, &own, "spin").await;
    running(served.local.host(), 1).await;
    let bulk = async |token: &str, lines: usize| {
        served.as_who(token, Method::POST, "/v1/submit/guest/echo/bulk", "[1]\n".repeat(lines)).await
    };
    refused(bulk(&own, 4).await, "queued");
    assert_eq!(usage(&served, &own).await["held"]["jobs"]["pending"], 0, "nothing of it was kept");
    json(bulk(&own, 3).await, 202);
    refused(submit(&served, &own, "echo").await, "queued");
    json(bulk(&other, 10).await, 202);
}

#[tokio::test]
async fn of_many_submits_at_once_as_many_are_kept_as_may_wait() {
    // Each time another of them meets the store between the others' look at it and their being kept.
    for _ in 0..10 {
        let (served, own, _) = served(Quota { running: some(1), queued: some(5), ..Quota::default() }).await;
        submit(&served, &own, "spin").await;
        running(served.local.host(), 1).await;
        let answers = futures::future::join_all((0..40).map(|_| submit(&served, &own, "echo"))).await;
        assert_eq!(answers.iter().filter(|answer| answer.status == 202).count(), 5);
        assert_eq!(usage(&served, &own).await["held"]["jobs"]["pending"], 5);
    }
}

#[tokio::test]
async fn who_has_stored_enough_stores_no_more_until_it_is_removed() {
    let (served, own, _) = served(Quota { stored: some(1000), ..Quota::default() }).await;
    let keep = async |bytes: usize| served.as_who(&own, Method::POST, "/v1/submit/guest/echo", vec![7; bytes]).await;
    let first = id(keep(450).await);
    until("its end", async || (job(&served, &own, &first).await["status"] == "completed").then_some(())).await;
    assert_eq!(usage(&served, &own).await["held"]["stored"], 900, "the output counts as the input does");
    refused(keep(101).await, "stored");
    assert_eq!(served.as_who(&own, Method::DELETE, &format!("/v1/jobs/{first}"), "").await.status, 204);
    id(keep(101).await);
}

#[tokio::test]
async fn fuel_is_metered_and_when_it_is_used_up_jobs_wait_for_the_next_day() {
    let (served, own, other) = served(Quota { fuel_per_day: some(2_000_000), ..Quota::default() }).await;
    let spin = id(submit(&served, &own, "spin").await);
    let failed = until("its end", async || {
        let job = job(&served, &own, &spin).await;
        (job["status"] == "failed").then_some(job)
    })
    .await;
    assert_eq!(failed["failure"]["kind"], "out-of-fuel", "{failed}");
    assert!(failed["failure"]["message"].as_str().unwrap().contains("its fuel_per_day"), "{failed}");
    let output = served.as_who(&own, Method::GET, &format!("/v1/jobs/{spin}/output"), "").await;
    assert!(problem(output, 422, "failed")["try"].as_str().unwrap().contains("next day"));
    assert!(usage(&served, &own).await["fuel_today"].as_u64().unwrap() >= 2_000_000);
    refused(submit(&served, &own, "echo").await, "fuel_per_day");
    refused(call(&served, &own, "echo").await, "fuel_per_day");
    assert_eq!(call(&served, &other, "echo").await.status, 200);
    assert_eq!(job(&served, &other, &id(submit(&served, &other, "echo").await)).await["usage"]["fuel"], Value::Null);
}

#[tokio::test]
async fn a_job_that_waited_while_the_fuel_was_used_up_is_not_failed() {
    let quota = Quota { running: some(1), fuel_per_day: some(2_000_000), ..Quota::default() };
    let (served, own, _) = served(quota).await;
    let (spin, waits) = (submit(&served, &own, "spin").await, submit(&served, &own, "echo").await);
    let (spin, waits) = (id(spin), id(waits));
    until("the end of the first", async || (job(&served, &own, &spin).await["status"] == "failed").then_some(())).await;
    let later = until("the second to be put off", async || {
        let job = job(&served, &own, &waits).await;
        let at: au_host::Timestamp = job["run_at"].as_str()?.parse().unwrap();
        (job["status"] == "pending" && at > au_host::Clock::system().now()).then_some(job)
    })
    .await;
    assert!(later["run_at"].as_str().unwrap().contains("T00:00:0"), "{later}");
    assert_eq!(later["attempt"], 0, "it was no attempt");
}

#[tokio::test]
async fn fuel_that_other_hosts_of_the_folder_used_counts() {
    let folder = tempfile::tempdir().unwrap();
    let quota = Quota { fuel_per_day: some(2_000_000), ..Quota::default() };
    let quotas = Quotas { usual: quota, ..Quotas::default() };
    let config = || LocalConfig { slots: Some(2), quotas: quotas.clone(), ..guest::config() };
    let one = au_host::Local::open(folder.path(), config()).await.unwrap();
    let module = one.add_module(guest::guest()).await.unwrap();
    let mut request = au_host::Request::new(
        au_host::ModuleRef::Digest(module.digest),
        "spin",
        au_host::Payload::new(OCTETS, number(1)).unwrap(),
    );
    request.principal = Some("own".into());
    one.host().submit(request.clone()).await.unwrap().wait(Some(LONG)).await.unwrap();
    let two = au_host::Local::open(folder.path(), config()).await.unwrap();
    let used = until("what the first used", async || {
        let used = two.host().usage_of("own").await.unwrap().fuel_today;
        (used > 0).then_some(used)
    })
    .await;
    assert!(used >= 2_000_000, "{used}");
    assert!(matches!(two.host().submit(request).await, Err(au_host::Error::Quota { name: "fuel_per_day", .. })));
}

#[tokio::test]
async fn a_tenant_is_told_its_own_usage_and_nobody_elses() {
    let (served, own, _) = served(Quota { queued: some(7), ..Quota::default() }).await;
    let mine = usage(&served, &own).await;
    assert_eq!(
        (&mine["tenant"], &mine["quota"]["queued"], &mine["quota"]["running"]),
        (&"own".into(), &7.into(), &Value::Null)
    );
    problem(served.as_who(&own, Method::GET, "/v1/usage?tenant=other", "").await, 404, "not_found");
    let admin = served.token(None, &[Scope::Admin]).await;
    problem(served.as_who(&admin, Method::GET, "/v1/usage", "").await, 400, "bad_query");
    let other = json(served.as_who(&admin, Method::GET, "/v1/usage?tenant=other", "").await, 200);
    assert_eq!(other["tenant"], "other");
}
