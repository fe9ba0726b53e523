//! Memory of a host that waits for work, in a process of its own: as it is opened, and after it has run ten thousand jobs.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{ChildStdout, Command, ExitCode, Stdio};

use au_host::{Local, LocalConfig, Request};
use au_tests::guest;
use futures::StreamExt;

use crate::measure::Effort;
use crate::table::{Found, Limit, Row, Table};

/// The word that makes this program that host.
pub(crate) const HOST: &str = "--idle-host";
const JOBS: usize = 10_000;
const IN_FLIGHT: usize = 64;
const MOST: f64 = 30.0;

/// Opens a host, and reports whenever it is idle: once opened, and once its jobs are done.
pub(crate) fn host(dir: &Path) -> ExitCode {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let compiler = Some(guest::compiler());
    let local = runtime.block_on(Local::open(dir, LocalConfig { compiler, ..LocalConfig::default() }));
    let local = local.expect("a data folder");
    next_word();
    runtime.block_on(jobs(&local));
    next_word();
    ExitCode::SUCCESS
}

/// Says that it is idle, and waits for the other end to have looked.
fn next_word() {
    println!();
    std::io::stdout().flush().expect("somebody listens");
    std::io::stdin().lock().read_line(&mut String::new()).expect("somebody speaks");
}

async fn jobs(local: &Local) {
    let count: usize = std::env::var("AU_JOBS").expect("how many").parse().expect("a number");
    let job = |number: usize| async move {
        let request: Request = guest::ask("echo", u32::try_from(number).unwrap_or(0));
        let handle = local.host().submit(request).await.expect("it is kept");
        handle.result(None).await.expect("an echo");
    };
    futures::stream::iter(0..count).for_each_concurrent(IN_FLIGHT, job).await;
}

pub(crate) fn measure(effort: Effort, table: &mut Table) {
    let folder = tempfile::tempdir().expect("a folder");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    drop(runtime.block_on(guest::local_at(folder.path(), guest::config())));
    drop(runtime);
    let mut child = Command::new(std::env::current_exe().expect("this program"))
        .arg(HOST)
        .arg(folder.path())
        .env("AU_JOBS", effort.of_usual(JOBS).to_string())
        .env("AU_COMPILER", compiler_path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let (mut orders, mut told) = (child.stdin.take().expect("a pipe"), child.stdout.take().expect("a pipe"));
    for figure in ["idle `file:` host, just opened", "idle `file:` host, after 10,000 jobs"] {
        wait_for_line(&mut told);
        table.add(row(figure, child.id()));
        writeln!(orders).expect("it listens");
    }
    assert!(child.wait().expect("it ends").success());
}

pub(crate) fn compiler_path() -> std::path::PathBuf {
    match guest::compiler() {
        au_host::registry::Compiler::Child(program) => program,
        au_host::registry::Compiler::InProcess => panic!("a program that compiles"),
    }
}

fn wait_for_line(told: &mut ChildStdout) {
    BufReader::with_capacity(1, told).read_exact(&mut [0]).expect("it says when it is idle");
}

fn row(figure: &'static str, process: u32) -> Row {
    let beside = format!("{:.1} MiB of it its own, the rest the program file", resident(process, "RssAnon:"));
    let found = Found::Value(resident(process, "VmRSS:"));
    Row { figure, found, unit: "MiB", limit: Limit::AtMost(MOST), beside }
}

/// MiB of a process, by the name that Linux gives them.
pub(crate) fn resident(process: u32, name: &str) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("it lives");
    let line = status.lines().find(|line| line.starts_with(name)).expect("Linux says so");
    let kib: f64 = line.split_whitespace().nth(1).expect("a number").parse().expect("a number");
    kib / 1024.0
}
