//! Middleware of the operator's own, before and around what is asked over HTTP.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use au_host::middleware::{Asked, Middleware, Next};
use au_host::{Attempt, Context, Error, LocalConfig, Report, Result};
use au_tests::guest;

use super::served::Served;
use super::*;

/// What was written down, by all who do.
type Heard = Arc<Mutex<Vec<String>>>;

/// Writes down when it is asked, and when an attempt goes in and comes out.
#[derive(Debug)]
struct Scribe {
    name: &'static str,
    heard: Heard,
}

impl Scribe {
    fn write(&self, what: &str) {
        self.heard.lock().unwrap().push(format!("{} {what}", self.name));
    }
}

#[async_trait]
impl Middleware for Scribe {
    async fn admit(&self, asked: &Asked<'_>) -> Result<()> {
        self.write(&format!("asked for {}", asked.request.function));
        Ok(())
    }

    async fn around(&self, attempt: Attempt, context: &Context, next: Next<'_>) -> Result<Report> {
        self.write("in");
        let report = next.run(attempt, context).await;
        self.write("out");
        report
    }
}

/// Lets nobody ask for `grow`, and panics around every attempt while it is broken.
#[derive(Debug, Default)]
struct Guard {
    broken: AtomicBool,
}

#[async_trait]
impl Middleware for Guard {
    async fn admit(&self, asked: &Asked<'_>) -> Result<()> {
        match &*asked.request.function {
            "grow" => Err(Error::refused("nobody may grow")),
            _ => Ok(()),
        }
    }

    async fn around(&self, attempt: Attempt, context: &Context, next: Next<'_>) -> Result<Report> {
        assert!(!self.broken.load(Ordering::Relaxed), "of a secret");
        next.run(attempt, context).await
    }
}

/// A host that runs one attempt at a time, with these before it.
async fn served(middleware: Vec<Arc<dyn Middleware>>) -> Served {
    let local = guest::local(LocalConfig { slots: Some(1), middleware, ..guest::config() }).await;
    Served::on(local, |_| {}).await
}

fn two() -> (Vec<Arc<dyn Middleware>>, Heard) {
    let heard = Heard::default();
    let scribe = |name| Arc::new(Scribe { name, heard: Arc::clone(&heard) }) as Arc<dyn Middleware>;
    (vec![scribe("first"), scribe("second")], heard)
}

#[tokio::test]
async fn the_first_of_a_list_is_asked_first_and_is_outermost() {
    let (middleware, heard) = two();
    let served = served(middleware).await;
    let expected =
        ["first asked for echo", "second asked for echo", "first in", "second in", "second out", "first out"];
    assert_eq!(served.post("/v1/call/guest/echo", OCTETS, number(1)).await.status, 200);
    assert_eq!(std::mem::take(&mut *heard.lock().unwrap()), expected);
    let id = served.submit("echo", 1).await;
    served.finished(&id).await;
    assert_eq!(std::mem::take(&mut *heard.lock().unwrap()), expected, "a job as a call");
}

#[tokio::test]
async fn what_one_refuses_is_a_problem_with_its_reason_and_nothing_is_kept() {
    let (mut middleware, heard) = two();
    middleware.insert(1, Arc::new(Guard::default()));
    let served = served(middleware).await;
    for path in ["call/guest/grow", "submit/guest/grow", "submit/guest/grow/bulk"] {
        let refused = problem(served.post(&format!("/v1/{path}"), OCTETS, "[1]").await, 403, "refused");
        assert!(refused["detail"].as_str().unwrap().contains("nobody may grow"), "{refused}");
    }
    assert_eq!(*heard.lock().unwrap(), ["first asked for grow"; 3], "nobody after it is asked, and nothing runs");
    assert_eq!(json(served.get("/v1/jobs").await, 200)["jobs"], serde_json::json!([]));
    let id = served.submit("echo", 1).await;
    assert_eq!(served.finished(&id).await["status"], "completed");
}

#[tokio::test]
async fn h10_a_panic_in_one_is_a_500_of_a_call_and_costs_no_place() {
    let guard = Arc::new(Guard::default());
    let served = served(vec![Arc::clone(&guard) as _]).await;
    guard.broken.store(true, Ordering::Relaxed);
    for _ in 0..3 {
        let broken = problem(served.post("/v1/call/guest/echo", OCTETS, number(1)).await, 500, "internal");
        assert!(!broken.to_string().contains("secret"), "what is within stays within: {broken}");
    }
    guard.broken.store(false, Ordering::Relaxed);
    assert_eq!(served.post("/v1/call/guest/echo", OCTETS, number(1)).await.status, 200);
}

#[tokio::test]
async fn h10_a_panic_in_one_fails_the_attempt_of_a_job_for_now_and_the_next_may_do() {
    let guard = Arc::new(Guard::default());
    let served = served(vec![Arc::clone(&guard) as _]).await;
    let submit = async |query: &str| {
        let answer = served.post(&format!("/v1/submit/guest/echo?{query}"), OCTETS, number(1)).await;
        json(answer, 202)["id"].as_str().unwrap().to_owned()
    };
    // Before the host knows how long it takes, and after, when it may run before it is kept.
    for _ in 0..2 {
        guard.broken.store(true, Ordering::Relaxed);
        let failed = served.finished(&submit("attempts=1").await).await;
        assert_eq!(
            (&failed["status"], &failed["failure"]["kind"]),
            (&"failed".into(), &"transient".into()),
            "{failed}"
        );
        assert!(!failed.to_string().contains("secret"), "{failed}");
        let retried = submit("attempts=1000&retry-delay=1ms").await;
        until("a second attempt", async || {
            (json(served.get(&format!("/v1/jobs/{retried}")).await, 200)["attempt"].as_u64()? > 1).then_some(())
        })
        .await;
        guard.broken.store(false, Ordering::Relaxed);
        assert_eq!(served.finished(&retried).await["status"], "completed");
    }
}
