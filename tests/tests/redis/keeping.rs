//! What is kept on the server, for how long, and what is not left behind.

use std::time::Duration;

use au_host::store::Query;
use au_host::{Error, Job};
use au_tests::redis::Server;
use au_tests::store::jobs::{self, NOW, after};

use super::{base, keys, large, needs_redis, store};

const DAY: u64 = 24 * 60 * 60;

/// Milliseconds until the server forgets each key of a kind; less than none: it does not.
fn left(server: &Server, url: &str, kind: &str) -> Vec<i64> {
    let code = "local found = {}
        for _, key in ipairs(redis.call('KEYS', '*')) do
            if string.find(key, ARGV[1], 1, true) == 1 then found[#found + 1] = redis.call('PTTL', key) end
        end
        return found";
    let answer = server.ask(&["eval", code, "0", &format!("{}{kind}", base(url))]);
    answer.lines().filter_map(|line| line.trim().parse().ok()).collect()
}

fn with_ttl(mut job: Job, seconds: u64) -> Job {
    job.spec.options.ttl = Some(Duration::from_secs(seconds));
    job
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_of_a_finished_job_are_forgotten_by_the_server_a_day_after_it_expired() {
    needs_redis!();
    let server = Server::start();
    let url = server.url();
    let store = store(&url).await;
    let worker = jobs::worker();
    let mut job = with_ttl(large(1 << 20), 3600);
    job.spec.options.key = jobs::key("k", au_host::KeyHolds::WhileKept);
    let job = jobs::running(job, worker);
    store.insert(&job).await.unwrap();
    let line = au_host::LogEntry { at: NOW, attempt: 1, level: au_host::Level::Info, message: "x".into() };
    store.append_log(job.spec.id, std::slice::from_ref(&line)).await.unwrap();
    let own = ["j:", "f:", "l:", "k:"];
    let of = |kind: &str| left(&server, &url, kind);
    for kind in own {
        assert_eq!(of(kind), [-1], "{kind} of an unfinished job");
    }
    store.advance(job.spec.id, &jobs::finished(&job, worker, jobs::output(vec![7; 1 << 20]))).await.unwrap();
    let most = i64::try_from((3600 + DAY) * 1000).unwrap();
    for (kind, count) in [("j:", 1), ("f:", 2), ("l:", 1), ("k:", 1)] {
        let left = of(kind);
        assert_eq!(left.len(), count, "{kind}");
        assert!(left.iter().all(|left| (1..=most).contains(left)), "{kind} {left:?}");
    }
    let forever = jobs::running(jobs::job(), worker);
    store.insert(&forever).await.unwrap();
    store.advance(forever.spec.id, &jobs::finished(&forever, worker, jobs::output("x"))).await.unwrap();
    assert_eq!(of("j:").iter().filter(|left| **left == -1).count(), 1, "without a time to live it stays");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_the_server_forgot_by_itself_is_gone_from_all_lists_and_counts() {
    needs_redis!();
    let server = Server::start();
    let url = server.url();
    let store = store(&url).await;
    let worker = jobs::worker();
    let mut job = with_ttl(jobs::job(), 10);
    job.spec.options.principal = Some("one".into());
    job.spec.options.labels = [("a".into(), "b".into())].into();
    let job = jobs::running(job, worker);
    store.insert(&job).await.unwrap();
    store.advance(job.spec.id, &jobs::finished(&job, worker, jobs::output("x"))).await.unwrap();
    let line = au_host::LogEntry { at: NOW, attempt: 1, level: au_host::Level::Info, message: "x".into() };
    store.append_log(job.spec.id, &[line]).await.unwrap();
    // As the server does it when the time has come.
    let code = "for _, key in ipairs(redis.call('KEYS', '*')) do if string.find(key, ARGV[1] .. 'j:', 1, true) == 1 then redis.call('DEL', key) end end";
    assert_eq!(server.ask(&["eval", code, "0", &base(&url)]), "");
    assert!(matches!(store.get(job.spec.id, NOW).await.unwrap_err(), Error::NotFound { .. }));
    assert_eq!(store.held("one").await.unwrap().jobs.completed, 1);
    let expired = store.scan(&Query::Expired { now: after(10), limit: 10 }).await.unwrap();
    assert_eq!(expired, []);
    assert_eq!(store.held("one").await.unwrap(), au_host::Held::default());
    assert_eq!(store.counts().await.unwrap(), au_host::Counts::default());
    let list = Query::List { filter: au_host::store::Filter::default(), before: None, limit: 10, now: NOW };
    assert_eq!(store.scan(&list).await.unwrap(), []);
    for kind in ["st", "t", "own"] {
        assert_eq!(keys(&server, &url, kind), [""; 0], "{kind}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_left_of_a_job_that_was_removed() {
    needs_redis!();
    let server = Server::start();
    let url = server.url();
    let store = store(&url).await;
    let worker = jobs::worker();
    for ttl in [None, Some(Duration::from_secs(9))] {
        for finish in [false, true] {
            let mut job = large(1 << 20);
            job.spec.options.ttl = ttl;
            job.spec.options.principal = Some("one".into());
            job.spec.options.key = jobs::key("k", au_host::KeyHolds::WhileKept);
            job.spec.options.labels = [("a".into(), "b".into())].into();
            let job = jobs::running(job, worker);
            store.insert(&job).await.unwrap();
            let line = au_host::LogEntry { at: NOW, attempt: 1, level: au_host::Level::Info, message: "x".into() };
            store.append_log(job.spec.id, &[line]).await.unwrap();
            if finish {
                store
                    .advance(job.spec.id, &jobs::finished(&job, worker, jobs::output(vec![7; 1 << 20])))
                    .await
                    .unwrap();
            }
            assert_eq!(store.remove(&[job.spec.id]).await.unwrap(), 1);
        }
    }
    // Quoted, for a name may have the byte of a new line in it.
    let all = server.ask(&["--no-raw", "keys", "*"]);
    let kept = ["ch", "op:"].map(|kind| format!("\"{}{kind}", base(&url)));
    let rest: Vec<_> =
        all.lines().filter(|key| key.contains('"') && !kept.iter().any(|kept| key.contains(kept))).collect();
    assert!(all.contains(&kept[1]), "{all}");
    assert_eq!(rest, [""; 0], "but for the hints, and answers that are kept for a minute");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pieces_of_a_payload_whose_writer_is_gone_are_forgotten_by_the_server() {
    needs_redis!();
    let server = Server::start();
    let url = server.url();
    let store = store(&url).await;
    let job = large(32 << 20);
    let mut insert = Box::pin(store.insert(&job));
    while keys(&server, &url, "f").is_empty() {
        // A few steps of the way.
        let step = tokio::time::timeout(Duration::from_millis(1), &mut insert).await;
        assert!(step.is_err(), "it was faster than one could look");
    }
    drop(insert);
    let lefts = left(&server, &url, "f:");
    assert!(lefts.iter().any(|left| (1..=3_600_000).contains(left)), "{lefts:?}");
    assert!(matches!(store.get(job.spec.id, NOW).await.unwrap_err(), Error::NotFound { .. }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payload_of_64_mib_comes_back_and_a_peek_does_not_read_it() {
    needs_redis!();
    let server = Server::start();
    let url = server.url();
    let (store, reader) = (store(&url).await, super::store(&url).await);
    let job = large(64 << 20);
    store.insert(&job).await.unwrap();
    let sent = |server: &Server| {
        let stats = server.ask(&["info", "stats"]);
        let line = stats.lines().find_map(|line| line.strip_prefix("total_net_output_bytes:")).unwrap();
        line.trim().parse::<u64>().unwrap()
    };
    let before = sent(&server);
    assert_eq!(reader.peek(job.spec.id, NOW).await.unwrap().input.bytes, 64 << 20);
    assert!(sent(&server) - before < 100_000, "the peek read the payload");
    let taken = reader.take(&jobs::take(jobs::worker(), 1)).await.unwrap();
    assert!(taken.started[0].spec == job.spec);
}

#[tokio::test(flavor = "multi_thread")]
async fn stores_of_other_prefixes_on_one_server_do_not_see_each_other() {
    needs_redis!();
    let server = Server::start();
    let (one, other) = (store(&server.url()).await, store(&server.url()).await);
    let job = jobs::job();
    one.insert(&job).await.unwrap();
    assert!(matches!(other.get(job.spec.id, NOW).await.unwrap_err(), Error::NotFound { .. }));
    assert!(other.take(&jobs::take(jobs::worker(), 9)).await.unwrap().started.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_many_statuses_of_which_few_pass_is_whole_and_in_order() {
    needs_redis!();
    let server = Server::start();
    let store = store(&server.url()).await;
    let (worker, wanted) = (jobs::worker(), au_host::Digest::of(b"wanted"));
    let mut expected = Vec::new();
    for number in 0..900 {
        let mut job = jobs::job();
        // Some statuses are rare for a while, so that their part of a page reaches much further down.
        if number % 7 == 0 || number > 500 {
            job = jobs::running(job, worker);
        }
        if number % 90 == 5 {
            job.spec.module = wanted;
            expected.push(job.spec.id);
        }
        store.insert(&job).await.unwrap();
    }
    expected.reverse();
    for size in [1, 3, 100] {
        let (mut found, mut before) = (Vec::new(), None);
        loop {
            let filter = au_host::store::Filter { module: Some(wanted), ..au_host::store::Filter::default() };
            let page = store.scan(&Query::List { filter, before, limit: size, now: NOW }).await.unwrap();
            before = page.last().map(|job| job.id);
            found.extend(page.iter().map(|job| job.id));
            if before.is_none() {
                break;
            }
        }
        assert_eq!(found, expected, "pages of {size}");
    }
}
