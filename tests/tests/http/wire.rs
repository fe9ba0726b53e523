//! How bytes go over the wire.

use std::io::{Read, Write};
use std::process::Command;

use super::served::Served;
use super::*;

/// A client that sends one request after another over one connection.
fn asked(stream: &mut std::net::TcpStream) -> usize {
    stream.write_all(b"POST /v1/call/guest/echo HTTP/1.1\r\nhost: localhost\r\ncontent-length: 4\r\n\r\n").unwrap();
    stream.write_all(b"[12]").unwrap();
    let (mut text, mut reads, mut piece) = (Vec::new(), 0, [0; 4096]);
    while !text.ends_with(b"\r\n\r\n[12]") {
        let count = stream.read(&mut piece).unwrap();
        assert_ne!(count, 0, "closed");
        text.extend_from_slice(&piece[..count]);
        reads += 1;
    }
    reads
}

#[tokio::test]
async fn an_answer_comes_in_one_piece_so_that_nobody_waits_for_an_acknowledgement() {
    let served = Served::new().await;
    let mut stream = served.connect();
    let reads = tokio::task::spawn_blocking(move || (0..50).map(|_| asked(&mut stream)).sum::<usize>()).await.unwrap();
    assert_eq!(reads, 50, "a head and a body that are sent one after the other are two");
}

#[tokio::test]
async fn connections_are_without_nagle() {
    if !au_tests::machine::has("strace") {
        return au_tests::machine::skip("no strace: whether TCP_NODELAY is set is not looked at");
    }
    // As the system itself sees it: what the program asks it for.
    let folder = program::Folder::new();
    let log = folder.path().join("strace.log");
    let mut strace = Command::new("strace");
    strace.args(["-f", "-e", "trace=setsockopt", "-o"]).arg(&log).arg(program::program());
    let server = folder.start(strace, &[]);
    assert_eq!(server.get("/healthz").await.status, 200);
    until("TCP_NODELAY", async || {
        std::fs::read_to_string(&log).unwrap_or_default().contains("TCP_NODELAY, [1]").then_some(())
    })
    .await;
}
