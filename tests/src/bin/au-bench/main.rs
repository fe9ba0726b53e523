//! The figures of `cargo xtask bench`: `au-bench [--quick] [--full] [--json] [GROUP…]` prints each beside its limit and beside what it
//! is measured against in the same run. Exit code 1 when one is over its limit.
//!
//! Meant for an optimised build, which `cargo xtask bench` makes. Absolute times are of this machine and this minute; only ratios
//! are held against limits, and what is certain to be far from its limit.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a measurement that cannot go on has failed")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it talks to whoever measures")]

mod bare;
mod call;
mod client;
mod compute;
mod durable;
mod followers;
mod http;
mod idle;
mod measure;
mod prototype;
mod shared;
mod start;
mod stop;
mod stored;
mod table;
mod wasmtime_serve;

use std::process::ExitCode;

use crate::measure::Effort;
use crate::table::Table;

/// Figures that belong together, and the word that chooses them.
struct Group {
    name: &'static str,
    about: &'static str,
    measure: fn(Effort, &mut Table),
}

const GROUPS: [Group; 9] = [
    Group { name: "call", about: "calls beside a bare wasmtime loop", measure: call::measure },
    Group { name: "compute", about: "what computes, in a child process and in this one", measure: compute::measure },
    Group { name: "durable", about: "jobs beside a hand-written log", measure: durable::measure },
    Group { name: "stop", about: "cancels, and short calls in a crowd", measure: stop::measure },
    Group { name: "start", about: "`au-host run` beside `wasmtime run`", measure: start::measure },
    Group { name: "idle", about: "memory of a host that waits", measure: idle::measure },
    Group { name: "stored", about: "reads of few and of many jobs", measure: stored::measure },
    Group { name: "http", about: "the HTTP API beside axum and `wasmtime serve`", measure: http::measure },
    Group {
        name: "shared",
        about: "the stores that hosts share beside their engines, and Celery",
        measure: shared::measure,
    },
];

fn main() -> ExitCode {
    let words: Vec<_> = std::env::args().skip(1).collect();
    if let [word, dir] = &*words
        && word == idle::HOST
    {
        return idle::host(dir.as_ref());
    }
    let (flags, names): (Vec<_>, Vec<_>) = words.iter().map(String::as_str).partition(|word| word.starts_with("--"));
    let known = |name: &str| GROUPS.iter().any(|group| group.name == name);
    let flag_known = |flag: &str| ["--quick", "--full", "--json"].contains(&flag);
    if !names.iter().all(|name| known(name)) || !flags.iter().all(|flag| flag_known(flag)) {
        return help();
    }
    let effort = Effort::of(flags.contains(&"--quick"), flags.contains(&"--full"));
    let mut table = Table::default();
    for group in GROUPS.iter().filter(|group| names.is_empty() || names.contains(&group.name)) {
        eprintln!("{}: {} …", group.name, group.about);
        table.begin(group.name);
        (group.measure)(effort, &mut table);
    }
    println!("{}", if flags.contains(&"--json") { table.json() } else { table.text() });
    if table.any_over() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn help() -> ExitCode {
    println!("au-bench [--quick] [--full] [--json] [GROUP…]\n");
    for Group { name, about, .. } in GROUPS {
        println!("  {name:8} {about}");
    }
    ExitCode::from(2)
}
