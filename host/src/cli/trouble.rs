//! What can go wrong for a user of the command line, and what they can do about it.

use std::fmt::Write;
use std::path::Path;
use std::process::ExitCode;

use au_host::{Error, JobId, clean};
use serde_json::{Value, json};

use super::advice::advice;

/// Of what somebody typed, this much is said again.
const NAME_LIMIT: usize = 200;

pub(crate) type Result<T = (), E = Trouble> = std::result::Result<T, E>;

/// Why a command ends early.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// What the host says, and the job it is about.
    Host(Error, Option<JobId>),
    /// What was typed cannot be understood.
    Usage(Wrong),
    /// Whoever read stdout has gone: nothing is wrong.
    ClosedPipe,
    /// All has been said already; only the exit code is left.
    Said(u8),
}

/// What is wrong, why, and what to do about it.
#[derive(Clone, Debug)]
pub(crate) struct Wrong {
    pub(crate) what: String,
    pub(crate) why: String,
    pub(crate) advice: String,
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
            std::io::ErrorKind::StorageFull => Error::StorageFull { why }.into(),
            _ => Error::invalid("file", why).into(),
        }
    }

    pub(crate) fn code(&self) -> u8 {
        match self {
            Self::Host(error, _) => error.class().exit,
            Self::Usage(_) => 2,
            Self::ClosedPipe => 0,
            Self::Said(code) => *code,
        }
    }

    pub(crate) fn exit(&self) -> ExitCode {
        ExitCode::from(self.code())
    }

    /// Whether there is something to say about it.
    pub(crate) fn is_loud(&self) -> bool {
        matches!(self, Self::Host(..) | Self::Usage(_))
    }

    /// One line of what, one of why, one of what to do.
    pub(crate) fn lines(&self) -> String {
        let Some(Wrong { what, why, advice }) = self.told() else { return String::new() };
        let mut text = format!("error: {what}\n");
        for line in why.lines().filter(|line| !line.is_empty()) {
            // Written to a string.
            let _ = writeln!(text, "  why: {line}");
        }
        for place in places(self.trace()) {
            let _ = writeln!(text, "   at: {place}");
        }
        let _ = writeln!(text, "  try: {advice}");
        text
    }

    /// The same for a program.
    pub(crate) fn facts(&self) -> Value {
        let Some(Wrong { what, why, advice }) = self.told() else { return Value::Null };
        let (code, job, failure) = match self {
            Self::Host(error @ Error::Failed(failure), job) => (error.class().code, *job, Some(failure)),
            Self::Host(error, job) => (error.class().code, *job, None),
            _ => ("usage", None, None),
        };
        json!({ "error": {
            "code": code, "exit": self.code(), "what": what, "why": why, "try": advice, "job": job, "failure": failure,
        }})
    }

    fn told(&self) -> Option<Wrong> {
        match self {
            Self::Host(error, job) => {
                let (what, why) = said(error, *job);
                Some(Wrong { what, why, advice: advice(error, *job) })
            }
            Self::Usage(wrong) => Some(wrong.clone()),
            Self::ClosedPipe | Self::Said(_) => None,
        }
    }

    fn trace(&self) -> &[String] {
        if let Self::Host(Error::Failed(failure), _) = self { &failure.trace } else { &[] }
    }
}

/// What, and why.
fn said(error: &Error, job: Option<JobId>) -> (String, String) {
    let whose = || job.map_or_else(|| "the job".into(), |id| format!("job {id}"));
    match error {
        Error::NotFound { what: what @ ("file" | "folder"), name, .. } => {
            (format!("no {what} {name}"), "nothing is there".to_owned())
        }
        Error::NotFound { what, name, nearest } => (
            format!("no {what} {}", clean(name, NAME_LIMIT)),
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
        Error::KeyTaken { name, job } => (
            format!("the key {} is taken", clean(name, NAME_LIMIT)),
            format!("it names job {job}, which is another call; nothing was kept of this one"),
        ),
        Error::WaitTimedOut { id, waited } => (
            format!("job {id} is not finished"),
            format!("it was waited for {}; the job goes on", humantime::format_duration(*waited)),
        ),
        Error::Failed(failure) => (format!("{} failed: {}", whose(), failure.kind), failure.message.clone()),
        Error::Cancelled { id, reason } => (format!("job {id} was cancelled"), reason.clone()),
        Error::Request { why, .. } => ("the host does not take this".into(), why.clone()),
        Error::Remote { status, title, detail, .. } => {
            let why = if detail.is_empty() { format!("it answered with status {status}") } else { detail.clone() };
            (title.clone(), why)
        }
        other => {
            let chain = other.chain();
            match chain.split_once(": ") {
                Some((what, why)) => (what.to_owned(), why.to_owned()),
                None => (chain, String::new()),
            }
        }
    }
}

/// The places of a trace; one that comes again and again in a row, once.
fn places(trace: &[String]) -> Vec<String> {
    let rows = trace.chunk_by(|one, next| one == next);
    rows.map(|row| if row.len() == 1 { row[0].clone() } else { format!("{} ({} times)", row[0], row.len()) }).collect()
}
