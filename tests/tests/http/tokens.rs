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
async fn tokens_are_made_listed_and_removed_over_http_by_admins() {
    let served = Served::closed().await;
    let admin = served.token(None, &[Scope::Admin]).await;
    let asked = "/v1/tokens?name=laptop&tenant=acme&scope=read,submit&scope=metrics&expires=30d";
    let made = json(served.as_who(&admin, Method::POST, asked, "").await, 201);
    let (text, known) = (made["token"].as_str().unwrap(), &made["made"]);
    assert_eq!((&known["name"], &known["tenant"]), (&"laptop".into(), &"acme".into()));
    assert_eq!(known["scopes"], serde_json::json!(["read", "submit", "metrics"]));
    assert_eq!(served.as_who(text, Method::GET, "/v1/jobs", "").await.status, 200);
    let listed = served.as_who(&admin, Method::GET, "/v1/tokens", "").await;
    assert!(!listed.text().contains(&text[20..]), "its text is told once");
    assert_eq!(json(listed, 200)["tokens"][1], *known);
    let path = format!("/v1/tokens/{}", known["id"].as_str().unwrap());
    assert_eq!(served.as_who(&admin, Method::DELETE, &path, "").await.status, 204);
    problem(served.as_who(text, Method::GET, "/v1/jobs", "").await, 401, "unauthenticated");
    problem(served.as_who(&admin, Method::DELETE, &path, "").await, 404, "not_found");
    for (query, code) in [
        ("", "bad_query"),
        ("?name=a%20b", "invalid"),
        ("?name=a&scope=root", "invalid"),
        ("?name=a&scope=", "invalid"),
        ("?name=a&expires=soon", "bad_query"),
        ("?name=a&tennant=b", "bad_query"),
    ] {
        problem(served.as_who(&admin, Method::POST, &format!("/v1/tokens{query}"), "").await, 400, code);
    }
    let usual = json(served.as_who(&admin, Method::POST, "/v1/tokens?name=usual", "").await, 201);
    assert_eq!(usual["made"]["tenant"], "default");
    assert_eq!(usual["made"]["scopes"], serde_json::json!(["read", "submit"]));
}

#[tokio::test]
async fn an_admin_of_a_tenant_has_to_do_with_its_tokens_and_no_others() {
    let served = Served::closed().await;
    let admin = served.token(Some("a"), &[Scope::Admin]).await;
    served.token(Some("b"), READ).await;
    let all = served.local.host().tokens().list().await.unwrap();
    let other = all.iter().find(|token| token.tenant.as_deref() == Some("b")).unwrap().id;
    let made = json(served.as_who(&admin, Method::POST, "/v1/tokens?name=own", "").await, 201);
    assert_eq!(made["made"]["tenant"], "a");
    let listed = json(served.as_who(&admin, Method::GET, "/v1/tokens", "").await, 200);
    assert!(listed["tokens"].as_array().unwrap().iter().all(|token| token["tenant"] == "a"), "{listed}");
    problem(served.as_who(&admin, Method::DELETE, &format!("/v1/tokens/{other}"), "").await, 404, "not_found");
    for query in ["?name=x&tenant=b", "?name=x&tenant=b&scope=admin"] {
        problem(served.as_who(&admin, Method::POST, &format!("/v1/tokens{query}"), "").await, 403, "forbidden");
    }
    let own = json(served.as_who(&admin, Method::POST, "/v1/tokens?name=x&scope=admin", "").await, 201);
    assert_eq!(own["made"]["tenant"], "a", "none that is of all");
}

#[tokio::test]
async fn a_host_that_asks_for_no_tokens_hands_out_nothing_that_opens_doors() {
    let served = Served::new().await;
    problem(served.post("/v1/tokens?name=first", OCTETS, "").await, 403, "forbidden");
    problem(served.get("/v1/webhook-secret").await, 403, "forbidden");
    assert_eq!(json(served.get("/v1/tokens").await, 200)["tokens"], serde_json::json!([]));
}

#[tokio::test]
async fn a_tenant_is_told_the_secret_of_its_webhooks_and_no_others() {
    let served = Served::closed().await;
    let (own, read) = (served.token(Some("a"), SUBMIT).await, served.token(Some("a"), READ).await);
    let (admin, all) = (served.token(Some("a"), &[Scope::Admin]).await, served.token(None, &[Scope::Admin]).await);
    let get = async |token: &str, query: &str| {
        served.as_who(token, Method::GET, &format!("/v1/webhook-secret{query}"), "").await
    };
    let secret = json(get(&own, "").await, 200);
    let kept = served.local.host().webhook_secrets().get(Some("a")).await.unwrap();
    assert_eq!((&secret["tenant"], &secret["secret"]), (&"a".into(), &kept.reveal().into()));
    assert_eq!(json(get(&all, "?tenant=a").await, 200), secret);
    assert_ne!(json(get(&all, "").await, 200)["secret"], secret["secret"]);
    problem(get(&own, "?tenant=b").await, 403, "forbidden");
    problem(get(&read, "").await, 403, "forbidden");
    let rotate = async |token: &str| served.as_who(token, Method::POST, "/v1/webhook-secret/rotate", "").await;
    problem(rotate(&own).await, 403, "forbidden");
    let rotated = json(rotate(&admin).await, 200);
    assert_ne!(rotated["secret"], secret["secret"]);
    assert_eq!(json(get(&own, "").await, 200), rotated);
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
