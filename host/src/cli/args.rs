//! The command line as clap reads it. Types only.

use std::path::PathBuf;
use std::time::Duration;

use au_host::{JobId, KeyHolds, ModuleName, Scope, Status, WebhookUrl, WorkerId};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueHint};
use clap_complete::Shell;

use super::logging::Format;
use super::queue_args::{Function, Queue, Retry};
use au_host::units::{self, Binding, Size};

/// Runs functions compiled to WebAssembly as sandboxed, durable jobs.
#[derive(Debug, Parser)]
#[command(name = "au-host", version, max_term_width = 100, after_help = EXITS)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

const EXITS: &str =
    "Exit codes: 0 done, 1 the job failed, 2 usage, 3 not found, 4 refused, 5 host error, 124 timed out, 130 cancelled";

const STOPS: &str = "Ctrl-C or SIGTERM cancels the job; a second one ends this program at once";

#[derive(Debug, Args)]
pub(crate) struct Common {
    /// The folder with jobs and modules; else the platform's data folder
    #[arg(long, global = true, env = "AU_DATA", value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) data: Option<PathBuf>,
    /// The file with this host's settings; else au-host.toml in the data folder, if it is there
    #[arg(long, global = true, env = "AU_CONFIG", value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) config: Option<PathBuf>,
    /// Ask the host at this URL, http://…, https://… or unix:PATH, in place of a folder
    #[arg(long, global = true, env = "AU_HOST", value_name = "URL", value_hint = ValueHint::Url)]
    pub(crate) host: Option<String>,
    /// Keep jobs and modules in this store, which other hosts may share, in place of the folder: postgres://…, redis://…, file:DIR
    #[arg(long, global = true, env = "AU_STORE", hide_env_values = true, value_name = "URL", value_hint = ValueHint::Url)]
    pub(crate) store: Option<String>,
    /// Run functions in child processes (process:), or on another host (http://…, https://…), in place of this process (wasm:)
    #[arg(long, global = true, env = "AU_BACKEND", value_name = "URL", value_hint = ValueHint::Url)]
    pub(crate) backend: Option<String>,
    /// What tells the host that runs functions who asks
    #[arg(long, global = true, env = "AU_BACKEND_TOKEN", hide = true, hide_env_values = true, value_name = "TOKEN")]
    pub(crate) backend_token: Option<String>,
    /// What tells that host who asks
    #[arg(long, global = true, env = "AU_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    pub(crate) token: Option<String>,
    /// Print facts as JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Say nothing but results and errors
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
    /// What to log: info, or au_host=debug,warn [default: warn as text, info as JSON]
    #[arg(long, global = true, env = "AU_LOG", value_name = "FILTER")]
    pub(crate) log: Option<String>,
    /// How to log: text, for people, or json, an object a line [default: text]
    #[arg(long, global = true, env = "AU_LOG_FORMAT", value_name = "FORMAT", value_enum, hide_possible_values = true)]
    pub(crate) log_format: Option<Format>,
}

// What a verb takes is put together once it is the verb that was given.
#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub(crate) enum Verb {
    /// Run a function, follow it, and print its result
    #[command(after_help = STOPS)]
    Run(Run),
    /// Keep a job and print its id; a process in the background runs it
    Submit(Submit),
    /// Show where jobs stand
    Status {
        /// As `run --detach`, `submit` and `list` print it
        #[arg(required = true, value_name = "ID")]
        ids: Vec<JobId>,
    },
    /// Wait for a job and print its result
    Result(ResultOf),
    /// Wait for jobs to finish
    Wait(Wait),
    /// Show what a job wrote to its log
    Logs(Logs),
    /// Show what happened to a job: its log, how far it is, where it stands
    Events(Logs),
    /// List jobs, newest first
    List(List),
    /// Show what runs, again and again
    Top {
        /// Show it once
        #[arg(long)]
        once: bool,
    },
    /// Cancel jobs
    Cancel(Cancel),
    /// Forget finished jobs, with their results and logs
    Rm {
        /// As `run --detach`, `submit` and `list` print it
        #[arg(required = true, value_name = "ID")]
        ids: Vec<JobId>,
    },
    /// Remove jobs whose time to live has run out
    Cleanup {
        /// Finished jobs of this age too, whatever their time to live: 7d, 12h
        #[arg(long, value_name = "TIME", value_parser = units::time)]
        older_than: Option<Duration>,
    },
    /// Show what can be called
    Functions {
        /// A .wasm file, or a registered module's name or digest; else all registered ones
        target: Option<String>,
    },
    /// Add, list, name and remove modules
    #[command(subcommand)]
    Module(Module),
    /// Show queues, and say how many of their jobs may run at once
    #[command(subcommand)]
    Queue(Queue),
    /// Show functions, and say how many of their jobs may run at once and what those have that do not say
    #[command(subcommand)]
    Function(Function),
    /// Make, list and remove the tokens that `serve` asks for
    #[command(subcommand)]
    Token(Token),
    /// Show or change what webhooks are signed with
    #[command(subcommand)]
    Webhook(Webhook),
    /// Submit a call again and again, at times that cron says
    #[command(subcommand)]
    Schedule(super::schedule::Schedule),
    /// Copy what is kept from one store to another
    #[command(subcommand)]
    Store(Store),
    /// Run what is due, until stopped
    Work(Work),
    /// List and drain those who work; without a verb of its own run what is due, as `work` does
    #[command(args_conflicts_with_subcommands = true)]
    Worker {
        #[command(subcommand)]
        verb: Option<Worker>,
        #[command(flatten)]
        work: Work,
    },
    /// Serve the HTTP API, and run what is due, until stopped
    Serve(Serve),
    /// See whether all is well on this machine
    Doctor,
    /// Print a completion script
    Completions { shell: Shell },
}

impl Verb {
    /// What it is called, if it submits something.
    pub(crate) fn submits(&self) -> Option<&'static str> {
        match self {
            Self::Run(_) => Some("run"),
            Self::Submit(_) => Some("submit"),
            _ => None,
        }
    }
}

// `worker`.
#[derive(Debug, Subcommand)]
pub(crate) enum Worker {
    /// Show which hosts work on the store: where they are, what they run, and when they were last heard of
    List,
    /// Ask hosts to take nothing new, and to end once nothing runs there
    Drain {
        /// As `worker list` prints it
        #[arg(required = true, value_name = "ID")]
        ids: Vec<WorkerId>,
    },
}

// `store`.
#[derive(Debug, Subcommand)]
pub(crate) enum Store {
    /// Copy jobs, logs, modules, tokens and all else; what is there already stays as it is
    Copy {
        /// A data folder, or the URL of a store that hosts share: postgres://…, redis://…, file:DIR
        from: String,
        /// The same
        to: String,
        /// Which jobs that have not finished: `waiting`, but nothing at all while some run; `all`; or `skip`
        #[arg(long, value_name = "WHICH", value_enum, hide_possible_values = true, default_value = "waiting")]
        unfinished: Unfinished,
    },
}

/// Which unfinished jobs are copied.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(crate) enum Unfinished {
    Waiting,
    All,
    Skip,
}

// What is called.
#[derive(Debug, Args)]
pub(crate) struct Call {
    /// A .wasm file, or a registered module's name or digest
    pub(crate) target: String,
    /// Which function; may be left out when there is one only
    pub(crate) function: Option<String>,
    /// Its arguments: each is JSON if it parses as such, else a string
    #[arg(allow_negative_numbers = true)]
    pub(crate) args: Vec<String>,
    /// Give this file's content as the whole input; - is stdin
    #[arg(long, short, value_name = "FILE", conflicts_with = "args", value_hint = ValueHint::FilePath)]
    pub(crate) input: Option<PathBuf>,
    /// The media type of --input; else it is told from the file's name
    #[arg(long, value_name = "TYPE", requires = "input")]
    pub(crate) content_type: Option<String>,
}

// How it is run and kept.
#[derive(Debug, Args)]
#[command(next_help_heading = "Limits, grants, job")]
pub(crate) struct Settings {
    /// Longest an attempt may take: 30s, 2h [default: 1h]
    #[arg(long, value_name = "TIME", value_parser = units::time)]
    pub(crate) timeout: Option<Duration>,
    /// Most memory: 64MiB, 2GiB [default: 128MiB]
    #[arg(long, value_name = "SIZE")]
    pub(crate) memory: Option<Size>,
    /// Most fuel, about one unit an instruction [default: not metered]
    #[arg(long, value_name = "UNITS")]
    pub(crate) fuel: Option<u64>,
    /// Largest output [default: 16MiB]
    #[arg(long, value_name = "SIZE")]
    pub(crate) max_output: Option<Size>,
    /// Most bytes of log [default: 1MiB]
    #[arg(long, value_name = "SIZE")]
    pub(crate) max_log: Option<Size>,
    /// Most lines of log [default: 10000]
    #[arg(long, value_name = "LINES")]
    pub(crate) max_log_lines: Option<u64>,
    /// Largest stack [default: 512KiB]
    #[arg(long, value_name = "SIZE")]
    pub(crate) stack: Option<Size>,
    /// Most elements of a table [default: 20000]
    #[arg(long, value_name = "ELEMENTS")]
    pub(crate) table_elements: Option<u64>,
    /// Most core instances [default: 64]
    #[arg(long, value_name = "COUNT")]
    pub(crate) instances: Option<u64>,
    /// Grant an environment variable: NAME=VALUE, or NAME to hand on ours
    #[arg(long, value_name = "NAME[=VALUE]")]
    pub(crate) env: Vec<String>,
    /// Grant a folder to read: HOST or HOST=GUEST
    #[arg(long, value_name = "HOST[=GUEST]")]
    pub(crate) dir: Vec<Binding>,
    /// Grant a folder to read and write
    #[arg(long, value_name = "HOST[=GUEST]")]
    pub(crate) dir_rw: Vec<Binding>,
    /// Grant the time of day
    #[arg(long)]
    pub(crate) clock: bool,
    /// Grant random bytes
    #[arg(long)]
    pub(crate) random: bool,
    #[command(flatten)]
    pub(crate) retry: Retry,
    /// Higher ones are started first
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    pub(crate) priority: Option<i32>,
    /// The queue to wait in, which may bound how many run (`au-host queue`) [default: default]
    #[arg(long, value_name = "NAME")]
    pub(crate) queue: Option<String>,
    /// Of the jobs with the same, no more run than their queue allows of each
    #[arg(long, value_name = "TEXT")]
    pub(crate) concurrency_key: Option<String>,
    /// How long it is kept after it finished [default: until it is removed]
    #[arg(long, value_name = "TIME", value_parser = units::time)]
    pub(crate) ttl: Option<Duration>,
    /// Start no earlier than this long from now
    #[arg(long, value_name = "TIME", value_parser = units::time)]
    pub(crate) delay: Option<Duration>,
    /// Submitting twice with one key gives one job; another call with it is refused
    #[arg(long, value_name = "TEXT")]
    pub(crate) key: Option<String>,
    /// How long the key gives that job: while-kept, or until-finished, so that no two of one key run at once [default: while-kept]
    #[arg(long, value_name = "HOW", requires = "key")]
    pub(crate) key_holds: Option<KeyHolds>,
    /// A note of your own, to find it by
    #[arg(long, value_name = "NAME=VALUE")]
    pub(crate) label: Vec<Binding>,
    /// Tell this URL when it has finished, by a signed POST (`au-host webhook secret`)
    #[arg(long, value_name = "URL", value_hint = ValueHint::Url)]
    pub(crate) webhook: Option<WebhookUrl>,
}

#[derive(Debug, Args)]
pub(crate) struct Run {
    #[command(flatten)]
    pub(crate) call: Call,
    #[command(flatten)]
    pub(crate) settings: Settings,
    /// Keep nothing of the job
    #[arg(long, conflicts_with = "webhook")]
    pub(crate) ephemeral: bool,
    /// Print the job's id at once, and run it in the background
    #[arg(long, conflicts_with_all = ["ephemeral", "output"])]
    pub(crate) detach: bool,
    /// Write the result to this file; - is stdout
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Submit {
    #[command(flatten)]
    pub(crate) call: Call,
    #[command(flatten)]
    pub(crate) settings: Settings,
    /// Only keep it: somebody else runs `au-host work`
    #[arg(long)]
    pub(crate) no_worker: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ResultOf {
    /// As `run --detach`, `submit` and `list` print it
    #[arg(value_name = "ID")]
    pub(crate) id: JobId,
    /// Longest to wait; the job goes on all the same [default: for ever]
    #[arg(long, value_name = "TIME", value_parser = units::time)]
    pub(crate) timeout: Option<Duration>,
    /// Write the result to this file; - is stdout
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Wait {
    /// As `run --detach`, `submit` and `list` print it
    #[arg(required = true, value_name = "ID")]
    pub(crate) ids: Vec<JobId>,
    /// Longest to wait; the jobs go on all the same [default: for ever]
    #[arg(long, value_name = "TIME", value_parser = units::time)]
    pub(crate) timeout: Option<Duration>,
}

#[derive(Debug, Args)]
pub(crate) struct Logs {
    /// As `run --detach`, `submit` and `list` print it
    #[arg(value_name = "ID")]
    pub(crate) id: JobId,
    /// Go on until the job has finished
    #[arg(long, short)]
    pub(crate) follow: bool,
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// Only these; several with commas
    #[arg(long, value_delimiter = ',', value_parser = statuses())]
    pub(crate) status: Vec<Status>,
    /// Only calls of this function
    #[arg(long)]
    pub(crate) function: Option<String>,
    /// Only of this queue; `default` is that of jobs that name none
    #[arg(long)]
    pub(crate) queue: Option<String>,
    /// Only with this label
    #[arg(long, value_name = "NAME=VALUE")]
    pub(crate) label: Vec<Binding>,
    /// How many at most
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub(crate) limit: u16,
    /// Only older ones than this job: the last id of the page before
    #[arg(long, value_name = "ID")]
    pub(crate) before: Option<JobId>,
}

#[derive(Debug, Args)]
pub(crate) struct Cancel {
    /// As `run --detach`, `submit` and `list` print it
    #[arg(required = true, value_name = "ID")]
    pub(crate) ids: Vec<JobId>,
    /// Why; it is kept with the job
    #[arg(long, default_value = "cancelled on the command line")]
    pub(crate) reason: String,
}

#[derive(Debug, Args)]
pub(crate) struct Work {
    /// End when nothing is left to run
    #[arg(long)]
    pub(crate) until_idle: bool,
    /// How many jobs at once [default: one a core]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=4096))]
    pub(crate) slots: Option<u16>,
    /// A note of your own that `worker list` shows
    #[arg(long, value_name = "NAME=VALUE")]
    pub(crate) label: Vec<Binding>,
}

#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Where: an address and a port, or unix:PATH [default: 127.0.0.1:8282]
    #[arg(long, value_name = "ADDRESS", env = "AU_LISTEN")]
    pub(crate) listen: Option<String>,
    /// Listen where other machines can reach it, though nobody is asked who they are
    #[arg(long)]
    pub(crate) insecure: bool,
    /// Ask everybody for a token from the beginning; else as soon as there is one (`au-host token create`)
    #[arg(long)]
    pub(crate) auth: bool,
    /// Speak TLS, with this certificate (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_key", value_hint = ValueHint::FilePath)]
    pub(crate) tls_cert: Option<PathBuf>,
    /// The private key of that certificate (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_cert", value_hint = ValueHint::FilePath)]
    pub(crate) tls_key: Option<PathBuf>,
    /// How many jobs at once [default: 56 a core]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=4096))]
    pub(crate) slots: Option<u16>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Module {
    /// Check, compile and keep modules
    Add {
        #[arg(required = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
        files: Vec<PathBuf>,
        /// What to call it, if it is one [default: the file's name]
        #[arg(long, conflicts_with = "no_name")]
        name: Option<ModuleName>,
        /// Give it no name; its digest will do
        #[arg(long)]
        no_name: bool,
    },
    /// List modules, those added last first
    List,
    /// Show what a module is, asks for and offers
    Show { module: String },
    /// Point a name at a module, in one step
    Alias { name: ModuleName, module: String },
    /// Remove a name, and the module with its last name; or a module, by its digest, with all its names
    Rm {
        #[arg(required = true)]
        module: Vec<String>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Token {
    /// Make a token and print it, once: it is kept nowhere
    Create {
        /// What you call it: whose machine or program it is for
        name: String,
        /// Whose jobs it is for: a tenant sees no other's [default: default; with admin, metrics or work alone, all]
        #[arg(long)]
        tenant: Option<String>,
        /// What its holder may do: read, submit, work (attempts of other hosts), admin (which is all, and changing modules), metrics
        #[arg(long, value_delimiter = ',', default_value = "read,submit")]
        scope: Vec<Scope>,
        /// How long it is good for: 30d [default: until it is removed]
        #[arg(long, value_name = "TIME", value_parser = units::time)]
        expires: Option<Duration>,
    },
    /// List tokens, those made first first
    List,
    /// Remove tokens, so that they open nothing any more
    Rm {
        /// Ids or names, as `list` shows them
        #[arg(required = true, value_name = "TOKEN")]
        tokens: Vec<String>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Webhook {
    /// Print the secret, for receivers to check signatures with
    Secret {
        /// Of this tenant's jobs [default: of jobs that were submitted without a token]
        #[arg(long)]
        tenant: Option<String>,
        /// Put another in its place; for a day both are signed with
        #[arg(long)]
        rotate: bool,
    },
}

fn statuses() -> impl TypedValueParser<Value = Status> {
    PossibleValuesParser::new(Status::ALL.map(Status::as_str)).try_map(|name| name.parse())
}
