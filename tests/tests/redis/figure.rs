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
    let store = store(&server.url()).await;
    let mut rates = Vec::new();
    for _ in 0..3 {
        let jobs: Vec<_> = (0..JOBS).map(|_| jobs::job()).collect();
        let begin = Instant::now();
        let inserts = stream::iter(&jobs).map(|job| store.insert(job)).buffer_unordered(IN_FLIGHT);
        inserts.for_each(|inserted| async { drop(inserted.unwrap()) }).await;
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
    let words = "submits/s, three times; then jobs/s taken by 1, 64 and 512, one take at a time";
    drop(writeln!(std::io::stderr(), "FIGURE: {rates:?} ({words})"));
}

fn rate(count: usize, begin: Instant) -> u64 {
    let micros = begin.elapsed().as_micros().max(1);
    u64::try_from(count as u128 * 1_000_000 / micros).unwrap_or(u64::MAX)
}
