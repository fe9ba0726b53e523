//! Webhooks: who is told that a job has finished, how, and how often.

use std::collections::BTreeSet;

use au_host::{Clock, LocalConfig, Scope, Takes, WebhookConfig};
use au_tests::guest;
use au_tests::receiver::{Heard, Receiver, Reply};
use reqwest::Method;

use super::program::Folder;
use super::served::Served;
use super::*;

/// A host that sends to this machine, too.
fn config() -> LocalConfig {
    let webhook = WebhookConfig { allow: vec!["127.0.0.1".parse().unwrap()], ..WebhookConfig::default() };
    LocalConfig { webhook, slots: Some(16), ..guest::config() }
}

async fn served() -> Served {
    Served::on(guest::local(config()).await, |_| {}).await
}

fn takes_it() -> Receiver {
    Receiver::new(|_| Reply::Status(204))
}

/// Submits a job that tells `url`, and gives its id.
async fn submit(served: &Served, function: &str, url: &str, more: &str) -> String {
    let path = format!("/v1/submit/guest/{function}?webhook={url}{more}");
    json(served.post(&path, OCTETS, number(1)).await, 202)["id"].as_str().unwrap().to_owned()
}

async fn heard(receiver: &Receiver, count: usize) -> Vec<Heard> {
    until("what was sent", async || receiver.once(count)).await
}

/// How the delivery stands, once it is in this state.
async fn once(served: &Served, id: &str, state: &str) -> Value {
    until(state, async || {
        let webhook = json(served.get(&format!("/v1/jobs/{id}")).await, 200)["webhook"].clone();
        (webhook["state"] == state).then_some(webhook)
    })
    .await
}

async fn failed_once(served: &Served, id: &str) -> Value {
    until("a try that failed", async || {
        let webhook = json(served.get(&format!("/v1/jobs/{id}")).await, 200)["webhook"].clone();
        webhook["error"].is_string().then_some(webhook)
    })
    .await
}

async fn notes(served: &Served) -> Vec<String> {
    let notes = served.local.host().store().notes("webhook/", 1000).await.unwrap();
    notes.into_iter().map(|note| note.name).collect()
}

#[tokio::test]
async fn who_is_told_can_check_the_signature_and_read_how_the_job_ended() {
    let (served, receiver) = (served().await, takes_it());
    let id = submit(&served, "echo", &receiver.url("/told?by=au"), "&label=a=b").await;
    let told = &heard(&receiver, 1).await[0];
    assert_eq!((&*told.line, told.header("content-type")), ("POST /told?by=au", "application/json"));
    assert_eq!(told.header("host"), format!("127.0.0.1:{}", receiver.port()));
    assert_eq!(told.header("webhook-id"), id);
    let at: i64 = told.header("webhook-timestamp").parse().unwrap();
    assert!((Clock::system().now().as_micros() / 1_000_000 - at).abs() < 60);
    let secret = served.local.host().webhook_secrets().get(None).await.unwrap().reveal();
    assert!(told.is_signed_with(&secret));
    let mut changed = told.clone();
    changed.body[3] ^= 1;
    assert!(!changed.is_signed_with(&secret));
    let said = told.json();
    assert_eq!((&said["type"], &said["data"]["id"]), (&"job.completed".into(), &(&*id).into()));
    let (data, job) = (&said["data"], json(served.get(&format!("/v1/jobs/{id}")).await, 200));
    for field in ["status", "function", "module", "created", "started", "finished"] {
        assert_eq!(data[field], job[field], "{field}");
    }
    assert_eq!((&data["labels"]["a"], &data["module_name"]), (&"b".into(), &"guest".into()));
    let output = served.get(data["output"]["path"].as_str().unwrap()).await;
    assert_eq!((output.status, output.bytes.len() as u64), (200, data["output"]["bytes"].as_u64().unwrap()));
    let delivered = once(&served, &id, "delivered").await;
    assert_eq!((&delivered["attempts"], &delivered["error"]), (&1.into(), &Value::Null));
    assert_eq!(job["options"]["webhook"], receiver.url("/told?by=au"));
    assert_eq!(delivered["url"], receiver.url("/told?by=au"));
}

#[tokio::test]
async fn a_job_that_failed_and_one_that_was_cancelled_are_told_of_too() {
    let (served, receiver) = (served().await, takes_it());
    let failed = submit(&served, "fail", &receiver.url("/"), "").await;
    let told = heard(&receiver, 1).await[0].json();
    assert_eq!((&told["type"], &told["data"]["id"]), (&"job.failed".into(), &(&*failed).into()));
    assert_eq!(told["data"]["failure"]["kind"], "failed");
    let (waits, runs) = (
        submit(&served, "echo", &receiver.url("/"), "&delay=1h").await,
        submit(&served, "spin", &receiver.url("/"), "").await,
    );
    served.once(&runs, "running").await;
    for (count, id) in [(2, waits), (3, runs)] {
        json(served.post(&format!("/v1/jobs/{id}/cancel?reason=enough"), OCTETS, "").await, 202);
        let told = heard(&receiver, count).await[count - 1].json();
        assert_eq!((&told["type"], &told["data"]["id"]), (&"job.cancelled".into(), &(&*id).into()));
        assert_eq!(told["data"]["cancelled"], "enough");
    }
}

#[tokio::test]
async fn a_receiver_in_trouble_is_told_again_under_the_same_id() {
    let served = served().await;
    let receiver = Receiver::new(|before| Reply::Status(if before < 2 { 500 } else { 200 }));
    let id = submit(&served, "echo", &receiver.url("/"), "").await;
    let delivered = once(&served, &id, "delivered").await;
    assert_eq!((&delivered["attempts"], &delivered["error"]), (&3.into(), &"answered 500".into()));
    let told = receiver.heard();
    let secret = served.local.host().webhook_secrets().get(None).await.unwrap().reveal();
    assert_eq!(told.len(), 3);
    for one in &told {
        assert!(one.header("webhook-id") == id && one.is_signed_with(&secret));
        assert_eq!(one.body, told[0].body);
    }
    assert_ne!(told[0].header("webhook-timestamp"), told[2].header("webhook-timestamp"), "each try has its own time");
}

#[tokio::test]
async fn a_receiver_that_is_down_is_told_when_it_comes_up() {
    let (served, address) = (served().await, Receiver::nobody());
    let id = submit(&served, "echo", &format!("http://{address}/"), "").await;
    let waiting = failed_once(&served, &id).await;
    assert!(waiting["state"] == "waiting" && waiting["next"].is_string(), "{waiting}");
    assert!(waiting["error"].as_str().unwrap().to_lowercase().contains("refused"), "{waiting}");
    let receiver = Receiver::at(address, |_| Reply::Status(200));
    assert_eq!(heard(&receiver, 1).await[0].header("webhook-id"), id);
    once(&served, &id, "delivered").await;
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (served, elsewhere) = (served().await, takes_it());
    let to = elsewhere.url("/");
    let receiver =
        Receiver::new(move |before| if before == 0 { Reply::Elsewhere(to.clone()) } else { Reply::Status(200) });
    let id = submit(&served, "echo", &receiver.url("/"), "").await;
    let delivered = once(&served, &id, "delivered").await;
    assert_eq!(delivered["error"], "answered 302: redirects are not followed");
    assert_eq!((receiver.heard().len(), elsewhere.heard().len()), (2, 0));
}

#[tokio::test]
async fn a_receiver_that_is_gone_is_told_no_more() {
    let (served, receiver) = (served().await, Receiver::new(|_| Reply::Status(410)));
    let id = submit(&served, "echo", &receiver.url("/"), "").await;
    let gone = once(&served, &id, "gave-up").await;
    assert_eq!((&gone["attempts"], receiver.heard().len()), (&1.into(), 1));
    assert!(gone["error"].as_str().unwrap().contains("410") && gone["at"].is_string(), "{gone}");
    assert_eq!(notes(&served).await, [format!("webhook/done/{id}")], "nothing is left to send");
}

#[tokio::test]
async fn a_receiver_that_never_takes_it_is_given_up_in_the_end() {
    let webhook = WebhookConfig { retry_for: Duration::from_millis(1500), ..config().webhook };
    let local = guest::local(LocalConfig { webhook, ..config() }).await;
    let (served, receiver) = (Served::on(local, |_| {}).await, Receiver::new(|_| Reply::Status(503)));
    let id = submit(&served, "echo", &receiver.url("/"), "").await;
    let over = once(&served, &id, "gave-up").await;
    assert_eq!((&over["attempts"], &over["error"]), (&2.into(), &"answered 503".into()));
    assert_eq!(receiver.heard().len(), 2);
}

#[tokio::test]
async fn a_slow_receiver_holds_up_nobody_else() {
    let (served, slow, quick) = (served().await, Receiver::new(|_| Reply::Never), takes_it());
    for _ in 0..200 {
        submit(&served, "echo", &slow.url("/"), "").await;
    }
    heard(&slow, 4).await;
    let began = Instant::now();
    let id = submit(&served, "echo", &quick.url("/"), "").await;
    once(&served, &id, "delivered").await;
    assert!(began.elapsed() < Duration::from_secs(8), "it waited for those that wait for ten seconds");
    assert_eq!(slow.heard().len(), 4, "no more than that at once");
}

#[tokio::test]
async fn a_job_that_is_submitted_twice_under_one_key_is_told_of_once() {
    let (served, receiver) = (served().await, takes_it());
    let submit = async || {
        let path = format!("/v1/submit/guest/echo?webhook={}", receiver.url("/"));
        let ask = served.ask(Method::POST, &path).header("idempotency-key", "k").header("content-type", OCTETS);
        json(served.send(ask.body(number(1))).await, 202)["id"].as_str().unwrap().to_owned()
    };
    let ids = [submit().await, submit().await];
    assert_eq!(ids[0], ids[1]);
    once(&served, &ids[0], "delivered").await;
    assert_eq!(submit().await, ids[0]);
    assert_eq!(
        receiver.heard().iter().map(|told| told.header("webhook-id").to_owned()).collect::<Vec<_>>(),
        [&*ids[0]]
    );
    assert_eq!(notes(&served).await, [format!("webhook/done/{}", ids[0])]);
}

#[tokio::test]
async fn each_job_of_a_bulk_is_told_of() {
    let (served, receiver) = (served().await, takes_it());
    let lines: String = (0..100).map(|n| format!("[{n}]\n")).collect();
    let path = format!("/v1/submit/guest/echo/bulk?webhook={}", receiver.url("/"));
    let ids = json(served.post(&path, "application/x-ndjson", lines).await, 202)["jobs"].clone();
    let ids: BTreeSet<_> = ids.as_array().unwrap().iter().map(|id| id.as_str().unwrap().to_owned()).collect();
    let told = heard(&receiver, 100).await;
    assert_eq!(told.iter().map(|told| told.header("webhook-id").to_owned()).collect::<BTreeSet<_>>(), ids);
}

#[tokio::test]
async fn of_a_job_that_is_removed_first_nobody_is_told_and_nothing_is_left() {
    let (served, address) = (served().await, Receiver::nobody());
    let id = submit(&served, "echo", &format!("http://{address}/"), "").await;
    failed_once(&served, &id).await;
    assert_eq!(served.delete(&format!("/v1/jobs/{id}")).await.status, 204);
    let receiver = Receiver::at(address, |_| Reply::Status(200));
    until("no note", async || notes(&served).await.is_empty().then_some(())).await;
    // What was told goes with its job as well.
    let other = submit(&served, "echo", &receiver.url("/"), "&ttl=1s").await;
    assert_eq!(heard(&receiver, 1).await[0].header("webhook-id"), other);
    until("its end", async || (served.local.host().cleanup().await.unwrap() > 0).then_some(())).await;
    until("no note", async || notes(&served).await.is_empty().then_some(())).await;
}

#[tokio::test]
async fn each_tenants_webhooks_are_signed_with_its_own_secret() {
    let local = guest::local(config()).await;
    let served = Served::configured(local, |config| config.auth = au_host::http::Auth::Required).await;
    let receiver = takes_it();
    for (count, tenant) in [(1, "a"), (2, "b")] {
        let token = served.token(Some(tenant), &[Scope::Submit]).await;
        let path = format!("/v1/submit/guest/echo?webhook={}", receiver.url("/"));
        json(served.as_who(&token, Method::POST, &path, number(1)).await, 202);
        let told = &heard(&receiver, count).await[count - 1];
        let secrets = served.local.host().webhook_secrets();
        assert!(told.is_signed_with(&secrets.get(Some(tenant)).await.unwrap().reveal()));
        for other in [None, Some("c")] {
            assert!(!told.is_signed_with(&secrets.get(other).await.unwrap().reveal()));
        }
        let first = secrets.get(Some("a")).await.unwrap().reveal();
        assert_eq!(told.is_signed_with(&first), tenant == "a");
    }
}

#[tokio::test]
async fn after_a_rotation_both_secrets_hold_for_a_while() {
    let (served, receiver) = (served().await, takes_it());
    let secrets = served.local.host().webhook_secrets();
    let (old, new) = (secrets.get(None).await.unwrap().reveal(), secrets.rotate(None).await.unwrap().reveal());
    submit(&served, "echo", &receiver.url("/"), "").await;
    let told = &heard(&receiver, 1).await[0];
    assert!(old != new && told.is_signed_with(&old) && told.is_signed_with(&new));
}

#[tokio::test]
async fn what_another_process_finished_is_told_by_a_host_that_takes_everything() {
    let (folder, receiver) = (tempfile::tempdir().unwrap(), takes_it());
    let own = guest::local_at(folder.path(), LocalConfig { takes: Takes::Own, ..config() }).await;
    let request = || au_host::Request { webhook: Some(receiver.url("/").parse().unwrap()), ..guest::ask("echo", 1) };
    let first = own.host().submit(request()).await.unwrap();
    first.wait(LONG).await.unwrap();
    // Whether it was finished before the host began, or while it goes on.
    let all = au_host::Local::open(folder.path(), config()).await.unwrap();
    assert_eq!(heard(&receiver, 1).await[0].header("webhook-id"), first.id().to_string());
    let second = own.host().submit(request()).await.unwrap();
    assert_eq!(heard(&receiver, 2).await[1].header("webhook-id"), second.id().to_string());
    all.close(LONG).await.unwrap();
    own.close(LONG).await.unwrap();
}

#[tokio::test]
async fn two_hosts_on_one_folder_do_not_tell_the_same_twice() {
    let (folder, receiver) = (tempfile::tempdir().unwrap(), takes_it());
    let one = guest::local_at(folder.path(), config()).await;
    let two = au_host::Local::open(folder.path(), config()).await.unwrap();
    let request = || au_host::Request { webhook: Some(receiver.url("/").parse().unwrap()), ..guest::ask("echo", 1) };
    for n in 0..60 {
        let host = if n % 2 == 0 { one.host() } else { two.host() };
        host.submit(request()).await.unwrap();
    }
    let distinct = || receiver.heard().iter().map(|told| told.header("webhook-id").to_owned()).collect::<BTreeSet<_>>();
    until("all of them", async || (distinct().len() == 60).then_some(())).await;
    until("their notes", async || one.host().store().notes("webhook/due/", 1).await.unwrap().is_empty().then_some(()))
        .await;
    // At least once is what is promised: by chance both may look at the same moment.
    assert!(receiver.heard().len() <= 62, "{} were sent of 60", receiver.heard().len());
}

#[tokio::test]
async fn a_host_that_closes_tells_of_what_it_has_just_finished() {
    let receiver = takes_it();
    let local = guest::local(config()).await;
    let request = au_host::Request { webhook: Some(receiver.url("/").parse().unwrap()), ..guest::ask("echo", 1) };
    let handle = local.host().submit(request).await.unwrap();
    handle.wait(LONG).await.unwrap();
    local.close(LONG).await.unwrap();
    assert_eq!(receiver.heard().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_server_did_not_tell_the_next_one_does() {
    let (folder, address) = (Folder::new(), Receiver::nobody());
    std::fs::write(folder.path().join("data/au-host.toml"), "[webhook]\nallow = ['127.0.0.0/8']\n").unwrap();
    let program = folder.serve(&[]);
    let path = format!("{}/v1/submit/guest/echo?webhook=http://{address}/", program.url);
    let submitted = program.client.post(path).body("[7]").send().await.unwrap();
    let id = json(Answer::of(submitted).await, 202)["id"].as_str().unwrap().to_owned();
    let tried = until("a try", async || {
        let job = json(program.get(&format!("/v1/jobs/{id}")).await, 200);
        (job["webhook"]["attempts"].as_u64() > Some(0)).then_some(job)
    })
    .await;
    assert_eq!(tried["status"], "completed");
    // By SIGKILL.
    drop(program);
    let receiver = Receiver::at(address, |_| Reply::Status(200));
    let next = folder.serve(&[]);
    assert_eq!(heard(&receiver, 1).await[0].header("webhook-id"), id);
    until("its note", async || {
        let job = json(next.get(&format!("/v1/jobs/{id}")).await, 200);
        (job["webhook"]["state"] == "delivered").then_some(())
    })
    .await;
}
