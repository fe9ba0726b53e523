//! A figure: `cargo test -p au-tests --release --no-default-features --features postgres --test postgres figure -- --ignored --nocapture`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use au_tests::postgres::Server;
use au_tests::store::jobs;
use futures::StreamExt;
use futures::stream;
use tokio_postgres::NoTls;

use crate::opened;

const JOBS: usize = 40_000;
const IN_FLIGHT: usize = 1024;

#[expect(clippy::print_stderr, reason = "a figure is for people")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a figure, not a test"]
async fn figure() {
    let Some(server) = Server::start(true) else { return };
    let url = server.database();
    let store = opened(&url).await;
    for round in 0..3 {
        let ours = submits(&store).await;
        let bare = bare(&url, round).await;
        let rate = |took: Duration| JOBS as f64 / took.as_secs_f64();
        eprintln!(
            "{:.0} submits/s, {:.0} rows/s by a bare client: {:.2}",
            rate(ours),
            rate(bare),
            rate(ours) / rate(bare)
        );
    }
    let batches = server.sql(&url, "SELECT count(DISTINCT xmin::text) FROM au_host.job");
    eprintln!("{JOBS} jobs a round in {batches} batches in all");
}

async fn submits(store: &Arc<dyn au_host::Store>) -> Duration {
    let all: Vec<_> = (0..JOBS).map(|_| jobs::job()).collect();
    let begun = Instant::now();
    stream::iter(&all)
        .for_each_concurrent(IN_FLIGHT, |job| async move {
            store.insert(job).await.unwrap();
        })
        .await;
    begun.elapsed()
}

/// The same bytes in as many columns, with the same indexes, in batches of as many rows, one statement each.
async fn bare(url: &str, round: usize) -> Duration {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    let make = format!(
        "CREATE TABLE bare_{round} (LIKE au_host.job INCLUDING ALL);
         CREATE TABLE bare_tag_{round} (LIKE au_host.tag INCLUDING ALL);
         CREATE TABLE bare_all_{round} AS SELECT * FROM au_host.job ORDER BY id DESC LIMIT {JOBS}"
    );
    client.batch_execute(&make).await.unwrap();
    let rows = client.query(&format!("SELECT id, spec, state, input, tags FROM bare_all_{round}"), &[]).await.unwrap();
    let insert = format!(
        "WITH added AS (INSERT INTO bare_{round} (id, status, version, priority, due, holds, bytes, tags, spec, state, input)
            SELECT id, 0, 1, 0, 7, 0, 0, tags::bytea[], spec, state, input
            FROM unnest($1::uuid[], $2::bytea[], $3::bytea[], $4::bytea[], $5::text[]) AS n(id, spec, state, input, tags)
            RETURNING id, tags)
         INSERT INTO bare_tag_{round} SELECT unnest(tags), id FROM added"
    );
    let insert = client.prepare(&insert).await.unwrap();
    let begun = Instant::now();
    for batch in rows.chunks(IN_FLIGHT) {
        let ids: Vec<uuid::Uuid> = batch.iter().map(|row| row.get(0)).collect();
        let bytes = |column: usize| batch.iter().map(|row| row.get(column)).collect::<Vec<Vec<u8>>>();
        let tags: Vec<_> = batch
            .iter()
            .map(|row| {
                let tags: Vec<Vec<u8>> = row.get(4);
                let tags: Vec<_> = tags.iter().map(|tag| format!("\"\\\\x{}\"", hex::encode(tag))).collect();
                format!("{{{}}}", tags.join(","))
            })
            .collect();
        client.execute(&insert, &[&ids, &bytes(1), &bytes(2), &bytes(3), &tags]).await.unwrap();
    }
    begun.elapsed()
}
