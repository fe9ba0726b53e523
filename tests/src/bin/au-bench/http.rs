//! The HTTP API: calls beside an axum that only echoes and beside `wasmtime serve`, submits one by one and in bulk.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use au_host::http::{HttpConfig, Listen, Server};
use au_host::{LocalConfig, ModuleRef, OCTETS};
use au_tests::guest;
use axum::Router;
use axum::routing::{MethodRouter, post};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

use crate::bare::Bare;
use crate::client::{Asked, rate};
use crate::measure::{Effort, Sample, in_turns};
use crate::table::{Found, Limit, Row, Table};
use crate::{followers, start, wasmtime_serve};

const INPUT: [u8; 200] = [b'x'; 200];
/// Requests of one turn.
const CALLS: usize = 4000;
const TURNS: usize = 40;
/// Jobs of one turn.
const JOBS: usize = 2000;
const SUBMIT_TURNS: usize = 10;

pub(crate) fn measure(effort: Effort, table: &mut Table) {
    let runtime = Runtime::new().expect("a runtime");
    let served = Served::start(&runtime);
    calls(effort, table, &runtime, &served);
    submits(effort, table, &runtime, &served);
    drop(served);
    followers::measure(table);
}

/// A host that serves, in this process.
struct Served {
    address: SocketAddr,
    /// The path of a call of the echo.
    call: String,
    drain: CancellationToken,
}

impl Served {
    fn start(runtime: &Runtime) -> Self {
        let config = LocalConfig { compiler: Some(guest::compiler()), ..LocalConfig::default() };
        let local = Arc::new(runtime.block_on(guest::local(config)));
        let name = ModuleRef::Name(guest::alias());
        let digest = runtime.block_on(local.module(&name)).expect("the guest").digest;
        let config = HttpConfig { listen: "127.0.0.1:0".parse().expect("an address"), ..HttpConfig::default() };
        let server = runtime.block_on(Server::bind(config)).expect("a port");
        let Listen::Tcp(address) = *server.listen() else { panic!("an address of TCP") };
        let drain = CancellationToken::new();
        runtime.spawn(server.serve(local, drain.clone(), Duration::from_secs(10)));
        Self { address, call: format!("/v1/call/{digest}/echo"), drain }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.drain.cancel();
    }
}

/// What axum costs that does nothing but give back what it is sent.
async fn axum_echo() -> SocketAddr {
    axum(post(async |body: bytes::Bytes| body)).await
}

/// The same, where each body goes through a fresh instance of wasmtime, and nothing else: no limits, no checks, nothing known of it.
async fn axum_bare(bare: Bare) -> SocketAddr {
    axum(post(async move |body: bytes::Bytes| bare.echo(&body))).await
}

async fn axum(echo: MethodRouter) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let router = Router::new().route("/echo", echo);
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.expect("a connection");
            stream.set_nodelay(true).expect("a socket");
            let service = TowerToHyperService::new(router.clone());
            tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    address
}

fn calls(effort: Effort, table: &mut Table, runtime: &Runtime, served: &Served) {
    let echo = runtime.block_on(axum_echo());
    let bare = runtime.block_on(axum_bare(Bare::new(&guest::guest())));
    let ask = |address, path: &str| Asked::post(address, path, OCTETS, INPUT.to_vec());
    let (echo, bare, ours) = (ask(echo, "/echo"), ask(bare, "/echo"), ask(served.address, &served.call));
    let turns = effort.of_usual(TURNS);
    let [base, least, called] = in_turns(
        turns,
        [&mut || rate(runtime, &echo, CALLS), &mut || rate(runtime, &bare, CALLS), &mut || rate(runtime, &ours, CALLS)],
    );
    let beside = format!("{} beside {} of an axum that echoes", shown(&called), shown(&base));
    let figure = "HTTP call, fresh sandbox, 200 B echo, 8 connections";
    table.add(Row::ratio(figure, called.over(&base), Limit::AtLeast(0.55), beside));
    let beside = format!("{} beside {} of the axum that echoes", shown(&least), shown(&base));
    let figure = "a bare wasmtime behind that axum, no host at all";
    table.add(Row::ratio(figure, least.over(&base), Limit::None, beside));
    let beside = format!("{} beside {}", shown(&called), shown(&least));
    table.add(Row::ratio("HTTP call beside that", called.over(&least), Limit::None, beside));
    let (figure, limit) = ("the same beside `wasmtime serve`", Limit::AtLeast(2.0));
    let theirs = match start::wasmtime().and_then(|program| wasmtime_serve::Serving::start(&program)) {
        Ok(theirs) => theirs,
        Err(why) => {
            return table.add(Row { figure, found: Found::Skipped(why), unit: "×", limit, beside: String::new() });
        }
    };
    let empty = ask(theirs.address, "/");
    let [base, called] = in_turns(turns, [&mut || rate(runtime, &empty, CALLS), &mut || rate(runtime, &ours, CALLS)]);
    let beside = format!("{} beside {} of `wasmtime serve` that answers nothing", shown(&called), shown(&base));
    table.add(Row::ratio(figure, called.over(&base), limit, beside));
}

fn submits(effort: Effort, table: &mut Table, runtime: &Runtime, served: &Served) {
    // In an hour: what is measured is how jobs are kept, and not how they run.
    let path = "/v1/submit/guest/echo?delay=1h";
    let single = Asked::post(served.address, path, "application/json", b"[]".to_vec());
    let lines = b"[]\n".repeat(JOBS);
    let bulk = Asked::post(served.address, &path.replace('?', "/bulk?"), "application/x-ndjson", lines);
    let [one, many] = in_turns(
        effort.of_usual(SUBMIT_TURNS),
        [&mut || rate(runtime, &single, JOBS), &mut || rate(runtime, &bulk, 1) * JOBS as f64],
    );
    let beside = format!("{} beside {} one by one on 8 connections", shown(&many), shown(&one));
    table.add(Row::ratio("bulk submit of 2,000 jobs", many.over(&one), Limit::AtLeast(2.0), beside));
}

fn shown(rate: &Sample) -> String {
    format!("{:.1} k/s", rate.median() / 1e3)
}
