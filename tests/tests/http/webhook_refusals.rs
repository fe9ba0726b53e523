//! Webhooks: where nothing is sent, so that nobody reaches by this host what they could not reach themselves.

use std::net::{IpAddr, ToSocketAddrs};

use au_host::{LocalConfig, Request, WebhookConfig};
use au_tests::guest;
use au_tests::machine::skip;
use au_tests::receiver::{Receiver, Reply};

use super::served::Served;
use super::*;

async fn submit(served: &Served, url: &str) -> Answer {
    let query: String = url.bytes().map(|byte| format!("%{byte:02X}")).collect();
    served.post(&format!("/v1/submit/guest/echo?webhook={query}"), OCTETS, number(1)).await
}

async fn allowing(allow: &[&str]) -> Served {
    let allow = allow.iter().map(|network| network.parse().unwrap()).collect();
    let webhook = WebhookConfig { allow, ..WebhookConfig::default() };
    Served::on(guest::local(LocalConfig { webhook, ..guest::config() }).await, |_| {}).await
}

#[tokio::test]
async fn an_address_that_is_not_public_is_refused_at_once_in_whatever_form() {
    let served = Served::new().await;
    for host in [
        "127.0.0.1",
        "localhost",
        "LocalHost.",
        "x.localhost",
        "10.0.0.1",
        "169.254.169.254",
        "192.168.0.1:8080",
        "100.64.0.1",
        "0.0.0.0",
        "255.255.255.255",
        "[::]",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[64:ff9b::7f00:1]",
        "[fe80::1]",
        "[fd00::1]",
    ] {
        for scheme in ["http", "https"] {
            let refused = problem(submit(&served, &format!("{scheme}://{host}/x")).await, 403, "refused");
            assert!(refused["detail"].as_str().unwrap().contains("[webhook] allow"), "{host}: {refused}");
        }
    }
    assert_eq!(json(served.get("/v1/jobs").await, 200)["jobs"], serde_json::json!([]));
    assert_eq!(served.local.host().store().notes("webhook", 10).await.unwrap(), []);
}

#[tokio::test]
async fn what_is_no_url_is_refused_and_keeps_nothing() {
    let served = Served::new().await;
    for url in [
        "",
        "x",
        "ftp://a.example",
        "https://me:you@a.example",
        "https://a.example/#x",
        "http://127.1",
        "http://0x7f.1",
    ] {
        let refused = problem(submit(&served, url).await, 400, "invalid");
        assert_eq!(refused["what"], "webhook", "{url}: {refused}");
    }
    let twice =
        served.post("/v1/submit/guest/echo?webhook=http://a.example&webhook=http://b.example", OCTETS, "").await;
    problem(twice, 400, "bad_query");
    problem(served.post("/v1/call/guest/echo?webhook=http://a.example", OCTETS, "").await, 400, "bad_query");
    assert_eq!(json(served.get("/v1/jobs").await, 200)["jobs"], serde_json::json!([]));
}

#[tokio::test]
async fn what_is_allowed_is_sent_and_its_neighbours_are_refused() {
    let (served, receiver) = (allowing(&["127.0.0.1"]).await, Receiver::new(|_| Reply::Status(200)));
    for host in ["127.0.0.2", "[::1]", "10.0.0.1"] {
        problem(submit(&served, &format!("http://{host}/")).await, 403, "refused");
    }
    // By its number, and by a name that leads there.
    for (count, host) in [(1, "127.0.0.1"), (2, "localhost")] {
        json(submit(&served, &format!("http://{host}:{}/", receiver.port())).await, 202);
        until("what was sent", async || receiver.once(count)).await;
    }
}

/// A name of this machine, that is not told by its look to lead here.
fn own_name() -> Option<(String, Vec<IpAddr>)> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    [name.trim().to_owned(), "ip6-localhost".into(), "ip6-loopback".into()].into_iter().find_map(|name| {
        let found: Vec<_> = (&*name, 1).to_socket_addrs().ok()?.map(|found| found.ip()).collect();
        let private = !found.is_empty() && found.iter().all(|found| !WebhookConfig::default().permits(*found));
        (private && name != "localhost").then_some((name, found))
    })
}

#[tokio::test]
async fn a_name_that_leads_to_an_address_that_is_not_public_leads_nobody() {
    let Some((name, addresses)) = own_name() else { return skip("no name but localhost leads to this machine") };
    let receiver = Receiver::at((addresses[0], 0).into(), |_| Reply::Status(200));
    let url = format!("http://{name}:{}/", receiver.port());
    let served = Served::new().await;
    let id = json(submit(&served, &url).await, 202)["id"].as_str().unwrap().to_owned();
    let error = until("a try", async || {
        let job = json(served.get(&format!("/v1/jobs/{id}")).await, 200);
        job["webhook"]["error"].as_str().map(str::to_owned)
    })
    .await;
    assert!(error.contains("no public address") && !error.contains(&addresses[0].to_string()), "{error}");
    assert!(receiver.heard().is_empty());
    // It is the rule that keeps it away: where it is allowed, it is sent.
    let addresses: Vec<_> = addresses.iter().map(ToString::to_string).collect();
    let served = allowing(&addresses.iter().map(String::as_str).collect::<Vec<_>>()).await;
    json(submit(&served, &url).await, 202);
    until("what was sent", async || receiver.once(1)).await;
}

#[tokio::test]
async fn a_program_is_held_to_the_same_rules() {
    let local = guest::local(guest::config()).await;
    let request = Request { webhook: Some("http://127.0.0.1/".parse().unwrap()), ..guest::ask("echo", 1) };
    let refused = local.host().submit(request.clone()).await.unwrap_err();
    assert_eq!(refused.class().code, "refused");
    let many = local.host().map(request, [guest::ask("echo", 1).input]).await.unwrap_err();
    assert_eq!(many.class().code, "refused");
}
