//! What is refused before a handler sees it, or because it cannot be read.

use std::io::Write as _;

use reqwest::Method;

use super::served::{Served, read_all};
use super::*;

/// The status and code of a refusal that came over a bare connection, which is a whole problem document.
#[track_caller]
fn code(answer: &str) -> String {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {answer:?}"));
    let header = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).unwrap_or("");
    assert_eq!(header("content-type"), "application/problem+json", "{answer}");
    assert_eq!(header("content-length"), body.len().to_string(), "{answer}");
    let problem: Value = serde_json::from_str(body).unwrap();
    assert_eq!(problem["request_id"], header("x-request-id"), "{answer}");
    assert!(problem["try"].as_str().is_some_and(|text| !text.is_empty()), "{answer}");
    let status = head.split(' ').nth(1).unwrap();
    assert_eq!(problem["status"].to_string(), status);
    format!("{status} {}", problem["code"].as_str().unwrap())
}

#[tokio::test]
async fn there_is_nothing_at_other_paths_and_no_other_way_to_ask() {
    let served = Served::new().await;
    for path in ["/v1", "/v2/jobs", "/v1/jobs/", "/etc/passwd", "/v1/submit/guest", "/v1/call/guest/echo/x"] {
        problem(served.get(path).await, 404, "no_route");
    }
    for (method, path, allowed) in [
        (Method::DELETE, "/v1/jobs", "GET,HEAD"),
        (Method::GET, "/v1/call/guest/echo", "POST"),
        (Method::PATCH, "/v1/modules", "GET,HEAD,PUT"),
        (Method::TRACE, "/healthz", "GET,HEAD"),
        (Method::from_bytes(b"BREW").unwrap(), "/v1/jobs", "GET,HEAD"),
    ] {
        let answer = served.send(served.ask(method, path)).await;
        let mut allow: Vec<_> = answer.header("allow").split(',').collect();
        allow.sort_unstable();
        assert_eq!(allow.join(","), allowed, "{path}");
        problem(answer, 405, "bad_method");
    }
}

#[tokio::test]
async fn h5_what_cannot_be_an_id_is_a_bad_id() {
    let served = Served::new().await;
    let long = "a".repeat(300);
    let ids = [
        "x",
        "..%2f",
        "%00",
        "%c0%ae%c0%ae",
        "%ff",
        "%F0%9F%92%A9",
        "-1",
        "null",
        "1e9",
        "true",
        "0198C5A0-7D2C-7B3E-9C4F-0123456789AB",
        "{0198c5a0-7d2c-7b3e-9c4f-0123456789ab}",
        "%7B%7D",
        "'%20or%201=1--",
        "$(id)",
        "%0d%0a",
        &long,
    ];
    for id in ids {
        for path in ["", "/output", "/logs", "/events"] {
            problem(served.get(&format!("/v1/jobs/{id}{path}")).await, 400, "bad_id");
        }
    }
    for module in ["..%2f..%2fjobs.db", "A", "%00", "sha256:00", &long] {
        problem(served.get(&format!("/v1/modules/{module}")).await, 400, "bad_id");
        problem(served.post(&format!("/v1/call/{module}/echo"), OCTETS, "").await, 400, "bad_id");
    }
    problem(served.post("/v1/call/guest/%00", OCTETS, "").await, 400, "bad_id");
    // Dots that a client has not resolved go through no folder.
    for path in
        ["/v1/jobs/../../etc/passwd", "/v1/jobs/..", "/v1/jobs/%2e%2e", "/v1/modules/%2e%2e%2f%2e%2e%2fetc%2fpasswd"]
    {
        let answer = served.raw(format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")).await;
        assert!(answer.starts_with("HTTP/1.1 400") || answer.starts_with("HTTP/1.1 404"), "{answer}");
    }
}

#[tokio::test]
async fn h4_json_that_is_none_is_refused_with_the_place() {
    let served = Served::new().await;
    let deep = "[".repeat(100_000);
    let bad = [
        "{",
        "[1,]",
        "{\"a\":1,}",
        "{a:1}",
        "NaN",
        "[Infinity]",
        "1e400",
        "\"\\ud800\"",
        "\u{feff}[]",
        "[] []",
        "'a'",
        "[01]",
        "\"\t\"",
        "+1",
        "[1 2]",
        "{\"a\" 1}",
        &deep,
    ];
    for text in bad {
        let answer = served.post("/v1/submit/guest/echo", "application/json; charset=utf-8", text.to_owned()).await;
        let why = problem(answer, 400, "bad_json")["detail"].as_str().unwrap().to_owned();
        assert!(why.contains(" line "), "{why}");
    }
    problem(served.post("/v1/call/guest/echo", "application/json", &b"\"\xff\""[..]).await, 400, "bad_json");
    problem(
        served.send(served.ask(Method::POST, "/v1/call/guest/echo").body("not said to be anything")).await,
        400,
        "bad_json",
    );
    let big = "18446744073709551616";
    assert_eq!(served.post("/v1/call/guest/echo", "application/json", big).await.text(), big, "handed on as it is");
    assert_eq!(served.post("/v1/call/guest/echo", "text/plain", "{").await.text(), "{", "not said to be JSON");
    assert_eq!(json(served.get("/v1/jobs").await, 200)["jobs"], serde_json::json!([]));
}

#[tokio::test]
async fn what_is_no_media_type_is_refused() {
    let served = Served::new().await;
    for kind in ["", "\u{e4}"] {
        problem(served.post("/v1/call/guest/echo", kind, "x").await, 415, "bad_media_type");
    }
    problem(served.post("/v1/call/guest/echo", &"a".repeat(256), "x").await, 415, "bad_media_type");
    let packed = served.ask(Method::POST, "/v1/call/guest/echo").header("content-encoding", "gzip").body("[]");
    problem(served.send(packed).await, 415, "bad_media_type");
}

#[tokio::test]
async fn h3_heads_that_are_too_large_or_mean_two_things_are_refused() {
    let served = Served::new().await;
    let ask = async |head: String| code(&served.raw(format!("{head}\r\n\r\n")).await);
    let get = "GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close";
    assert!(served.raw(format!("{get}\r\n\r\n")).await.starts_with("HTTP/1.1 200 "));
    let many: String = (0..101).map(|n| format!("\r\nx-{n}: 1")).collect();
    assert_eq!(ask(format!("{get}{many}")).await, "431 large_head");
    assert_eq!(ask(format!("{get}\r\nx: {}", "a".repeat(450_000))).await, "431 large_head");
    let long = "GET /healthz?".to_owned() + &"a".repeat(8000);
    assert_eq!(ask(format!("{long} HTTP/1.1\r\nhost: localhost\r\nconnection: close")).await, "414 long_url");
    let post = "POST /v1/call/guest/echo HTTP/1.1\r\nhost: localhost\r\nconnection: close";
    for twofold in [
        "\r\ncontent-length: 1\r\ncontent-length: 2",
        "\r\ncontent-length: +1",
        "\r\ntransfer-encoding: gzip",
        "\r\ntransfer-encoding: chunked, gzip",
    ] {
        assert_eq!(ask(format!("{post}{twofold}")).await, "400 bad_request", "{twofold:?}");
    }
    assert_eq!(ask(format!("{get}\r\nx: 1\r\n folded")).await, "400 bad_request");
    assert_eq!(ask(format!("{get}\r\nx : 1")).await, "400 bad_request");
    assert_eq!(
        ask("GET /healthz HTTP/1.1\r\nconnection: close\r\nx\0: 1\r\nhost: localhost".into()).await,
        "400 bad_request"
    );
    assert_eq!(ask("GET /healthz HTTP/3.0".into()).await, "400 bad_request");
}

#[tokio::test]
async fn h3_as_many_headers_and_bytes_of_them_are_taken_as_the_limits_say() {
    let served = Served::with(|limits| (limits.headers, limits.head_bytes) = (4, 32 << 10)).await;
    let get = "GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close";
    let ask = async |more: String| served.raw(format!("{get}{more}\r\n\r\n")).await;
    assert!(ask("\r\nx: 1\r\ny: 2".into()).await.starts_with("HTTP/1.1 200 "));
    assert_eq!(code(&ask("\r\nx: 1\r\ny: 2\r\nz: 3".into()).await), "431 large_head");
    assert!(ask(format!("\r\nx: {}", "a".repeat(24 << 10))).await.starts_with("HTTP/1.1 200 "));
    assert_eq!(code(&ask(format!("\r\nx: {}", "a".repeat(100 << 10))).await), "431 large_head");
}

#[tokio::test]
async fn h3_what_is_no_request_is_told_why_behind_the_answers_to_those_before_it() {
    let served = Served::new().await;
    let get = "GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n";
    for broken in ["nonsense\r\n\r\n", "GET / HTTP/1.1\r\nx : 1\r\n\r\n", "\0\0\0\0\r\n\r\n"] {
        assert_eq!(code(&served.raw(broken).await), "400 bad_request", "{broken:?}");
        let answer = served.raw(format!("{get}{get}{broken}")).await;
        let (answered, refused) = answer.split_at(answer.rfind("HTTP/1.1 ").unwrap());
        assert_eq!((answered.matches("HTTP/1.1 200 ").count(), &*code(refused)), (2, "400 bad_request"), "{answer}");
    }
    let logged = served.get("/metrics").await.text();
    let counted = "au_http_request_seconds_count{method=\"other\",route=\"none\",status=\"400\"} 6";
    assert!(logged.contains(counted), "{logged}");
}

#[tokio::test]
async fn h3_whoever_sends_a_head_that_is_far_too_large_hears_why() {
    let served = Served::new().await;
    let head = format!("GET /healthz HTTP/1.1\r\nhost: localhost\r\nx: {}\r\n\r\n", "a".repeat(32 << 20));
    for _ in 0..3 {
        assert_eq!(code(&served.raw(head.clone()).await), "431 large_head");
    }
}

#[tokio::test]
async fn h3_an_output_that_looks_like_a_refusal_is_handed_on_as_it_is() {
    let served = Served::new().await;
    let output = "HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n".repeat(10_000);
    for _ in 0..3 {
        let answer = served.post("/v1/call/guest/echo", "text/plain", output.clone()).await;
        assert!(answer.status == 200 && answer.text() == output, "{}", answer.bytes.len());
    }
}

#[tokio::test]
async fn h3_a_body_of_two_lengths_is_read_by_one_rule_and_its_connection_ends() {
    let served = Served::new().await;
    // RFC 9112 §6.3: the chunks win, and the connection is closed; the rest is never read as another request.
    let (length, chunks) = ("content-length: 5\r\n", "transfer-encoding: chunked\r\n");
    for lengths in [format!("{length}{chunks}"), format!("{chunks}{length}")] {
        let smuggled = format!(
            "POST /v1/call/guest/echo HTTP/1.1\r\nhost: localhost\r\n{lengths}\r\n0\r\n\r\n\
             GET /v1/modules HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"
        );
        let answer = served.raw(smuggled).await;
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("\r\n\r\n[]"), "{answer}");
        assert!(answer.matches("HTTP/1.1 ").count() == 1 && answer.contains("connection: close"), "{answer}");
    }
}

#[tokio::test]
async fn h3_lines_that_end_in_a_line_feed_alone_are_one_request() {
    let served = Served::new().await;
    // RFC 9112 §2.2 lets a recipient take it for the end of a line. Who takes it for a part of one sees other requests.
    for head in [
        "GET /healthz HTTP/1.1\nhost: localhost\nconnection: close\n\n",
        "GET /healthz HTTP/1.1\r\nhost: localhost\nconnection: close\r\n\n",
    ] {
        let answer = served.raw(head).await;
        assert!(answer.matches("HTTP/1.1 ").count() == 1 && answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_goes_on_after_a_refusal_whose_body_nobody_read() {
    let served = Served::new().await;
    for head in ["POST /v1/nothing", "POST /v1/call/no+name/echo", "POST /healthz", "GET /v1/jobs?nonsense=1"] {
        let mut stream = served.connect();
        let mut send = |text: &str| {
            stream.write_all(text.as_bytes()).unwrap();
            std::thread::sleep(Duration::from_millis(50));
        };
        send(&format!("{head} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 200000\r\n\r\n"));
        send(&"x".repeat(100_000));
        send(&"y".repeat(100_000));
        send("GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
        let answers = read_all(&mut stream);
        assert!(answers.starts_with("HTTP/1.1 4"), "{answers}");
        assert_eq!(
            (answers.matches("HTTP/1.1 ").count(), answers.matches("HTTP/1.1 200").count()),
            (2, 1),
            "{answers}"
        );
    }
}

#[tokio::test]
async fn a_refusal_says_so_where_its_connection_cannot_go_on() {
    let served = Served::new().await;
    let head = "POST /v1/nothing HTTP/1.1\r\nhost: localhost\r\n";
    // One whose body does not end, and one who waits to be told to send it: neither is asked for it.
    for rest in ["transfer-encoding: chunked\r\n\r\n1\r\nx\r\n", "content-length: 5\r\nexpect: 100-continue\r\n\r\n"] {
        let answer = served.raw(format!("{head}{rest}")).await;
        assert!(answer.starts_with("HTTP/1.1 404") && answer.contains("connection: close\r\n"), "{answer}");
    }
}

#[tokio::test]
async fn h12_http2_is_not_spoken() {
    let served = Served::new().await;
    let answer = served.raw("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
    assert_eq!(served.get("/healthz").await.status, 200);
}

#[tokio::test]
async fn h13_a_name_that_is_not_this_hosts_is_refused() {
    let served = Served::new().await;
    let named = async |host: &str| served.send(served.ask(Method::GET, "/v1/jobs").header("host", host)).await;
    for host in ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "10.0.0.1:8282", "[2001:db8::1]"] {
        problem(named(host).await, 421, "bad_host");
    }
    for host in ["localhost", "LOCALHOST:1", "127.0.0.1:8282", "[::1]:80", "127.9.9.9"] {
        assert_eq!(named(host).await.status, 200, "{host}");
    }
    for head in ["GET /v1/jobs HTTP/1.1", "GET /v1/jobs HTTP/1.1\r\nhost: localhost\r\nhost: evil.example"] {
        let answer = served.raw(format!("{head}\r\nconnection: close\r\n\r\n")).await;
        assert!(answer.starts_with("HTTP/1.1 421") || answer.starts_with("HTTP/1.1 400"), "{answer}");
    }
    let absolute = "GET http://evil.example/v1/jobs HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    assert!(served.raw(absolute).await.starts_with("HTTP/1.1 421"));
}

#[tokio::test]
async fn h13_a_page_of_another_site_changes_nothing() {
    let served = Served::new().await;
    let submit = || served.ask(Method::POST, "/v1/submit/guest/echo").header("content-type", "text/plain").body("x");
    for (name, value) in [
        ("origin", "https://evil.example".to_owned()),
        ("origin", "null".to_owned()),
        ("origin", format!("http://localhost:{}", served.address.port() ^ 1)),
        ("sec-fetch-site", "cross-site".to_owned()),
    ] {
        problem(served.send(submit().header(name, value)).await, 403, "bad_origin");
    }
    let own = submit().header("origin", served.url("")).header("sec-fetch-site", "same-origin");
    assert_eq!(served.send(own).await.status, 202);
    let asked = served.ask(Method::OPTIONS, "/v1/submit/guest/echo").header("origin", "https://evil.example");
    let asked = served.send(asked.header("access-control-request-method", "POST")).await;
    assert_eq!((asked.status, asked.header("access-control-allow-origin")), (405, ""));
    assert_eq!(json(served.get("/v1/jobs").await, 200)["jobs"].as_array().unwrap().len(), 1);
}
