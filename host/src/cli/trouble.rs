//! What can go wrong for a user of the command line, and what they can do about it.

use std::fmt::Write;
use std::path::Path;
use std::process::ExitCode;

use au_host::{Error, FailureKind, JobId};
use serde_json::{Value, json};

pub(crate) type Result<T = (), E = Trouble> = std::result::Result<T, E>;

/// Why a command ends early.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// What the host says, and the job it is about.
    Host(Error, Option<JobId>),
    /// Whoever read stdout has gone: nothing is wrong.
    ClosedPipe,
    /// All has been said already; only the exit code is left.
    Said(u8),
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Host(error, None)
    }
}

impl Trouble {
    pub(crate) fn of(id: JobId) -> impl Fn(Error) -> Self {
        move |error| Self::Host(error, Some(id))
    }

    pub(crate) fn file(path: &Path, error: &std::io::Error) -> Self {
        let why = format!("{}: {error}", path.display());
        match error.kind() {
            std::io::ErrorKind::NotFound => Error::not_found("file", path.display()).into(),
            _ => Error::invalid("file", why).into(),
        }
    }

    pub(crate) fn code(&self) -> u8 {
        match self {
            Self::Host(error, _) => error.class().exit,
            Self::ClosedPipe => 0,
            Self::Said(code) => *code,
        }
    }

    pub(crate) fn exit(&self) -> ExitCode {
        ExitCode::from(self.code())
    }

    /// Whether there is something to say about it.
    pub(crate) fn is_loud(&self) -> bool {
        matches!(self, Self::Host(..))
    }

    /// One line of what, one of why, one of what to do.
    pub(crate) fn lines(&self) -> String {
        let Self::Host(error, job) = self else { return String::new() };
        let Said { what, why } = said(error, *job);
        let mut text = format!("error: {what}\n");
        for line in why.lines().filter(|line| !line.is_empty()) {
            // Written to a string.
            let _ = writeln!(text, "  why: {line}");
        }
        for place in places(trace(error)) {
            let _ = writeln!(text, "   at: {place}");
        }
        let _ = writeln!(text, "  try: {}", advice(error, *job));
        text
    }

    /// The same for a program.
    pub(crate) fn facts(&self) -> Value {
        let Self::Host(error, job) = self else { return Value::Null };
        let Said { what, why } = said(error, *job);
        let failure = if let Error::Failed(failure) = error { Some(failure) } else { None };
        json!({ "error": {
            "code": error.class().code, "exit": error.class().exit, "what": what, "why": why,
            "try": advice(error, *job), "job": job, "failure": failure,
        }})
    }
}

struct Said {
    what: String,
    why: String,
}

fn said(error: &Error, job: Option<JobId>) -> Said {
    let whose = || job.map_or_else(|| "the job".into(), |id| format!("job {id}"));
    let (what, why) = match error {
        Error::NotFound { what: "file", name, .. } => (format!("no file {name}"), "nothing is there".to_owned()),
        Error::NotFound { what, name, nearest } => (
            format!("no {what} {name}"),
            nearest.as_ref().map_or_else(
                || format!("no {what} of this name is known here"),
                |nearest| format!("did you mean {nearest}?"),
            ),
        ),
        Error::Expired(id) => (format!("job {id} has expired"), "its time to live ran out, so it was removed".into()),
        Error::Invalid { what, why } => (format!("{what} is not valid"), why.clone()),
        Error::Refused { why } => ("refused".into(), why.clone()),
        Error::Module { code, why } => (format!("module refused ({code})"), why.clone()),
        Error::Finished(id) => (format!("job {id} has already finished"), "what has ended cannot be cancelled".into()),
        Error::WaitTimedOut { id, waited } => (
            format!("job {id} is not finished"),
            format!("it was waited for {}; the job goes on", humantime::format_duration(*waited)),
        ),
        Error::Failed(failure) => (format!("{} failed: {}", whose(), failure.kind), failure.message.clone()),
        Error::Cancelled { id, reason } => (format!("job {id} was cancelled"), reason.clone()),
        other => {
            let chain = other.chain();
            match chain.split_once(": ") {
                Some((what, why)) => (what.to_owned(), why.to_owned()),
                None => (chain, String::new()),
            }
        }
    };
    Said { what, why }
}

/// The places of a trace; one that comes again and again in a row, once.
fn places(trace: &[String]) -> Vec<String> {
    let rows = trace.chunk_by(|one, next| one == next);
    rows.map(|row| if row.len() == 1 { row[0].clone() } else { format!("{} ({} times)", row[0], row.len()) }).collect()
}

fn trace(error: &Error) -> &[String] {
    if let Error::Failed(failure) = error { &failure.trace } else { &[] }
}

fn advice(error: &Error, job: Option<JobId>) -> String {
    let about = |verb: &str| job.map_or_else(|| format!("au-host {verb} ID"), |id| format!("au-host {verb} {id}"));
    match error {
        Error::NotFound { what: "module", .. } => {
            "`au-host module list` shows what there is; a file is given as ./name.wasm".into()
        }
        Error::NotFound { what: "function", .. } => "`au-host functions TARGET` shows what it has".into(),
        Error::NotFound { what: "job", .. } => {
            "`au-host list` shows the jobs of this data folder; --data names another".into()
        }
        Error::NotFound { .. } => "check the name and the folder you are in".into(),
        Error::Expired(_) => "run it again, with a longer --ttl".into(),
        Error::Invalid { what: "configuration", .. } => "mend it, or name another with --config".into(),
        Error::Invalid { what: "file", .. } => "check that it can be read and written".into(),
        Error::Invalid { .. } => "`au-host functions TARGET` shows what is expected; `--help` what there is".into(),
        Error::Refused { .. } => "ask for less, or for something else".into(),
        Error::Module { .. } => "build it with au-guest, as README.md shows".into(),
        Error::Busy { .. } => "wait a little and repeat it".into(),
        Error::Finished(_) => "`au-host result` shows how it ended".into(),
        Error::WaitTimedOut { id, .. } => format!("`au-host wait {id}` waits on, `au-host cancel {id}` stops it"),
        Error::Failed(failure) => failed(failure.kind, &about("logs")),
        Error::Cancelled { .. } => "run it again if it was a mistake".into(),
        Error::StorageFull { .. } => "make room: `au-host cleanup --older-than 7d`, or another --data".into(),
        Error::Corrupt { .. } => "remove it with `au-host rm` or add it again; the others are fine".into(),
        _ => "`au-host doctor` looks for the cause".into(),
    }
}

fn failed(kind: FailureKind, logs: &str) -> String {
    match kind {
        FailureKind::TimedOut => "give it more time: --timeout 2h".into(),
        FailureKind::OutOfMemory => "give it more: --memory 512MiB".into(),
        FailureKind::OutOfFuel => "give it more: --fuel".into(),
        FailureKind::OutputTooLarge => "allow more: --max-output 64MiB".into(),
        FailureKind::StackOverflow => "recurse less deeply, or give it more: --stack 2MiB".into(),
        FailureKind::TableLimit => "allow more: --table-elements".into(),
        FailureKind::InstanceLimit => "allow more: --instances".into(),
        FailureKind::InvalidInput => "`au-host functions TARGET` shows what it expects".into(),
        FailureKind::NotPermitted => "grant what it needs: --env, --dir, --clock, --random".into(),
        FailureKind::Transient | FailureKind::Lost => "run it again, with more --attempts".into(),
        _ => format!("`{logs}` shows what it said before"),
    }
}
