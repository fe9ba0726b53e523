//! A figure to look at, not a test: run with `--ignored --nocapture`.

use std::io::Write;
use std::time::Instant;

use au_tests::redis::Server;
use au_tests::store::jobs;
use futures::StreamExt;
use futures::stream;

use super::{needs_redis, store};

const JOBS: usize = 20_000;
const IN_FLIGHT: usize = 1024;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "prints how fast it is, which is for people"]
async fn jobs_are_kept_durably_with_many_in_flight() {
    needs_redis!();
    let server = Server::start();
    let url = server.url();
    let store = store(&url).await;
    let mut rates = Vec::new();
    for _ in 0..3 {
        let jobs: Vec<_> = (0..JOBS).map(|_| jobs::job()).collect();
        let begin = Instant::now();
        let inserts = stream::iter(&jobs).map(|job| store.insert(job)).buffer_unordered(IN_FLIGHT);
        inserts.for_each(|inserted| async { _ = inserted.unwrap() }).await;
        rates.push(rate(JOBS, begin));
    }
    let worker = jobs::worker();
    for limit in [1, 64, 512] {
        let begin = Instant::now();
        let mut count = 0;
        while count < 2000 {
            count += store.take(&jobs::take(worker, limit)).await.unwrap().started.len();
        }
        rates.push(rate(count, begin));
    }
    let before = store.depth(jobs::NOW).await.unwrap().pending;
    let hosts = futures::future::join_all((0..4).map(|_| super::store(&url))).await;
    assert_eq!(server.ask(&["config", "resetstat"]), "OK");
    let begin = Instant::now();
    let drain = hosts.iter().map(|host| {
        let host = std::sync::Arc::clone(host);
        tokio::spawn(async move {
            for _ in 0..20 {
                host.take(&jobs::take(worker, 64)).await.unwrap();
            }
        })
    });
    futures::future::join_all(drain).await.into_iter().for_each(Result::unwrap);
    let count = before - store.depth(jobs::NOW).await.unwrap().pending;
    rates.push(rate(usize::try_from(count).unwrap(), begin));
    let calls = server.ask(&["info", "commandstats"]);
    let reads = calls.lines().find_map(|line| line.strip_prefix("cmdstat_hmget:calls=")?.split(',').next()).unwrap();
    let reads = reads.parse::<u64>().unwrap() * 10 / count;
    let memory = server.ask(&["info", "memory"]);
    let memory = memory.lines().find(|line| line.starts_with("used_memory:")).unwrap_or_default().to_owned();
    let words = "submits/s, three times; then jobs/s taken by 1, 64 and 512, one take at a time, and by 64 on four hosts at once";
    drop(writeln!(
        std::io::stderr(),
        "FIGURE: {rates:?} ({words}); {reads} tenths of a read for each job that one of \
         four hosts took; {memory} for {} jobs",
        3 * JOBS
    ));
}

fn rate(count: usize, begin: Instant) -> u64 {
    let micros = begin.elapsed().as_micros().max(1);
    u64::try_from(count as u128 * 1_000_000 / micros).unwrap_or(u64::MAX)
}
