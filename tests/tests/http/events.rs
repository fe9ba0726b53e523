//! `GET /v1/jobs/{id}/events`.

use au_host::http::Auth;
use au_host::{LocalConfig, Scope};
use au_tests::guest;
use futures::StreamExt;
use futures::future::join_all;
use futures::stream::BoxStream;
use reqwest::Method;

use super::served::Served;
use super::*;

/// An event, as a client reads it.
#[derive(Clone, Debug, PartialEq)]
struct Event {
    kind: String,
    id: String,
    data: Value,
}

/// The events of a stream; comments are left out.
struct Events {
    pieces: BoxStream<'static, reqwest::Result<bytes::Bytes>>,
    text: String,
}

impl Events {
    async fn of(served: &Served, id: &str, last: Option<&str>) -> Self {
        let mut request = served.ask(Method::GET, &format!("/v1/jobs/{id}/events"));
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let response = request.send().await.unwrap();
        assert_eq!(
            (response.status().as_u16(), &response.headers()["content-type"]),
            (200, &"text/event-stream".parse().unwrap())
        );
        Self { pieces: response.bytes_stream().boxed(), text: String::new() }
    }

    async fn next(&mut self) -> Option<Event> {
        loop {
            while let Some((event, rest)) = self.text.split_once("\n\n") {
                let (event, rest) = (read(event), rest.to_owned());
                self.text = rest;
                if event.is_some() {
                    return event;
                }
            }
            self.text.push_str(std::str::from_utf8(&self.pieces.next().await?.unwrap()).unwrap());
        }
    }

    async fn rest(mut self) -> Vec<Event> {
        let mut events = Vec::new();
        while let Some(event) = self.next().await {
            events.push(event);
        }
        events
    }
}

fn read(text: &str) -> Option<Event> {
    let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name));
    let kind = field("event: ")?.to_owned();
    let data = serde_json::from_str(field("data: ").unwrap()).unwrap();
    Some(Event { kind, id: field("id: ").unwrap_or_default().to_owned(), data })
}

fn count(events: &[Event], kind: &str) -> usize {
    events.iter().filter(|event| event.kind == kind).count()
}

#[tokio::test]
async fn states_progress_and_lines_come_and_the_last_says_how_it_ended() {
    let served = Served::new().await;
    let id = served.submit("progress", 1).await;
    let mut events = Events::of(&served, &id, None).await;
    let mut heard = Vec::new();
    while count(&heard, "progress") == 0 {
        heard.push(events.next().await.unwrap());
    }
    assert_eq!(heard.last().unwrap().data["done"], 0.5);
    assert!(count(&heard, "status") > 0);
    served.cancel(&id).await;
    let last = events.rest().await.pop().unwrap();
    assert_eq!((&*last.kind, &last.data["status"]), ("status", &"cancelled".into()));
}

#[tokio::test]
async fn whoever_comes_back_with_the_last_id_hears_the_rest_and_nothing_twice() {
    let served = Served::new().await;
    let id = served.submit("log", 500).await;
    served.finished(&id).await;
    let all = Events::of(&served, &id, None).await.rest().await;
    assert_eq!(count(&all, "log"), 500);
    // From the middle, and from each of some other places.
    for at in [0, 1, 63, 64, 250, 498, 499] {
        let rest = Events::of(&served, &id, Some(&all[at].id)).await.rest().await;
        assert_eq!(rest, all[at + 1..], "after {at}");
    }
    let end =
        served.ask(Method::GET, &format!("/v1/jobs/{id}/events")).header("last-event-id", &all.last().unwrap().id);
    assert_eq!(served.send(end).await.status, 204, "all has been heard");
    let odd = served.ask(Method::GET, &format!("/v1/jobs/{id}/events")).header("last-event-id", "x");
    problem(served.send(odd).await, 400, "bad_header");
}

#[tokio::test]
async fn h9_a_bomb_of_an_id_is_answered_with_the_end_alone() {
    let served = Served::new().await;
    let id = served.submit("log", 3).await;
    served.finished(&id).await;
    let rest = Events::of(&served, &id, Some("18446744073709551615.18446744073709551615")).await.rest().await;
    assert_eq!((rest.len(), &*rest[0].kind), (1, "status"));
}

#[tokio::test]
async fn h9_a_follower_who_never_reads_holds_no_job_back() {
    let served = Served::new().await;
    let submit = "/v1/submit/guest/log?max-log=64MiB&max-log-lines=100000";
    let job = json(served.post(submit, OCTETS, number(50_000)).await, 202);
    let id = job["id"].as_str().unwrap().to_owned();
    let mut deaf = Vec::new();
    for _ in 0..20 {
        let mut stream = served.connect();
        let head = format!("GET /v1/jobs/{id}/events HTTP/1.1\r\nhost: localhost\r\n\r\n");
        std::io::Write::write_all(&mut stream, head.as_bytes()).unwrap();
        deaf.push(stream);
    }
    assert_eq!(served.finished(&id).await["status"], "completed");
    // And one who reads hears all of it meanwhile.
    let all = Events::of(&served, &id, None).await.rest().await;
    assert_eq!(count(&all, "log"), 50_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn h9_a_follower_who_never_reads_is_cut_off_and_its_place_is_free_again() {
    let served = Served::with(|limits| {
        limits.followers = 1;
        limits.write = Duration::from_secs(2);
    })
    .await;
    // More than the buffers of a connection hold.
    let job =
        json(served.post("/v1/submit/guest/log?max-log=64MiB&max-log-lines=100000", OCTETS, number(50_000)).await, 202);
    let id = job["id"].as_str().unwrap().to_owned();
    served.finished(&id).await;
    let path = format!("/v1/jobs/{id}/events");
    let mut deaf = served.connect();
    let head = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n");
    std::io::Write::write_all(&mut deaf, head.as_bytes()).unwrap();
    // It has the one place once it has an answer, of which it reads the beginning.
    let mut piece = [0; 64];
    std::io::Read::read_exact(&mut deaf, &mut piece).unwrap();
    assert!(piece.starts_with(b"HTTP/1.1 200"));
    problem(served.get(&path).await, 429, "too_many_followers");
    until("its place", async || {
        let response = served.ask(Method::GET, &path).send().await.unwrap();
        (response.status() == 200).then_some(())
    })
    .await;
    let heard = tokio::task::spawn_blocking(move || super::served::read_all(&mut deaf)).await.unwrap();
    let lines = heard.matches("event: log").count();
    assert!(lines < 50_000 && !heard.contains("completed"), "it was told all, to the end: {lines} lines");
}

#[tokio::test]
async fn h9_hundreds_of_followers_of_one_job_all_hear_its_end() {
    let served = Served::new().await;
    let id = served.submit("progress", 1).await;
    let mut followers = Vec::new();
    for _ in 0..300 {
        followers.push(Events::of(&served, &id, None).await);
    }
    served.cancel(&id).await;
    let ends = join_all(followers.into_iter().map(Events::rest)).await;
    assert!(ends.iter().all(|events| events.last().unwrap().data["status"] == "cancelled"));
}

#[tokio::test]
async fn h9_too_many_followers_are_refused_and_those_who_go_make_room() {
    let served = Served::with(|limits| limits.followers = 2).await;
    let id = served.submit("spin", 0).await;
    let path = format!("/v1/jobs/{id}/events");
    let first = Events::of(&served, &id, None).await;
    let _second = Events::of(&served, &id, None).await;
    let refused = served.get(&path).await;
    assert_eq!(refused.header("retry-after"), "1");
    problem(refused, 429, "too_many_followers");
    problem(served.get(&format!("/v1/jobs/{id}?wait=1s")).await, 429, "too_many_followers");
    drop(first);
    until("room for one more", async || {
        let response = served.ask(Method::GET, &path).send().await.unwrap();
        (response.status() == 200).then_some(())
    })
    .await;
    served.cancel(&id).await;
}

#[tokio::test]
async fn h9_who_follows_with_one_token_as_often_as_it_may_keeps_no_place_from_other_tokens() {
    let local = guest::local(LocalConfig { slots: Some(16), ..guest::config() }).await;
    let served = Served::configured(local, |config| {
        config.auth = Auth::Required;
        config.limits.followers_per_token = 1;
    })
    .await;
    let scopes = [Scope::Read, Scope::Submit];
    let (one, other) = (served.token(Some("a"), &scopes).await, served.token(Some("a"), &scopes).await);
    let submitted = served.as_who(&one, Method::POST, "/v1/submit/guest/spin", number(0)).await;
    let id = json(submitted, 202)["id"].as_str().unwrap().to_owned();
    let path = format!("/v1/jobs/{id}/events");
    let follow = async |token: &str| served.ask(Method::GET, &path).bearer_auth(token).send().await.unwrap();
    let first = follow(&one).await;
    assert_eq!(first.status(), 200);
    problem(served.as_who(&one, Method::GET, &path, "").await, 429, "too_many_followers");
    assert_eq!(follow(&other).await.status(), 200);
    drop(first);
    until("room for one more", async || (follow(&one).await.status() == 200).then_some(())).await;
    json(served.as_who(&one, Method::POST, &format!("/v1/jobs/{id}/cancel"), "").await, 202);
}

#[tokio::test]
async fn a_stream_ends_when_the_token_that_opened_it_is_removed() {
    let served = Served::closed().await;
    let scopes = [Scope::Read, Scope::Submit];
    let (one, other) = (served.token(Some("a"), &scopes).await, served.token(Some("a"), &scopes).await);
    let submitted = served.as_who(&one, Method::POST, "/v1/submit/guest/spin", number(0)).await;
    let path = format!("/v1/jobs/{}", json(submitted, 202)["id"].as_str().unwrap());
    let follow = async |token: &str| {
        let asked = served.ask(Method::GET, &format!("{path}/events")).bearer_auth(token);
        asked.send().await.unwrap().bytes_stream()
    };
    let (removed, mut stays) = (follow(&one).await, follow(&other).await);
    let tokens = served.local.host().tokens();
    tokens.remove(tokens.find(&one).await.unwrap().unwrap().id).await.unwrap();
    tokio::time::timeout(LONG, removed.collect::<Vec<_>>()).await.expect("it ends");
    json(served.as_who(&other, Method::POST, &format!("{path}/cancel"), "").await, 202);
    let mut heard = String::new();
    while let Some(piece) = stays.next().await {
        heard.push_str(std::str::from_utf8(&piece.unwrap()).unwrap());
    }
    assert!(heard.contains("cancelled"), "the other hears of the end: {heard}");
}

#[tokio::test]
async fn h9_a_tenant_with_many_tokens_keeps_no_place_from_other_tenants() {
    let local = guest::local(LocalConfig { slots: Some(16), ..guest::config() }).await;
    let served = Served::configured(local, |config| {
        config.auth = Auth::Required;
        config.limits.followers_per_tenant = 2;
    })
    .await;
    let both = [Scope::Read, Scope::Submit];
    let (mut own, mut streams) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        own.push(served.token(Some("a"), &both).await);
    }
    let other = served.token(Some("b"), &both).await;
    let path = async |token: &str| {
        let submitted = served.as_who(token, Method::POST, "/v1/submit/guest/spin", number(0)).await;
        format!("/v1/jobs/{}/events", json(submitted, 202)["id"].as_str().unwrap())
    };
    let (path, others) = (path(&own[0]).await, path(&other).await);
    let follow = async |token: &str, path: &str| served.ask(Method::GET, path).bearer_auth(token).send().await.unwrap();
    for token in &own[..2] {
        streams.push(follow(token, &path).await);
    }
    assert!(streams.iter().all(|stream| stream.status() == 200));
    problem(served.as_who(&own[2], Method::GET, &path, "").await, 429, "too_many_followers");
    assert_eq!(follow(&other, &others).await.status(), 200);
    streams.pop();
    until("room for one more", async || (follow(&own[2], &path).await.status() == 200).then_some(())).await;
    for (token, path) in [(&own[0], path), (&other, others)] {
        let cancel = path.replace("/events", "/cancel");
        json(served.as_who(token, Method::POST, &cancel, "").await, 202);
    }
}

#[tokio::test]
async fn those_who_only_follow_keep_no_place_from_those_who_ask() {
    let served = Served::with(|limits| limits.in_flight = 1).await;
    let id = served.submit("spin", 0).await;
    let _events = Events::of(&served, &id, None).await;
    let waiting = tokio::spawn(served.ask(Method::GET, &format!("/v1/jobs/{id}?wait=1m")).send());
    until("a place", async || (served.get("/v1/jobs").await.status == 200).then_some(())).await;
    until("the cancel", async || {
        let asked = served.post(&format!("/v1/jobs/{id}/cancel"), OCTETS, "").await;
        (asked.status == 202).then_some(())
    })
    .await;
    assert_eq!(waiting.await.unwrap().unwrap().status(), 200);
}

#[tokio::test]
async fn a_silent_stream_gives_signs_of_life_and_ends_with_its_time() {
    let served = Served::with(|limits| {
        limits.keep_alive = Duration::from_millis(20);
        limits.stream = Duration::from_secs(1);
    })
    .await;
    let id = served.submit("spin", 0).await;
    let response = served.ask(Method::GET, &format!("/v1/jobs/{id}/events")).send().await.unwrap();
    let text = response.text().await.unwrap();
    assert!(text.contains(": still here\n\n"), "{text}");
    served.cancel(&id).await;
}
