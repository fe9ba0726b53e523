//! One trace from a request to what a guest says, through processes and retries, at a collector that is real but for what it does.

use std::net::TcpListener;
use std::process::Command;

use reqwest::Method;
use rustix::process::Signal;

use super::collector::{Collector, Span};
use super::program::{Folder, Program, program};
use super::*;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";
const SERVER: i32 = 2;
const PRODUCER: i32 = 4;
const CONSUMER: i32 = 5;

fn parent(flags: &str) -> String {
    format!("00-{TRACE}-{CALLER}-{flags}")
}

/// The program, with these set in its environment: it is emptied before.
fn with(set: &[(&str, &str)]) -> Command {
    let mut command = Command::new("env");
    command.args(set.iter().map(|(name, value)| format!("{name}={value}"))).arg(program());
    command
}

/// The program, sending to a collector without making tests wait for it.
fn traced(collector: &Collector) -> Command {
    with(&[("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.url), ("OTEL_BSP_SCHEDULE_DELAY", "50")])
}

fn ended(program: Program) -> String {
    program.signal(Signal::TERM);
    let (code, said) = program.ended();
    assert_eq!(code, Some(0), "{said}");
    said
}

async fn submitted(program: &Program, path: &str, flags: &str) -> String {
    let ask = program.ask(Method::POST, path).header("traceparent", parent(flags)).header("content-type", OCTETS);
    json(Answer::of(ask.body(number(2)).send().await.unwrap()).await, 202)["id"].as_str().unwrap().to_owned()
}

async fn finished(program: &Program, id: &str) -> Value {
    json(program.get(&format!("/v1/jobs/{id}?wait=1m")).await, 200)
}

#[track_caller]
fn is_child(span: &Span, of: &Span) {
    assert_eq!((&span.trace, &span.parent), (&of.trace, &of.id), "{} of {}", span.name, of.name);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_its_job_and_what_the_guest_says_are_one_trace() {
    let (folder, collector) = (Folder::new(), Collector::new());
    let token = folder.out(&["token", "create", "ci", "--tenant", "acme"]).trim().to_owned();
    let mut program = folder.start(traced(&collector), &[]);
    program.authorize(&token);
    let id = submitted(&program, "/v1/submit/guest/log?label=a=labels-are-private", "01").await;
    assert_eq!(finished(&program, &id).await["status"], "completed");
    let route = ("http.route", "/v1/submit/{module}/{function}");
    let request = collector.span("POST /v1/submit/{module}/{function}", route).await;
    let submit = collector.span("submit", ("job", &id)).await;
    let attempt = collector.span("attempt log", ("job", &id)).await;
    assert_eq!((&*request.trace, &*request.parent, request.kind), (TRACE, CALLER, SERVER));
    assert_eq!(
        (&*request.attributes["http.request.method"], &*request.attributes["http.response.status_code"]),
        ("POST", "202")
    );
    assert_eq!((&*request.service, &*request.attributes["tenant"]), ("au-host", "acme"));
    is_child(&submit, &request);
    is_child(&attempt, &submit);
    assert_eq!((submit.kind, attempt.kind, attempt.failed), (PRODUCER, CONSUMER, false));
    assert_eq!((&*attempt.attributes["outcome"], &*attempt.attributes["attempt"]), ("completed", "1"));
    assert_eq!((&*attempt.attributes["module_name"], &*attempt.attributes["tenant"]), ("guest", "acme"));
    let lines: Vec<_> = attempt.events.iter().map(|(name, with)| (&**name, &*with["severity"])).collect();
    assert_eq!(lines, [("\\u{1b}[31mred\\u{7}", "warn"); 2]);
    for secret in [&token[20..], "labels-are-private"] {
        assert!(!collector.has(secret), "{secret}");
    }
    assert_eq!(ended(program).lines().count(), 1, "nothing to complain of");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_within_its_request_and_a_failure_is_one() {
    let (folder, collector) = (Folder::new(), Collector::new());
    std::fs::write(folder.path().join("data/au-host.toml"), format!("[otel]\nendpoint = \"{}/\"\n", collector.url))
        .unwrap();
    let set = [("OTEL_SERVICE_NAME", "mine"), ("OTEL_EXPORTER_OTLP_HEADERS", "x-key=k-1")];
    let program = folder.start(with(&set), &[]);
    let call = program.ask(Method::POST, "/v1/call/guest/divide").header("traceparent", parent("01")).body("[]");
    assert_eq!(call.send().await.unwrap().status(), 422);
    // What waits is sent before it ends, however long it might have waited.
    ended(program);
    let attempt = collector.span("attempt divide", ("outcome", "trap")).await;
    let request = collector.span("POST /v1/call/{module}/{function}", ("http.response.status_code", "422")).await;
    is_child(&attempt, &request);
    assert_eq!((&*request.trace, &*attempt.service), (TRACE, "mine"));
    assert!(attempt.failed && !request.failed, "that a guest traps is no fault of the server");
    assert!(collector.heads().iter().all(|head| head.contains("x-key: k-1")), "{:?}", collector.heads());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_of_one_process_that_another_tries_three_times_is_one_trace() {
    let (folder, collector) = (Folder::new(), Collector::new());
    let run = |set: &[(&str, &str)], words: &[&str]| {
        let mut command = folder.bare(traced(&collector));
        let output = command.envs(set.iter().copied()).args(words).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    let words = ["submit", "--no-worker", "guest", "yes-third", "--retry-delay", "1ms"];
    let id = run(&[("TRACEPARENT", &parent("01"))], &words);
    run(&[], &["work", "--until-idle"]);
    let submit = collector.span("submit", ("job", &id)).await;
    assert_eq!(submit.trace, TRACE);
    let attempts = collector.all("attempt yes-third", ("job", &id));
    let numbers: Vec<_> = attempts.iter().map(|span| &*span.attributes["attempt"]).collect();
    assert_eq!(numbers, ["1", "2", "3"]);
    assert_eq!(attempts.iter().map(|span| span.failed).collect::<Vec<_>>(), [true, true, false]);
    attempts.iter().for_each(|attempt| is_child(attempt, &submit));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_hands_its_trace_on_to_the_server() {
    let (folder, collector) = (Folder::new(), Collector::new());
    let program = folder.start(traced(&collector), &[]);
    let mut command = folder.bare(traced(&collector));
    command.env("AU_HOST", &program.url).env("TRACEPARENT", parent("01"));
    assert!(command.args(["run", "guest", "echo", "7"]).output().unwrap().status.success());
    let command = collector.span("au-host run", ("verb", "run")).await;
    assert_eq!((&*command.trace, &*command.parent), (TRACE, CALLER));
    let route = ("http.route", "/v1/submit/{module}/{function}");
    is_child(&collector.span("POST /v1/submit/{module}/{function}", route).await, &command);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_on_with_a_trace_goes_on_from_a_command_through_a_server_to_the_attempts_of_its_job() {
    const STATE: &str = "rojo=00f067aa0ba902b7,acme@congo=t61rcWkgMzE";
    let (folder, collector) = (Folder::new(), Collector::new());
    let program = folder.start(traced(&collector), &[]);
    let submit = |state: &str| {
        let mut command = folder.bare(traced(&collector));
        command.env("AU_HOST", &program.url).env("TRACEPARENT", parent("01")).env("TRACESTATE", state);
        let output = command.args(["submit", "guest", "echo", "7"]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    let id = submit(STATE);
    assert_eq!(finished(&program, &id).await["options"]["trace_state"], STATE);
    let attempt = collector.span("attempt echo", ("job", &id)).await;
    assert_eq!((&*attempt.trace, &*attempt.state), (TRACE, STATE));
    let route = ("http.route", "/v1/submit/{module}/{function}");
    let request = collector.span("POST /v1/submit/{module}/{function}", route).await;
    assert_eq!(request.state, STATE);
    // One that is wrong is as none, and its trace goes on.
    let id = submit("not a state");
    assert_eq!(finished(&program, &id).await["options"].get("trace_state"), None);
    let attempt = collector.span("attempt echo", ("job", &id)).await;
    assert_eq!((&*attempt.trace, &*attempt.state), (TRACE, ""));
    // It may come in several headers, which are one.
    let ask = program.ask(Method::POST, "/v1/submit/guest/echo").header("traceparent", parent("01")).body("[]");
    let ask = ask.header("tracestate", "a=1").header("tracestate", "b=2 , c=3");
    let id = json(Answer::of(ask.send().await.unwrap()).await, 202)["id"].as_str().unwrap().to_owned();
    assert_eq!(finished(&program, &id).await["options"]["trace_state"], "a=1,b=2,c=3");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_its_caller_does_not_record_is_not_recorded_but_known() {
    let (folder, collector) = (Folder::new(), Collector::new());
    let program = folder.start(traced(&collector), &[]);
    let id = submitted(&program, "/v1/submit/guest/log", "00").await;
    let trace = finished(&program, &id).await["options"]["trace"].as_str().unwrap().to_owned();
    assert!(trace.starts_with(&format!("00-{TRACE}-")) && trace.ends_with("-00"), "{trace}");
    let wrong = program.ask(Method::POST, "/v1/call/guest/echo").header("traceparent", "00-no-trace-01").body("[]");
    assert_eq!(wrong.send().await.unwrap().status(), 200, "and a wrong one is as none");
    ended(program);
    assert!(collector.all("attempt log", ("job", &id)).is_empty());
    assert_ne!(collector.all("attempt echo", ("outcome", "completed"))[0].trace, TRACE);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_collector_a_job_carries_no_trace() {
    let collector = Collector::new();
    for off in [&[][..], &[("OTEL_EXPORTER_OTLP_ENDPOINT", &*collector.url), ("OTEL_SDK_DISABLED", "true")]] {
        let folder = Folder::new();
        let program = folder.start(with(off), &[]);
        let id = submitted(&program, "/v1/submit/guest/log", "01").await;
        let job = finished(&program, &id).await;
        assert!(job["options"].get("trace").is_none(), "{job}");
        ended(program);
    }
    assert_eq!(collector.spans(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_not_there_costs_a_warning_and_one_that_hangs_two_seconds() {
    let folder = Folder::new();
    // One that nobody listens at, and one that takes all and answers nothing.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let hangs = format!("http://{}", listener.local_addr().unwrap());
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for (url, warns) in [(format!("http://{gone}"), true), (hangs, false)] {
        let program =
            folder.start(with(&[("OTEL_EXPORTER_OTLP_ENDPOINT", &url), ("OTEL_BSP_SCHEDULE_DELAY", "5")]), &[]);
        for _ in 0..20 {
            let id = program.submit("echo", "[1]").await.unwrap();
            assert_eq!(finished(&program, &id).await["status"], "completed");
        }
        let began = Instant::now();
        let said = ended(program);
        assert!(began.elapsed() < Duration::from_secs(8), "it waited for {url}");
        assert_eq!(said.matches("spans of traces were not taken").count(), usize::from(warns), "{said}");
    }
    drop(listener);
}

#[tokio::test(flavor = "multi_thread")]
async fn over_tls_a_collector_is_known_by_the_certificate_that_is_named() {
    let folder = Folder::new();
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let certificate = folder.path().join("cert.pem");
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    let collector = Collector::over_tls(&made);
    let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", &*collector.url);
    let of = ("outcome", "completed");
    for (set, known) in [
        (&[endpoint][..], false),
        (&[endpoint, ("OTEL_EXPORTER_OTLP_CERTIFICATE", certificate.to_str().unwrap())], true),
    ] {
        let program = folder.start(with(set), &[]);
        let id = program.submit("echo", "[1]").await.unwrap();
        assert_eq!(finished(&program, &id).await["status"], "completed");
        let said = ended(program);
        assert_eq!(said.contains("spans of traces were not taken"), !known, "{said}");
        assert_eq!(collector.all("attempt echo", of).len(), usize::from(known));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_cannot_be_one_is_said_so_and_stops_nothing() {
    let folder = Folder::new();
    for set in [("OTEL_EXPORTER_OTLP_ENDPOINT", "nonsense"), ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")] {
        let set = [("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://127.0.0.1:9"), set];
        let set = if set[1].1 == "nonsense" { &set[1..] } else { &set[..] };
        let mut command = folder.bare(with(set));
        let output = command.args(["run", "guest", "echo", "7"]).output().unwrap();
        assert!(output.status.success());
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains("no traces are sent") && said.lines().count() == 1, "{said}");
    }
    std::fs::write(folder.path().join("data/au-host.toml"), "[otel]\nendpoint = \"nonsense\"\n").unwrap();
    assert_eq!(folder.run(&["list"]).status.code(), Some(2), "what the operator wrote is to be right");
}
