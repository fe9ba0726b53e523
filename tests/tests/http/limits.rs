//! How much comes in, how slowly, and how many at a time.

use std::io::Write;
use std::process::Command;

use au_tests::guest;

use super::program::{Folder, program};
use super::served::{Served, read_all, self_signed};
use super::*;

const SOON: Duration = Duration::from_millis(50);

async fn closed(mut stream: std::net::TcpStream) -> String {
    tokio::task::spawn_blocking(move || read_all(&mut stream)).await.unwrap()
}

/// That there is no room is said to whoever connects, before anything is asked. Connections are let in in their order.
async fn refused(stream: std::net::TcpStream) {
    let answer = closed(stream).await;
    assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("\r\nretry-after: 1\r\n"), "{answer:?}");
    assert!(
        answer.contains("\r\ncontent-type: application/problem+json\r\n") && answer.contains("\"busy\""),
        "{answer}"
    );
}

#[tokio::test]
async fn h1_a_silent_connection_is_closed() {
    let served = Served::with(|limits| limits.first_byte = SOON).await;
    assert_eq!(closed(served.connect()).await, "");
}

#[tokio::test]
async fn h1_a_handshake_that_never_ends_is_closed() {
    let folder = tempfile::tempdir().unwrap();
    let files = self_signed(folder.path(), "localhost");
    let served = Served::configured(guest::local(guest::config()).await, |config| {
        config.tls = Some(files);
        config.limits.head = SOON;
    })
    .await;
    assert_eq!(closed(served.connect()).await, "", "who says nothing");
    let mut stream = served.connect();
    // A record of TLS that says it goes on.
    stream.write_all(&[22, 3, 1, 2, 0]).unwrap();
    assert_eq!(closed(stream).await, "", "who begins and stops");
}

#[tokio::test]
async fn h1_many_slow_heads_hold_nobody_up() {
    let served = Served::new().await;
    let slow: Vec<_> = (0..50)
        .map(|_| {
            let mut stream = served.connect();
            stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: loc").unwrap();
            stream
        })
        .collect();
    let answers = futures::future::join_all((0..50).map(|_| served.get("/healthz"))).await;
    assert!(answers.iter().all(|answer| answer.status == 200));
    // They were there all the time, and each is answered once it goes on.
    for mut stream in slow {
        stream.write_all(b"alhost\r\nconnection: close\r\n\r\n").unwrap();
        assert!(closed(stream).await.starts_with("HTTP/1.1 200"));
    }
}

#[tokio::test]
async fn h1_a_head_that_never_ends_is_closed() {
    let served = Served::with(|limits| limits.head = SOON).await;
    let mut stream = served.connect();
    stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: loc").unwrap();
    let answer = closed(stream).await;
    assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("\"too_slow\""), "{answer:?}");
    // However little comes now and then.
    let mut stream = served.connect();
    stream.write_all(b"GET /healthz HTTP/1.1\r\n").unwrap();
    let mut slow = stream.try_clone().unwrap();
    let sending = tokio::task::spawn_blocking(move || {
        while slow.write_all(b"x: 1\r\n").is_ok() {
            std::thread::sleep(Duration::from_millis(5));
        }
    });
    closed(stream).await;
    sending.await.unwrap();
}

#[tokio::test]
async fn h1_a_connection_between_requests_is_closed_after_its_time() {
    let served = Served::with(|limits| limits.idle = SOON).await;
    let mut stream = served.connect();
    stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
    assert!(closed(stream).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn h1_a_connection_that_asks_again_in_time_stays_open() {
    let served = Served::with(|limits| limits.idle = Duration::from_secs(2)).await;
    let mut stream = served.connect();
    let asking = tokio::task::spawn_blocking(move || {
        // The time of the first wait is over in the midst of the second.
        for wait in [1200, 1200, 0] {
            stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
            let mut read = Vec::new();
            while !read.ends_with(b"}") {
                let mut piece = [0; 4096];
                let count = std::io::Read::read(&mut stream, &mut piece).unwrap();
                assert!(count > 0, "closed on a client that asks in time");
                read.extend_from_slice(&piece[..count]);
            }
            std::thread::sleep(Duration::from_millis(wait));
        }
    });
    asking.await.unwrap();
}

#[tokio::test]
async fn h1_a_body_that_never_comes_is_a_408() {
    let served = Served::with(|limits| limits.body = SOON).await;
    for path in ["/v1/call/guest/echo", "/v1/submit/guest/echo/bulk"] {
        let mut stream = served.connect();
        let head = format!("POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\n[1");
        stream.write_all(head.as_bytes()).unwrap();
        let answer = closed(stream).await;
        assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("too_slow"), "{answer}");
    }
    let mut stream = served.connect();
    stream
        .write_all(b"PUT /v1/modules HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n4\r\n\0asm\r\n")
        .unwrap();
    assert!(closed(stream).await.starts_with("HTTP/1.1 408"));
}

#[tokio::test]
async fn h1_a_reader_who_takes_nothing_is_cut_off() {
    let served = Served::with(|limits| limits.write = SOON).await;
    let call = "POST /v1/call/guest/big?max-output=64MiB HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/octet-stream\r\ncontent-length: 4\r\n\r\n";
    let mut stream = served.connect();
    stream.write_all(&[call.as_bytes(), &number(32 << 20)].concat()).unwrap();
    // What was under way when it was cut off can still be read, and is not all.
    until("the end of the connection", async || {
        let open = served.local.host().ready().await.is_ok() && stream.write_all(b"x").is_ok();
        (!open).then_some(())
    })
    .await;
}

#[tokio::test]
async fn h2_beyond_the_connections_that_are_taken_is_a_503_and_those_who_go_make_room() {
    let served = Served::with(|limits| limits.connections = 3).await;
    let held: Vec<_> = (0..3).map(|_| served.connect()).collect();
    refused(served.connect()).await;
    drop(held);
    until("room", async || {
        let answer = served.client.get(served.url("/healthz")).send().await;
        answer.is_ok_and(|answer| answer.status() == 200).then_some(())
    })
    .await;
}

#[tokio::test]
async fn h2_one_peer_has_no_more_connections_than_it_may() {
    let served = Served::with(|limits| limits.connections_per_peer = Some(2)).await;
    let _held = [served.connect(), served.connect()];
    refused(served.connect()).await;
}

#[tokio::test]
async fn h2_idle_connections_leave_files_for_all_else_however_many_they_are() {
    if !au_tests::machine::has("prlimit") {
        return au_tests::machine::skip("no prlimit: there are as many files as this machine gives");
    }
    let folder = Folder::new();
    // None of them is closed for its silence meanwhile.
    std::fs::write(folder.path().join("data/au-host.toml"), "[http]\nfirst_byte = '1m'\n").unwrap();
    let mut command = Command::new("prlimit");
    command.arg("--nofile=256:256").arg(program());
    let server = folder.start(command, &[]);
    let address = server.url.strip_prefix("http://").unwrap();
    let connect = || {
        let stream = std::net::TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
        stream
    };
    let mut idle: Vec<_> = (0..300).map(|_| connect()).collect();
    // They are let in in order, until four of five files are open: 204, its own among them.
    refused(idle.pop().unwrap()).await;
    let open = server.files();
    assert!((150..230).contains(&open), "{open} of 256 files are open");
    // What is let in is served: a job needs files of its own.
    let mut stream = idle.remove(0);
    let submit =
        "POST /v1/submit/guest/echo HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: 3\r\n\r\n[7]";
    stream.write_all(submit.as_bytes()).unwrap();
    assert!(closed(stream).await.starts_with("HTTP/1.1 202"));
    drop(idle);
    until("room", async || {
        let answer = server.client.get(format!("{}/healthz", server.url)).send().await;
        answer.is_ok_and(|answer| answer.status() == 200).then_some(())
    })
    .await;
    let id = server.submit("echo", "[8]").await.unwrap();
    assert_eq!(json(server.get(&format!("/v1/jobs/{id}?wait=1m")).await, 200)["status"], "completed");
}

#[tokio::test]
async fn what_is_more_than_can_be_answered_at_once_is_shed_and_health_is_answered_all_the_same() {
    let served = Served::with(|limits| limits.in_flight = 2).await;
    let calls = [served.calling("spin"), served.calling("spin")];
    let shed =
        until("a refusal", async || Some(served.get("/v1/jobs").await).filter(|answer| answer.status == 503)).await;
    assert_eq!(shed.header("retry-after"), "1");
    problem(shed, 503, "busy");
    assert_eq!((served.get("/healthz").await.status, served.get("/readyz").await.status), (200, 200));
    calls.iter().for_each(|call| call.abort());
}

#[tokio::test]
async fn a_body_that_is_too_large_is_a_413_said_or_not() {
    let served = Served::with(|limits| limits.body_bytes = 1000).await;
    problem(served.post("/v1/call/guest/echo", OCTETS, vec![0; 1001]).await, 413, "too_large");
    assert_eq!(served.post("/v1/call/guest/echo", OCTETS, vec![0; 1000]).await.status, 200);
    let pieces = futures::stream::iter((0..20).map(|_| Ok::<_, std::io::Error>(vec![0_u8; 100])));
    let chunked = reqwest::Body::wrap_stream(pieces);
    problem(served.post("/v1/call/guest/echo", OCTETS, chunked).await, 413, "too_large");
}

#[tokio::test]
async fn bodies_that_are_too_much_together_are_shed() {
    let served = Served::with(|limits| limits.bodies_bytes = 1000).await;
    problem(served.post("/v1/call/guest/echo", OCTETS, vec![0; 1001]).await, 503, "busy");
    for _ in 0..3 {
        assert_eq!(
            served.post("/v1/call/guest/echo", OCTETS, vec![0; 900]).await.status,
            200,
            "the share is given back"
        );
    }
}

#[tokio::test]
async fn a_url_that_is_too_long_is_a_414() {
    let served = Served::with(|limits| limits.url_bytes = 100).await;
    problem(served.get(&format!("/v1/jobs?label={}", "a".repeat(100))).await, 414, "long_url");
}

#[tokio::test]
async fn whoever_sends_far_too_much_hears_why() {
    let served = Served::with(|limits| limits.body_bytes = 1000).await;
    problem(served.post("/v1/call/guest/echo", OCTETS, vec![0; 32 << 20]).await, 413, "too_large");
    let pieces = futures::stream::iter((0..512).map(|_| Ok::<_, std::io::Error>(vec![0_u8; 64 << 10])));
    problem(served.post("/v1/call/guest/echo", OCTETS, reqwest::Body::wrap_stream(pieces)).await, 413, "too_large");
    // Who asks first sends nothing.
    let head = "POST /v1/call/guest/echo HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100000\r\nexpect: 100-continue\r\nconnection: close\r\n\r\n";
    assert!(served.raw(head).await.starts_with("HTTP/1.1 413"));
}
