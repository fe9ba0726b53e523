//! Jobs in the stores that hosts share, beside what the engine itself does: the same rows by a client that does nothing else. And
//! beside Celery on the same Redis.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use au_host::store::{Durability, LEASE, Take, open};
use au_host::{Clock, Handle, Host, Local, LocalConfig, OCTETS, Payload, Status, Store, Takes, WorkerId};
use au_tests::guest::{self, add_to, ask};
use au_tests::store::jobs;
use au_tests::{postgres, redis};
use futures::{StreamExt, stream};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::measure::{Effort, Sample, in_turns, shown};
use crate::table::{Found, Limit, Row, Table};

const IN_FLIGHT: usize = 1024;
/// Jobs of one turn.
const JOBS: usize = 10_000;
const TURNS: usize = 5;
/// Jobs that wait while the times of takes are taken.
const WAITING: usize = 10_000;
const TAKES: usize = 1_000;
/// Jobs of a host that is killed.
const LOST: usize = 20;
const LOOK: Duration = Duration::from_millis(20);
/// As many as Celery is given.
const NO_OPS: usize = 5_000;

pub(crate) fn measure(effort: Effort, table: &mut Table) {
    let runtime = Runtime::new().expect("a runtime");
    match postgres::Server::start(true) {
        Some(server) => on_postgres(effort, table, &runtime, &server.database()),
        None => table.add(skipped("durable jobs on PostgreSQL", "no PostgreSQL is installed (`cargo xtask setup`)")),
    }
    match redis::is_there("the figures of redis:") {
        true => on_redis(effort, table, &runtime, &redis::Server::start()),
        false => table.add(skipped("durable jobs on Redis", "no Redis is installed (`cargo xtask setup`)")),
    }
}

fn skipped(figure: &'static str, why: &str) -> Row {
    Row { figure, found: Found::Skipped(why.into()), unit: "×", limit: Limit::None, beside: String::new() }
}

/// A host on a store, and its folder.
struct Ours {
    local: Local,
    _folder: TempDir,
}

impl Ours {
    async fn on(url: &str, takes: Takes) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let config = LocalConfig { slots: Some(IN_FLIGHT), takes, ..guest::config() };
        let local = Local::on(opened(url).await, folder.path(), config).await.expect("a host");
        add_to(&local).await;
        Self { local, _folder: folder }
    }
}

impl Ours {
    async fn here() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let config = LocalConfig { slots: Some(IN_FLIGHT), ..guest::config() };
        let local = Local::open(&folder.path().join("data"), config).await.expect("a host");
        add_to(&local).await;
        Self { local, _folder: folder }
    }
}

async fn opened(url: &str) -> Arc<dyn Store> {
    open(url, Durability::Fsync).await.expect("a store")
}

/// Jobs per second, from submit to result, so many at a time.
async fn rate(host: &Host, count: usize) -> f64 {
    let began = Instant::now();
    let jobs = stream::iter(0..count).map(|number| {
        let (host, request) = (host.clone(), ask("echo", number as u32));
        tokio::spawn(async move {
            let handle = host.submit(request).await.expect("it is kept");
            handle.result(None).await.expect("an echo");
        })
    });
    jobs.buffer_unordered(IN_FLIGHT).for_each(|done| async { done.expect("it ends") }).await;
    count as f64 / began.elapsed().as_secs_f64()
}

fn per_second(sample: &Sample) -> String {
    format!("{:.1} k/s", sample.median() / 1e3)
}

fn on_postgres(effort: Effort, table: &mut Table, runtime: &Runtime, url: &str) {
    let count = effort.of_usual(JOBS);
    let ours = runtime.block_on(Ours::on(url, Takes::Everything));
    // Rows of its own are what the bare client inserts.
    runtime.block_on(rate(ours.local.host(), count));
    let bare = runtime.block_on(BareRows::new(url, count));
    let [base, jobs] = in_turns(
        effort.of_usual(TURNS),
        [&mut || runtime.block_on(bare.rate()), &mut || runtime.block_on(rate(ours.local.host(), count))],
    );
    let beside = format!("{} beside {} of the same rows by a bare client", per_second(&jobs), per_second(&base));
    let figure = "durable submit to result on PostgreSQL, 1,024 in flight";
    table.add(Row::ratio(figure, jobs.over(&base), Limit::AtLeast(0.5), beside));
    drop(ours);
    takes(effort, table, runtime, url, ["take of one job on PostgreSQL, p50", "the same, p99"]);
    hosts(effort, table, runtime, url);
    table.add(runtime.block_on(taken_up(url, "a host on PostgreSQL is killed: its jobs run elsewhere after")));
}

/// Id, spec, state, and input.
type BareRow = (uuid::Uuid, Vec<u8>, Vec<u8>, Option<Vec<u8>>);

/// The same rows in a table like ours, inserted and deleted in batches of as many as we have in flight, one statement each.
struct BareRows {
    client: tokio_postgres::Client,
    insert: tokio_postgres::Statement,
    delete: tokio_postgres::Statement,
    rows: Vec<BareRow>,
}

impl BareRows {
    async fn new(url: &str, count: usize) -> Self {
        let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.expect("a server");
        tokio::spawn(connection);
        client.batch_execute("CREATE TABLE bare (LIKE au_host.job INCLUDING ALL)").await.expect("a table");
        let text = format!("SELECT id, spec, state, input FROM au_host.job LIMIT {count}");
        let rows = client.query(&text, &[]).await.expect("rows");
        let rows = rows.iter().map(|row| (row.get(0), row.get(1), row.get(2), row.get(3))).collect();
        let insert = "INSERT INTO bare (id, status, version, priority, due, holds, bytes, tags, spec, state, input)
            SELECT id, 0, 1, 0, 7, 0, 0, '{}'::bytea[], spec, state, input
            FROM unnest($1::uuid[], $2::bytea[], $3::bytea[], $4::bytea[]) AS n(id, spec, state, input)";
        let insert = client.prepare(insert).await.expect("SQL");
        let delete = client.prepare("DELETE FROM bare WHERE id = ANY($1::uuid[])").await.expect("SQL");
        Self { client, insert, delete, rows }
    }

    async fn rate(&self) -> f64 {
        let began = Instant::now();
        for batch in self.rows.chunks(IN_FLIGHT) {
            let ids: Vec<_> = batch.iter().map(|row| row.0).collect();
            let specs: Vec<_> = batch.iter().map(|row| &*row.1).collect();
            let states: Vec<_> = batch.iter().map(|row| &*row.2).collect();
            let inputs: Vec<_> = batch.iter().map(|row| row.3.as_deref()).collect();
            self.client.execute(&self.insert, &[&ids, &specs, &states, &inputs]).await.expect("room");
            self.client.execute(&self.delete, &[&ids]).await.expect("rows");
        }
        self.rows.len() as f64 / began.elapsed().as_secs_f64()
    }
}

/// How long one take of one job lasts, while many wait.
fn takes(effort: Effort, table: &mut Table, runtime: &Runtime, url: &str, [median, slow]: [&'static str; 2]) {
    let times: Sample = runtime.block_on(async {
        let asks = Ours::on(url, Takes::Nothing).await;
        let input = Payload::new(OCTETS, vec![7; 4]).expect("a payload");
        let inputs = std::iter::repeat_n(input, effort.of_usual(WAITING));
        asks.local.host().map(ask("echo", 0), inputs).await.expect("they are kept");
        let (store, now) = (opened(url).await, Clock::system().now().plus(Duration::from_secs(1)));
        let worker = WorkerId::new(now);
        let until = now.plus(Duration::from_secs(600));
        store.heartbeat(worker, until, now).await.expect("it lives");
        let mut times = Vec::new();
        for _ in 0..effort.of_usual(TAKES) {
            let take = Take { now, ..jobs::take(worker, 1) };
            let began = Instant::now();
            assert_eq!(store.take(&take).await.expect("one").started.len(), 1);
            times.push(began.elapsed().as_secs_f64());
        }
        store.leave(worker).await.expect("it leaves");
        times.into_iter().collect()
    });
    for (figure, time) in [(median, times.median()), (slow, times.quantile(0.99))] {
        table.add(Row {
            figure,
            found: Found::Value(time * 1e3),
            unit: "ms",
            limit: Limit::None,
            beside: format!("{} while {} wait", shown(time), effort.of_usual(WAITING)),
        });
    }
}

/// Hosts on one PostgreSQL, each a process of its own: jobs that wait, worked off by one, two and four.
fn hosts(effort: Effort, table: &mut Table, runtime: &Runtime, url: &str) {
    let count = effort.of_usual(JOBS) * 2;
    let rates: Vec<f64> = [1, 2, 4].map(|hosts| worked_off(runtime, url, count, hosts)).into();
    let shown: Vec<_> = rates.iter().map(|rate| format!("{:.1}", rate / 1e3)).collect();
    for (figure, rate) in [("2 hosts on one PostgreSQL, over 1", rates[1]), ("4 hosts, over 1", rates[2])] {
        let beside = format!("{} k jobs/s by 1, 2, 4 processes on this machine", shown.join(", "));
        table.add(Row::ratio(figure, rate / rates[0], Limit::None, beside));
    }
}

/// Kills its host.
struct Worker(Child, #[allow(dead_code, reason = "it goes with its host")] TempDir);

impl Worker {
    fn start(url: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let program = guest::compiler().program().expect("a child compiles").to_owned();
        let mut command = Command::new(program);
        command.args(["work", "--slots", "64", "--store", url, "--data"]).arg(folder.path().join("data"));
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        Self(child.expect("a host"), folder)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn worked_off(runtime: &Runtime, url: &str, count: usize, hosts: usize) -> f64 {
    runtime.block_on(async {
        let asks = Ours::on(url, Takes::Nothing).await;
        let host = asks.local.host();
        let input = Payload::new(OCTETS, vec![7; 4]).expect("a payload");
        // The hosts are there, and have the code, before there is much to do.
        let workers: Vec<_> = (0..hosts).map(|_| Worker::start(url)).collect();
        for handle in host.map(ask("echo", 0), vec![input.clone(); 64 * hosts]).await.expect("they are kept") {
            handle.result(None).await.expect("an echo");
        }
        let began = Instant::now();
        let handles = host.map(ask("echo", 0), std::iter::repeat_n(input, count)).await.expect("they are kept");
        // Side by side: one by one, to collect them would take longer than to run them.
        let results = stream::iter(handles).map(async |handle| drop(handle.result(None).await.expect("an echo")));
        results.buffer_unordered(IN_FLIGHT).for_each(async |()| ()).await;
        drop(workers);
        count as f64 / began.elapsed().as_secs_f64()
    })
}

/// How long it takes until the last job of a host that was killed runs on another.
async fn taken_up(url: &str, figure: &'static str) -> Row {
    let asks = Ours::on(url, Takes::Nothing).await;
    let dies = Worker::start(url);
    let mut handles = Vec::new();
    for _ in 0..LOST {
        handles.push(asks.local.host().submit(ask("spin", 0)).await.expect("it is kept"));
    }
    at_attempt(&handles, 1).await;
    let _goes_on = Worker::start(url);
    while asks.local.host().workers().await.expect("a list").len() < 2 {
        tokio::time::sleep(LOOK).await;
    }
    drop(dies);
    let died = Instant::now();
    at_attempt(&handles, 2).await;
    let took = died.elapsed().as_secs_f64();
    for handle in &handles {
        handle.cancel("it was only to be taken up").await.expect("it runs");
        drop(handle.wait(None).await.expect("it ends"));
    }
    let beside = format!("the last of its {LOST} jobs; a lease is {} s", LEASE.as_secs());
    Row { figure, found: Found::Value(took), unit: "s", limit: Limit::AtMost(10.0), beside }
}

/// Waits until all of them run for this time.
async fn at_attempt(handles: &[Handle], attempt: u32) {
    for handle in handles {
        loop {
            let job = handle.metadata().await.expect("it is there");
            if job.status == Status::Running && job.attempt >= attempt {
                break;
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

fn on_redis(effort: Effort, table: &mut Table, runtime: &Runtime, server: &redis::Server) {
    let (count, url) = (effort.of_usual(JOBS), server.url());
    table.add(runtime.block_on(taken_up(&url, "a host on Redis is killed: its jobs run elsewhere after")));
    let ours = runtime.block_on(Ours::on(&url, Takes::Everything));
    let bare = runtime.block_on(BareKeys::new(&url, count));
    let [base, jobs] = in_turns(
        effort.of_usual(TURNS),
        [&mut || runtime.block_on(bare.rate()), &mut || runtime.block_on(rate(ours.local.host(), count))],
    );
    let beside = format!("{} beside {} of the same bytes by a bare client", per_second(&jobs), per_second(&base));
    let figure = "durable submit to result on Redis, 1,024 in flight";
    table.add(Row::ratio(figure, jobs.over(&base), Limit::AtLeast(0.5), beside));
    celery(effort, table, runtime, &ours, server);
}

/// As many bytes as a job has, in a hash and the two sets that a queue needs, put in and taken out again in pipelines of as many as we
/// have in flight.
struct BareKeys {
    connection: ::redis::aio::MultiplexedConnection,
    count: usize,
}

impl BareKeys {
    async fn new(url: &str, count: usize) -> Self {
        let client = ::redis::Client::open(url.replace("redis+unix://", "unix://")).expect("a URL");
        let connection = client.get_multiplexed_async_connection().await.expect("a server");
        Self { connection, count }
    }

    async fn rate(&self) -> f64 {
        // Of the records of `echo`: the larger half of what a job writes.
        let (spec, state) = (vec![7_u8; 220], vec![7_u8; 80]);
        let numbers: Vec<_> = (0..self.count).collect();
        let began = Instant::now();
        for batch in numbers.chunks(IN_FLIGHT) {
            let mut pipe = ::redis::pipe();
            for number in batch {
                let key = format!("bare:{number}");
                pipe.cmd("HSET").arg(&key).arg("s").arg(&spec).arg("t").arg(&state).ignore();
                pipe.cmd("ZADD").arg("bare").arg(*number).arg(&key).ignore();
                pipe.cmd("ZADD").arg("bare:due").arg(*number).arg(&key).ignore();
            }
            let () = pipe.query_async(&mut self.connection.clone()).await.expect("room");
            let mut pipe = ::redis::pipe();
            for number in batch {
                let key = format!("bare:{number}");
                pipe.cmd("DEL").arg(&key).ignore();
                pipe.cmd("ZREM").arg("bare").arg(&key).ignore();
                pipe.cmd("ZREM").arg("bare:due").arg(&key).ignore();
            }
            let () = pipe.query_async(&mut self.connection.clone()).await.expect("keys");
        }
        self.count as f64 / began.elapsed().as_secs_f64()
    }
}

/// Celery with as many processes as there are cores, on the same Redis, which syncs for it as well.
fn celery(effort: Effort, table: &mut Table, runtime: &Runtime, ours: &Ours, server: &redis::Server) {
    let figure = "5,000 no-ops submitted and collected, over Celery on the same Redis";
    let Some(celery) = std::env::var_os("AU_CELERY") else {
        let why = std::env::var("AU_CELERY_MISSING").unwrap_or_else(|_| "by `cargo xtask bench` only".into());
        table.add(skipped(figure, &why));
        return;
    };
    let count = effort.of_usual(NO_OPS);
    let theirs = match celery_rate(Path::new(&celery), &format!("redis://127.0.0.1:{}", server.port()), count) {
        Ok(rate) => rate,
        Err(why) => return table.add(skipped(figure, &why)),
    };
    let own = runtime.block_on(rate(ours.local.host(), count));
    let here = runtime.block_on(Ours::here());
    let file = runtime.block_on(rate(here.local.host(), count));
    let beside = |rate: f64| format!("{:.1} k/s beside {theirs:.0}/s of Celery", rate / 1e3);
    table.add(Row::ratio(figure, file / theirs, Limit::AtLeast(20.0), beside(file) + ", ours in a data folder"));
    let figure = "the same, both on that Redis";
    table.add(Row::ratio(figure, own / theirs, Limit::None, beside(own)));
}

fn celery_rate(packages: &Path, url: &str, count: usize) -> Result<f64, String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    std::fs::write(folder.path().join("noop.py"), include_str!("noop.py")).map_err(|error| error.to_string())?;
    let python = |words: &[&str]| {
        let mut command = Command::new("python3");
        command.args(words).current_dir(folder.path()).env("PYTHONPATH", packages).env("NOOP_REDIS", url);
        command
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from).to_string();
    let words = ["-m", "celery", "-A", "noop", "worker", "--concurrency", &cores, "--loglevel", "ERROR"];
    let worker = python(&words).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let _worker = Worker(worker.map_err(|error| error.to_string())?, tempfile::tempdir().expect("a folder"));
    let output = python(&["noop.py", &count.to_string()]).output().map_err(|error| error.to_string())?;
    let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    said.parse().map_err(|_| String::from_utf8_lossy(&output.stderr).lines().last().unwrap_or("no figure").to_owned())
}
