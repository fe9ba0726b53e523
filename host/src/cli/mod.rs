//! The command line: reads arguments, asks the library, prints. Nothing is decided here that a library user would miss.

mod advice;
mod args;
mod asked;
mod backend_section;
mod call;
mod config;
mod doctor;
mod events;
mod follow;
mod function;
mod hosted;
#[cfg(feature = "http")]
mod http_section;
#[cfg(not(feature = "http"))]
#[path = "no_http_section.rs"]
mod http_section;
mod jobs;
mod logging;
mod modules;
#[cfg(feature = "otel")]
mod otel;
#[cfg(not(feature = "otel"))]
#[path = "no_otel.rs"]
mod otel;
mod output;
mod place;
mod queue;
mod queue_args;
mod quota_section;
mod result;
mod run;
mod schedule;
#[cfg(feature = "http")]
mod serve;
#[cfg(not(feature = "http"))]
#[path = "no_serve.rs"]
mod serve;
mod settings;
mod signals;
mod store;
mod tend;
mod token;
mod top;
mod trouble;
mod usage;
mod webhook;
mod webhook_section;
mod work;
mod worker;

use std::process::ExitCode;

use clap::CommandFactory;
use tokio::runtime::{Builder, Runtime};
use tracing::Instrument as _;

use self::args::{Cli, Verb};
use self::output::Out;
use self::place::Place;
use self::trouble::{Result, Trouble};

/// Threads of a worker's runtime: guests have their own.
const THREADS: usize = 2;

pub(crate) fn main() -> ExitCode {
    let (out, done) = match usage::parse() {
        Ok(cli) => {
            let logs = cli.common.log_format.unwrap_or_default();
            let mut out = Out { json: cli.common.json, quiet: cli.common.quiet, logs };
            open_more_files();
            let done = start(cli, &mut out);
            (out, done)
        }
        Err(told) => told,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(trouble) => {
            if trouble.is_loud() {
                out.trouble(&trouble);
            }
            trouble.exit()
        }
    }
}

fn start(cli: Cli, told: &mut Out) -> Result {
    if let Verb::Completions { shell } = cli.verb {
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut Cli::command(), "au-host", &mut script);
        return told.line(&String::from_utf8_lossy(&script));
    }
    let place = Place::find(&cli.common)?;
    let logging = place.logging(&cli.common);
    told.logs = logging.format;
    let traces = place.otel().traces()?;
    logging.begin(&traces)?;
    let out = *told;
    let is_lasting = matches!(cli.verb, Verb::Serve(_) | Verb::Work(_) | Verb::Worker { verb: None, .. });
    let runtime = runtime(&cli.verb).map_err(|error| au_host::Error::fault("runtime", error))?;
    let span = traces.command(cli.verb.submits());
    let done = runtime.block_on(verb(&place, out, cli.verb).instrument(span));
    // What still runs in the background has nobody who waits for it. After a single thing was done it may go with the process.
    if is_lasting {
        runtime.shutdown_background();
    } else {
        std::mem::forget(runtime);
    }
    traces.end();
    done
}

/// A server answers many at once, on all cores; a worker runs many jobs. All others do one thing after the other, which threads
/// would only make slower.
fn runtime(verb: &Verb) -> std::io::Result<Runtime> {
    let mut builder = match verb {
        Verb::Serve(_) => Builder::new_multi_thread(),
        Verb::Work(_) | Verb::Worker { verb: None, .. } => {
            let mut builder = Builder::new_multi_thread();
            builder.worker_threads(THREADS);
            builder
        }
        _ => Builder::new_current_thread(),
    };
    builder.enable_all().build()
}

async fn verb(place: &Place, out: Out, verb: Verb) -> Result {
    match verb {
        Verb::Run(command) => run::run(place, out, command).await,
        Verb::Submit(command) => run::submit(place, out, command).await,
        Verb::Status { ids } => jobs::status(place, out, ids).await,
        Verb::Result(command) => result::result(place, out, command).await,
        Verb::Wait(command) => result::wait(place, out, command).await,
        Verb::Logs(command) => jobs::logs(place, out, command).await,
        Verb::Events(command) => events::events(place, out, command).await,
        Verb::Top { once } => top::top(place, out, once).await,
        Verb::List(command) => jobs::list(place, out, command).await,
        Verb::Cancel(command) => jobs::cancel(place, out, command).await,
        Verb::Rm { ids } => jobs::remove(place, out, ids).await,
        Verb::Cleanup { older_than } => jobs::cleanup(place, out, older_than).await,
        Verb::Functions { target } => modules::functions(place, out, target).await,
        Verb::Module(command) => modules::module(place, out, command).await,
        Verb::Queue(command) => queue::queue(place, out, command).await,
        Verb::Function(command) => function::function(place, out, command).await,
        Verb::Token(command) => token::token(place, out, command).await,
        Verb::Webhook(command) => webhook::webhook(place, out, command).await,
        Verb::Schedule(command) => schedule::schedule(place, out, command).await,
        Verb::Store(command) => store::store(place, out, command).await,
        Verb::Work(command) => {
            place.must_be_here("work")?;
            work::work(place, out, command).await
        }
        Verb::Worker { verb: Some(command), .. } => worker::worker(place, out, command).await,
        Verb::Worker { verb: None, work } => {
            place.must_be_here("worker")?;
            work::work(place, out, work).await
        }
        Verb::Serve(command) => {
            place.must_be_here("serve")?;
            serve::serve(place, out, command).await
        }
        Verb::Doctor => doctor::doctor(place, out).await,
        // Answered before there was a runtime.
        Verb::Completions { .. } => Err(Trouble::Said(2)),
    }
}

/// Takes as many open files as this process may have: what most systems give at first is for programs of another age.
fn open_more_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    // If that fails, it has as many as before.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
}
