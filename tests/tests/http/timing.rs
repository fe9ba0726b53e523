//! What a refusal of a token takes says nothing of the token (H7): that it is not compared as it is, piece by piece. Of what is compared,
//! hashes, no caller can choose the first bytes.

use std::cmp::Ordering;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use au_host::{Clock, NewToken, Scope, Tokens};
use futures::FutureExt;

use super::served::Served;
use super::*;

/// Pairs of samples: 10^5 samples where nothing is in between, fewer over a socket.
const PAIRS: usize = 50_000;
const PAIRS_BY_SOCKET: usize = 10_000;
/// So many standard deviations are no chance: by chance one run in 10^9 has them.
const CHANCE: f64 = 6.0;

/// In how many standard deviations one of two takes longer than the other more often than not. A pair is timed in an order that
/// chance decides and only compared: whatever else goes on meanwhile meets both alike, and no outlier weighs more than 1.
fn gap(pairs: usize, mut time: impl FnMut(bool) -> Duration) -> f64 {
    let (mut chance, mut balance, mut told) = (0x9e37_79b9_u32, 0_i32, 0_u32);
    for _ in 0..pairs {
        chance ^= chance << 13;
        chance ^= chance >> 17;
        chance ^= chance << 5;
        let first = chance & 1 == 1;
        let (one, two) = (time(first), time(!first));
        balance += match one.cmp(&two) {
            Ordering::Equal => continue,
            Ordering::Less if first => 1,
            Ordering::Greater if !first => 1,
            Ordering::Less | Ordering::Greater => -1,
        };
        told += 1;
    }
    f64::from(balance).abs() / f64::from(told.max(1)).sqrt()
}

/// A token that is wrong in its last digit, and one that is wrong in the first digit behind its id, which is no secret.
fn wrong(token: &str) -> [String; 2] {
    let at = token.rfind('_').unwrap() + 1;
    let changed = |at: usize| {
        let other = if token.as_bytes()[at] == b'0' { "1" } else { "0" };
        format!("{}{other}{}", &token[..at], &token[at + 1..])
    };
    [changed(token.len() - 1), changed(at)]
}

/// The least gap of a few, each of another token. Where two texts happen to lie in memory can favour one of them, by turns of fate
/// that no caller chooses; what is told by what is in them is told every time.
fn least(mut gap_of: impl FnMut() -> f64) -> f64 {
    let mut least = f64::INFINITY;
    for _ in 0..4 {
        least = least.min(gap_of());
        if least < CHANCE {
            break;
        }
    }
    least
}

#[test]
fn h7_how_much_of_a_token_is_right_shows_in_no_time_that_its_refusal_takes() {
    let tokens = Tokens::new(Arc::new(au_host::store::memory::MemoryStore::new()), Clock::system());
    let made = || {
        let new = NewToken { name: "t".into(), tenant: Some("a".into()), scopes: [Scope::Read].into(), lasts: None };
        let (_, secret) = tokens.create(new).now_or_never().unwrap().unwrap();
        wrong(secret.reveal())
    };
    // One place in memory for all, so that only what is in it differs.
    let mut text = String::with_capacity(256);
    let mut refusal = |token: &str| {
        text.clear();
        text.push_str(token);
        // What the copy left on its way to memory has come there.
        std::thread::yield_now();
        let began = Instant::now();
        let found = tokens.find(&text).now_or_never().unwrap().unwrap();
        let took = began.elapsed();
        assert!(found.is_none());
        took
    };
    let gap_of = least(|| {
        let [late, early] = made();
        gap(PAIRS, |first| refusal(if first { &late } else { &early }))
    });
    assert!(gap_of < CHANCE, "{gap_of} standard deviations");
    // It would be seen: one that is too short is never looked for.
    let [late, early] = made();
    let seen = least(|| gap(PAIRS / 10, |first| refusal(if first { &late } else { &early[1..] })));
    assert!(seen > CHANCE, "{seen} standard deviations");
}

/// Asks with a token, and reads all of the answer.
fn asked(stream: &mut TcpStream, token: &str) -> Duration {
    let ask = format!("GET /v1/jobs HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n\r\n");
    let (mut answer, mut piece) = (Vec::new(), [0; 4096]);
    let began = Instant::now();
    stream.write_all(ask.as_bytes()).unwrap();
    while !answer.ends_with(b"}") {
        let count = stream.read(&mut piece).unwrap();
        assert_ne!(count, 0, "closed");
        answer.extend_from_slice(&piece[..count]);
    }
    let took = began.elapsed();
    assert!(answer.starts_with(b"HTTP/1.1 401 "), "{}", String::from_utf8_lossy(&answer));
    took
}

#[tokio::test(flavor = "multi_thread")]
async fn h7_nor_does_it_in_the_time_that_its_answer_takes() {
    let served = Served::closed().await;
    let mut pairs = Vec::new();
    for _ in 0..4 {
        pairs.push(wrong(&served.token(Some("a"), &[Scope::Read]).await));
    }
    let mut stream = served.connect();
    stream.set_nodelay(true).unwrap();
    let measuring = tokio::task::spawn_blocking(move || {
        least(|| {
            let [late, early] = pairs.pop().unwrap();
            gap(PAIRS_BY_SOCKET, |first| asked(&mut stream, if first { &late } else { &early }))
        })
    });
    let gap_of = measuring.await.unwrap();
    assert!(gap_of < CHANCE, "{gap_of} standard deviations");
}
