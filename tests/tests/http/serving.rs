//! How a server begins and ends, seen from within.

use au_host::http::{HttpConfig, Server};
use reqwest::Method;

use super::served::Served;
use super::*;

#[tokio::test]
async fn a_drain_answers_what_was_asked_and_lets_nobody_else_in() {
    let served = Served::with(|limits| limits.keep_alive = Duration::from_millis(20)).await;
    let id = served.submit("spin", 0).await;
    let mut events = served.ask(Method::GET, &format!("/v1/jobs/{id}/events")).send().await.unwrap();
    let waiting = tokio::spawn(served.ask(Method::GET, &format!("/v1/jobs/{id}?wait=1m")).send());
    let calling = tokio::spawn(served.ask(Method::POST, "/v1/call/guest/spin?timeout=300ms").body("[]").send());
    served.once(&id, "running").await;
    // Both have been heard once they have answered, or hold a place: the wait is answered at once in either case.
    until("the call", async || {
        (served.client.get(served.url("/readyz")).send().await.unwrap().status() == 200).then_some(())
    })
    .await;
    let mut heard = String::new();
    while !heard.contains("event: status") {
        heard.push_str(std::str::from_utf8(&events.chunk().await.unwrap().unwrap()).unwrap());
    }
    served.drain.cancel();
    // Its end is that of a body that is whole: its client may come back.
    while events.chunk().await.unwrap().is_some() {}
    for asked in [waiting, calling] {
        // It was let in, and answered; or it came too late, and nothing was begun.
        if let Ok(answer) = asked.await.unwrap() {
            assert!([200, 422].contains(&answer.status().as_u16()));
        }
    }
    served.serving.await.unwrap();
    assert!(served.client.get(format!("http://{}/healthz", served.address)).send().await.is_err());
    let handle = served.local.host().handle(id.parse().unwrap());
    assert!(!handle.is_ready().await.unwrap(), "the job goes on: the host has not been told to end");
    handle.cancel("done").await.unwrap();
}

#[tokio::test]
async fn a_host_that_goes_down_says_so() {
    let served = Served::new().await;
    served.local.host().shutdown(Duration::from_secs(10)).await.unwrap();
    problem(served.post("/v1/submit/guest/echo", OCTETS, "").await, 503, "shutting_down");
    let ready = json(served.get("/readyz").await, 503);
    assert_eq!((&ready["ready"], &ready["reasons"][0]["code"]), (&false.into(), &"shutting_down".into()));
    assert_eq!(json(served.get("/healthz").await, 200)["alive"], true);
}

#[tokio::test]
async fn an_address_that_others_reach_is_refused_unless_it_is_meant() {
    let mut config = HttpConfig { listen: "0.0.0.0:0".parse().unwrap(), ..HttpConfig::default() };
    let refused = Server::bind(config.clone()).await.unwrap_err();
    assert_eq!(refused.class().code, "refused");
    config.insecure = true;
    assert!(Server::bind(config).await.is_ok());
}

#[tokio::test]
async fn an_address_in_use_is_named() {
    let first =
        Server::bind(HttpConfig { listen: "127.0.0.1:0".parse().unwrap(), ..HttpConfig::default() }).await.unwrap();
    let second = Server::bind(HttpConfig { listen: first.listen().clone(), ..HttpConfig::default() }).await;
    let why = second.unwrap_err().to_string();
    assert!(why.contains(&first.listen().to_string()) && why.contains("in use"), "{why}");
}
