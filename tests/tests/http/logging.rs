//! What `serve` says of itself: lines of JSON for those who collect them, and nothing that is not theirs to read.

use std::process::Command;

use reqwest::Method;
use rustix::process::Signal;

use super::program::{Folder, Program, program};
use super::*;

const JSON: [&str; 2] = ["--log-format", "json"];

/// The program, where this is to be logged.
fn logs(filter: &str) -> Command {
    // Its environment is emptied before it starts: what is set comes by a program that sets it.
    let mut command = Command::new("env");
    command.arg(format!("AU_LOG={filter}")).arg(program());
    command
}

/// All it logged, once it was told to end; every line is an event.
fn events(program: Program) -> Vec<Value> {
    program.signal(Signal::TERM);
    let (code, said) = program.ended();
    assert_eq!(code, Some(0), "{said}");
    let event = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    let events: Vec<Value> = said.lines().map(event).collect();
    for event in &events {
        let time = event["timestamp"].as_str().unwrap();
        assert!(time.len() >= 20 && time.as_bytes()[10] == b'T' && time.ends_with('Z'), "{event}");
        for member in ["level", "target", "message"] {
            assert!(event[member].is_string(), "no {member}: {event}");
        }
    }
    events
}

/// The events with this message.
fn of<'a>(events: &'a [Value], message: &str) -> Vec<&'a Value> {
    events.iter().filter(|event| event["message"] == message).collect()
}

/// The span of this name that an event is in.
fn span<'a>(event: &'a Value, name: &str) -> &'a Value {
    let spans = event["spans"].as_array().unwrap_or_else(|| panic!("in no span: {event}"));
    spans.iter().find(|span| span["name"] == name).unwrap_or_else(|| panic!("in no span {name}: {event}"))
}

async fn completed(program: &Program, id: &str) {
    let job = json(program.get(&format!("/v1/jobs/{id}?wait=1m")).await, 200);
    assert_eq!(job["status"], "completed", "{job}");
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_and_attempts_are_lines_of_json_with_their_ids() {
    let folder = Folder::new();
    let program = folder.serve(&JSON);
    let call = program.ask(Method::POST, "/v1/call/guest/echo").header("x-request-id", "r-1").body("[1]");
    assert_eq!(call.send().await.unwrap().status(), 200);
    let id = program.submit("echo", "[2]").await.unwrap();
    completed(&program, &id).await;
    assert_eq!(program.get("/healthz").await.status, 200);
    let failed = program.ask(Method::POST, "/v1/call/guest/divide").header("x-request-id", "r-2").body("[]");
    assert_eq!(failed.send().await.unwrap().status(), 422);
    let events = events(program);

    let requests = of(&events, "request");
    let request = requests.iter().find(|event| event["request_id"] == "r-1").unwrap();
    assert_eq!((&request["level"], &request["target"]), (&"INFO".into(), &"au_host::request".into()));
    assert_eq!((&request["method"], &request["status"]), (&"POST".into(), &200.into()));
    assert_eq!(request["route"], "/v1/call/{module}/{function}");
    assert_eq!(request["peer"], "127.0.0.1");
    assert!(request["duration_ms"].as_f64().is_some_and(|took| took > 0.0), "{request}");
    let about: Vec<_> = requests.iter().filter(|event| event["job"] == *id).map(|event| &event["method"]).collect();
    assert_eq!(about, ["POST", "GET"], "the submit that made the job, and the wait for it");
    assert!(!requests.iter().any(|event| event["route"] == "/healthz"), "a probe is no news");

    let attempts = of(&events, "attempt ended");
    assert_eq!(attempts.len(), 3, "{attempts:?}");
    let attempt = attempts.iter().find(|event| event["job"] == *id).unwrap();
    assert_eq!((&attempt["level"], &attempt["target"]), (&"INFO".into(), &"au_host::attempt".into()));
    assert_eq!((&attempt["attempt"], &attempt["function"]), (&1.into(), &"echo".into()));
    assert_eq!(attempt["outcome"], "completed");
    assert!(attempt["module"].as_str().unwrap().starts_with("sha256:"));
    assert!(attempt["peak_memory"].as_u64().is_some_and(|bytes| bytes > 0), "{attempt}");
    assert_eq!(
        (&span(attempt, "attempt")["job"], &span(attempt, "attempt")["module_name"]),
        (&Value::from(&*id), &"guest".into())
    );
    let trap = attempts.iter().find(|event| event["outcome"] == "trap").unwrap();
    assert_eq!(span(trap, "request")["request_id"], "r-2", "an attempt of a call is within its request");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_token_grant_or_input_is_logged_however_much_is() {
    let folder = Folder::new();
    std::fs::write(folder.path().join("data/au-host.toml"), "[http]\ngrants = \"anything\"\n").unwrap();
    let token = folder.out(&["token", "create", "ci", "--tenant", "acme"]).trim().to_owned();
    assert!(token.starts_with("au_"), "{token}");
    let program = folder.start(logs("trace"), &JSON);
    let path = "/v1/call/guest/echo?env=KEY=grants-are-secret&timeout=9s";
    for (token, path, status) in [
        (&*token, path, 200),
        (&*token, "/v1/submit/guest/fail?env=KEY=grants-are-secret&label=note=labels-too", 202),
        (&*token, "/v1/call/guest/echo?password=queries-too", 400),
        (&format!("{}x", &token[..token.len() - 1]), path, 401),
    ] {
        let ask = program.ask(Method::POST, path).bearer_auth(token).header("cookie", "cookies-too");
        assert_eq!(ask.body("[\"inputs-are-private\"]").send().await.unwrap().status(), status, "{path}");
    }
    let events = events(program);
    let known = of(&events, "request").into_iter().find(|event| event["status"] == 200).unwrap();
    assert_eq!(known["tenant"], "acme");
    let id = known["token"].as_str().unwrap();
    assert!(folder.out(&["token", "list"]).contains(id), "{id}");
    assert!(!of(&events, "attempt started").is_empty(), "debug is on");
    let text = serde_json::to_string(&events).unwrap();
    let half = &token[token.len() - 16..];
    for secret in
        [half, "grants-are-secret", "labels-too", "queries-too", "inputs-are-private", "cookies-too", "password"]
    {
        assert!(!text.contains(secret), "{secret} is in the log: {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_guest_says_is_an_event_of_its_attempt_where_that_is_asked_for() {
    let folder = Folder::new();
    for (filter, count) in [("info", 0), ("info,au_host::guest=debug", 2)] {
        let program = folder.start(logs(filter), &JSON);
        let submit = program.ask(Method::POST, "/v1/submit/guest/log").header("content-type", OCTETS).body(number(2));
        let id = json(Answer::of(submit.send().await.unwrap()).await, 202)["id"].as_str().unwrap().to_owned();
        completed(&program, &id).await;
        let events = events(program);
        let said: Vec<_> = events.iter().filter(|event| event["target"] == "au_host::guest").collect();
        assert_eq!(said.len(), count, "{events:?}");
        for event in said {
            assert_eq!((&event["message"], &event["severity"]), (&"\\u{1b}[31mred\\u{7}".into(), &"warn".into()));
            assert_eq!((event["job"].as_str(), span(event, "attempt")["job"].as_str()), (Some(&*id), Some(&*id)));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_goes_and_a_call_that_is_dropped_leave_a_line_each() {
    let folder = Folder::new();
    let program = folder.serve(&JSON);
    let call = program.ask(Method::POST, "/v1/call/guest/spin").body("[]").timeout(Duration::from_millis(300));
    assert!(call.send().await.unwrap_err().is_timeout());
    // It is known to have gone when nothing runs any more.
    until("the end of the call", async || {
        program.get("/metrics").await.text().contains("au_attempts_running 0").then_some(())
    })
    .await;
    let events = events(program);
    let request = of(&events, "request").into_iter().find(|event| event["abandoned"] == true).unwrap();
    assert_eq!((&request["route"], &request["status"]), (&"/v1/call/{module}/{function}".into(), &Value::Null));
    assert_eq!(of(&events, "attempt ended")[0]["outcome"], "dropped");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terminal_hears_of_trouble_only() {
    let folder = Folder::new();
    let program = folder.serve(&[]);
    let id = program.submit("divide", "[]").await.unwrap();
    json(program.get(&format!("/v1/jobs/{id}?wait=1m")).await, 200);
    program.signal(Signal::TERM);
    let (code, said) = program.ended();
    assert_eq!((code, said.lines().count()), (Some(0), 1), "{said}");
    assert!(said.starts_with("stopping"), "{said}");
}
