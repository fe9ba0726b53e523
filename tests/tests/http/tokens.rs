//! Tokens: who is let in, and to what.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use au_host::{Clock, NewToken, Scope};
use reqwest::Method;

use super::served::Served;
use super::*;

const READ: &[Scope] = &[Scope::Read];
const SUBMIT: &[Scope] = &[Scope::Submit];

#[tokio::test]
async fn a_host_without_tokens_is_open_and_the_first_token_closes_it() {
    let served = Served::new().await;
    assert_eq!(served.get("/v1/jobs").await.status, 200);
    assert_eq!(served.as_who("au_of_another_host", Method::GET, "/v1/jobs", "").await.status, 200);
    let token = served.token(Some("a"), READ).await;
    until("a closed door", async || (served.get("/v1/jobs").await.status == 401).then_some(())).await;
    assert_eq!(served.as_who(&token, Method::GET, "/v1/jobs", "").await.status, 200);
    let id = served.local.host().tokens().list().await.unwrap()[0].id;
    served.local.host().tokens().remove(id).await.unwrap();
    problem(served.as_who(&token, Method::GET, "/v1/jobs", "").await, 401, "unauthenticated");
    problem(served.get("/v1/jobs").await, 401, "unauthenticated");
}

#[tokio::test]
async fn h7_no_token_a_wrong_one_half_of_one_and_one_in_the_query_are_401() {
    let served = Served::closed().await;
    let token = served.token(Some("a"), READ).await;
    let other = served.token(Some("a"), READ).await;
    let mixed = format!("{}{}", &token[..20], &other[20..]);
    let half = &token[..token.len() - 1];
    let upper = token.to_uppercase();
    for path in ["/v1/jobs", "/v1/modules", "/openapi.json", "/metrics", "/v1/nowhere", "/v1/jobs/x/events", "/readyz/"]
    {
        let refused = served.get(path).await;
        assert_eq!(refused.header("www-authenticate"), "Bearer realm=\"au-host\"", "{path}");
        problem(refused, 401, "unauthenticated");
    }
    for wrong in [&*mixed, half, &*upper, "", "au_", "x", &format!("{token}0"), &format!("{token},{token}")] {
        problem(served.as_who(wrong, Method::GET, "/v1/jobs", "").await, 401, "unauthenticated");
    }
    for query in ["token", "access_token", "api_key", "authorization"] {
        let path = format!("/v1/jobs?{query}={token}");
        let refused = problem(served.get(&path).await, 401, "unauthenticated");
        assert!(!refused.to_string().contains(&token), "what it said is not said again");
    }
    for header in [format!("Basic {token}"), token.clone(), format!("Token {token}")] {
        problem(
            served.send(served.ask(Method::GET, "/v1/jobs").header("authorization", header)).await,
            401,
            "unauthenticated",
        );
    }
    let twice = served.ask(Method::GET, "/v1/jobs").bearer_auth(&token).bearer_auth(&token);
    problem(served.send(twice).await, 401, "unauthenticated");
    assert_eq!(served.as_who(&token, Method::GET, "/v1/jobs", "").await.status, 200);
    for open in ["/healthz", "/readyz"] {
        assert_eq!(served.get(open).await.status, 200, "{open}");
    }
}

#[tokio::test]
async fn a_token_opens_what_its_scopes_say_and_nothing_else() {
    let served = Served::closed().await;
    let read = served.token(Some("a"), READ).await;
    let submit = served.token(Some("a"), SUBMIT).await;
    let admin = served.token(Some("a"), &[Scope::Admin]).await;
    let metrics = served.token(None, &[Scope::Metrics]).await;
    let work = served.token(None, &[Scope::Work]).await;
    for (method, path, may) in [
        (Method::GET, "/v1/jobs", [true, false, true, false, false]),
        (Method::GET, "/v1/modules/guest", [true, false, true, false, false]),
        (Method::GET, "/openapi.json", [true, false, true, false, false]),
        (Method::POST, "/v1/call/guest/echo", [false, true, true, false, false]),
        (Method::POST, "/v1/submit/guest/echo", [false, true, true, false, false]),
        (Method::POST, "/v1/submit/guest/echo/bulk", [false, true, true, false, false]),
        (Method::PUT, "/v1/aliases/other?module=guest", [false, false, true, false, false]),
        (Method::DELETE, "/v1/aliases/other", [false, false, true, false, false]),
        (Method::PUT, "/v1/modules", [false, false, true, false, true]),
        (Method::PUT, "/v1/modules?name=other", [false, false, true, false, false]),
        (Method::PUT, "/v1/modules/other", [false, false, true, false, false]),
        (Method::POST, "/v1/attempts", [false, false, true, false, true]),
        (Method::GET, "/v1/modules", [true, false, true, false, false]),
        (Method::GET, "/v1/stats", [true, false, true, false, false]),
        (Method::POST, "/v1/queues/q/pause", [false, false, true, false, false]),
        (Method::GET, "/metrics", [false, false, true, true, false]),
    ] {
        for (token, may) in [&read, &submit, &admin, &metrics, &work].into_iter().zip(may) {
            let answer = served.as_who(token, method.clone(), path, "").await;
            if may {
                assert!(![401, 403].contains(&answer.status), "{method} {path}: {}", answer.text());
            } else {
                problem(answer, 403, "forbidden");
            }
        }
    }
}

#[tokio::test]
async fn a_token_is_good_until_it_expires() {
    let now = Arc::new(AtomicI64::new(Clock::system().now().as_micros()));
    let told = Arc::clone(&now);
    let clock = Clock::manual(move || au_host::Timestamp::from_micros(told.load(Ordering::Relaxed)));
    let store: Arc<dyn au_host::Store> = Arc::new(au_host::store::memory::MemoryStore::new());
    let tokens = au_host::Tokens::new(store, clock);
    let new = NewToken {
        name: "t".into(),
        tenant: Some("a".into()),
        scopes: READ.into(),
        lasts: Some(Duration::from_secs(9)),
    };
    let (_, secret) = tokens.create(new).await.unwrap();
    now.fetch_add(8_999_999, Ordering::Relaxed);
    assert!(tokens.find(secret.reveal()).await.unwrap().is_some());
    now.fetch_add(1, Ordering::Relaxed);
    assert!(tokens.find(secret.reveal()).await.unwrap().is_none());
    assert!(tokens.any().await.unwrap(), "an expired token keeps the door closed");
}
