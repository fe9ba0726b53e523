//! Rate limits.

use std::num::NonZeroU32;
use std::sync::Arc;

use au_host::middleware::rate_limit::{Rate, RateLimit};
use au_host::{LocalConfig, Scope};
use au_tests::guest;
use reqwest::Method;

use super::served::Served;
use super::*;

const BOTH: &[Scope] = &[Scope::Read, Scope::Submit];

/// So many at once, and none more within the time of a test.
fn rate(burst: u32) -> Rate {
    Rate { per_second: NonZeroU32::MIN, burst: NonZeroU32::new(burst).unwrap() }
}

async fn served(of_token: Option<Rate>, of_function: Option<Rate>) -> Served {
    let middleware = of_function.into_iter().map(|rate| Arc::new(RateLimit::new(rate)) as _).collect();
    let local = guest::local(LocalConfig { slots: Some(16), middleware, ..guest::config() }).await;
    Served::configured(local, |config| {
        config.auth = au_host::http::Auth::Required;
        config.rate = of_token;
    })
    .await
}

#[track_caller]
fn refused(answer: Answer) {
    let wait: u64 = answer.header("retry-after").parse().unwrap();
    assert!(wait >= 1);
    problem(answer, 429, "rate_limited");
}

#[tokio::test]
async fn h8_a_rate_is_of_a_token_whatever_address_its_requests_name() {
    let served = served(Some(rate(20)), None).await;
    let (one, other) = (served.token(Some("a"), BOTH).await, served.token(Some("a"), BOTH).await);
    let ask = async |token: &str, number: u32| {
        let ask = served.ask(Method::GET, "/v1/modules").bearer_auth(token);
        let ask = ask
            .header("x-forwarded-for", format!("10.0.0.{number}"))
            .header("forwarded", format!("for=10.1.0.{number}"));
        served.send(ask.header("x-real-ip", format!("10.2.0.{number}"))).await
    };
    let mut number = 0;
    let last = until("a refusal", async || {
        number += 1;
        Some(ask(&one, number % 250).await).filter(|answer| answer.status != 200)
    })
    .await;
    assert!(number > 20, "{number}");
    refused(last);
    assert_eq!(ask(&other, 1).await.status, 200);
    assert_eq!(served.get("/healthz").await.status, 200);
}

#[tokio::test]
async fn h8_a_bulk_counts_as_many_as_its_jobs() {
    let served = served(Some(rate(20)), None).await;
    let token = served.token(Some("a"), BOTH).await;
    let bulk = async |lines: usize| {
        served.as_who(&token, Method::POST, "/v1/submit/guest/echo/bulk", "[1]\n".repeat(lines)).await
    };
    refused(bulk(21 + 1).await);
    json(bulk(15).await, 202);
    refused(bulk(19).await);
    assert_eq!(served.local.host().list(Default::default(), None, 100).await.unwrap().len(), 15, "all or none");
}

#[tokio::test]
async fn a_rate_of_functions_is_each_tenants_and_each_functions_own() {
    let served = served(None, Some(rate(2))).await;
    let (one, other) = (served.token(Some("a"), BOTH).await, served.token(Some("b"), BOTH).await);
    let call = async |token: &str, way: &str, function: &str| {
        served.as_who(token, Method::POST, &format!("/v1/{way}/guest/{function}"), number(1)).await
    };
    // Three within a second, or there would be one more.
    let began = std::time::Instant::now();
    let answers =
        [call(&one, "call", "echo").await, call(&one, "submit", "echo").await, call(&one, "call", "echo").await];
    if began.elapsed() < Duration::from_secs(1) {
        let [first, second, third] = answers;
        assert_eq!((first.status, second.status), (200, 202));
        refused(third);
    }
    assert_ne!(call(&one, "call", "nothing").await.status, 429);
    assert_eq!(call(&other, "call", "echo").await.status, 200);
}
