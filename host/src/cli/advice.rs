//! What a user can do about an error.

use std::time::Duration;

use au_host::{Error, FailureKind, JobId, Misuse};

const MODULES: &str = "`au-host module list` shows what there is; a file is given as ./name.wasm";
const FUNCTIONS: &str = "`au-host functions TARGET` shows what is expected";

/// One line on what to do about it.
pub(crate) fn advice(error: &Error, job: Option<JobId>) -> String {
    let of = |verb: &str| job.map_or_else(|| format!("au-host {verb} ID"), |id| format!("au-host {verb} {id}"));
    match error {
        Error::NotFound { what: "module", .. } | Error::Invalid { what: "module name", .. } => MODULES.into(),
        Error::NotFound { what: "function", .. } => "`au-host functions TARGET` shows what it has".into(),
        Error::NotFound { what: "job", .. } => {
            "`au-host list` shows what is kept there; --data, --store or --host names another place".into()
        }
        Error::NotFound { what: "schedule", .. } => "`au-host schedule list` shows what there is".into(),
        Error::NotFound { what: "queue", .. } => "`au-host queue list` shows what there is".into(),
        Error::NotFound { what: "policy", .. } => "`au-host function list` shows what there is".into(),
        Error::NotFound { what: "worker", .. } => "`au-host worker list` shows who is there".into(),
        Error::NotFound { what: "token", .. } => "`au-host token list` shows what there is".into(),
        Error::NotFound { .. } => "check the name and the folder you are in".into(),
        Error::Expired(_) => "run it again, with a longer --ttl".into(),
        Error::Invalid { what: "file", .. } => "check that it can be read and written".into(),
        Error::Invalid { what: "input" | "call" | "output", .. } => FUNCTIONS.into(),
        Error::Invalid { what: "configuration", .. } => "mend it, or name another with --config".into(),
        Error::Invalid { what: "--data", .. } => "name a folder, which is made when it is missing".into(),
        Error::Invalid { what: "host URL", .. } => "name one as `au-host serve` prints it".into(),
        Error::Invalid { what: "store URL", .. } => {
            "name one as postgres://…, redis://… or file:DIR, or leave --store, AU_STORE and `store` in the settings out".into()
        }
        Error::Invalid { what: "--host", .. } => "leave --host out".into(),
        Error::Invalid { what: "address", .. } => {
            "name another with --listen; 127.0.0.1:0 takes any port that is free".into()
        }
        Error::Invalid { .. } => "`--help` shows what can be given".into(),
        Error::Refused { why } => not_allowed(why).into(),
        Error::Module { code, .. } => refused(code).into(),
        Error::Busy { .. } => "wait a little and repeat it".into(),
        Error::RateLimited { retry_after, .. } => {
            format!("repeat it after {}, and ask less often", humantime::format_duration(whole(*retry_after)))
        }
        Error::Quota { .. } => {
            "wait until some of it is free, remove what is not needed, or have the host's operator raise it".into()
        }
        Error::Unreachable { .. } => {
            "see whether `au-host serve` runs there, and whether --host, AU_HOST, --backend or au-host.toml names it"
                .into()
        }
        Error::Request { misuse: Misuse::TooLarge, .. } => {
            "send less at a time, or have the host's operator raise the limit".into()
        }
        Error::Request { misuse: Misuse::TooManyFollowers | Misuse::TooSlow, .. } => {
            "wait a little and repeat it".into()
        }
        Error::Request { misuse: Misuse::BadHost | Misuse::NoRoute, .. } => {
            "name the URL of an au-host: --host, AU_HOST".into()
        }
        Error::Remote { status: 401, .. } => "give a token that the host knows: --token, AU_TOKEN".into(),
        Error::Remote { status: 403, .. } => "give a token that may do this: --token, AU_TOKEN".into(),
        Error::Remote { code, .. } if code.is_empty() => "name the URL of an au-host: --host, AU_HOST".into(),
        Error::Remote { .. } => "`au-host doctor` asks that host how it is".into(),
        Error::KeyTaken { job, .. } => {
            format!("give each call a --key of its own; `au-host status {job}` shows what has this one")
        }
        Error::Finished(_) => format!("`{}` shows how it ended", of("result")),
        Error::WaitTimedOut { id, .. } => format!("`au-host wait {id}` waits on, `au-host cancel {id}` stops it"),
        Error::Failed(failure) if failure.is_of_quota() => {
            "wait for the next day (UTC), or ask the host's operator for more".into()
        }
        Error::Failed(failure) => failed(failure.kind, &of("logs")),
        Error::Cancelled { .. } => "run it again if it was a mistake".into(),
        Error::StorageFull { .. } => "make room: `au-host cleanup --older-than 7d`, or another --data".into(),
        Error::Corrupt { what, .. } => damaged(what).into(),
        _ => "`au-host doctor` looks for the cause".into(),
    }
}

/// In whole seconds, rounded up: who comes back on time must not come too early.
fn whole(wait: Duration) -> Duration {
    Duration::from_secs(wait.as_secs() + u64::from(wait.subsec_nanos() > 0))
}

/// A rule that said no, told by what it said: it is one error for all who may say no, and what helps differs.
fn not_allowed(why: &str) -> &'static str {
    const ADVICE: [(&str, &str); 8] = [
        ("cancel it first", "`au-host cancel ID` stops it; after that it can be removed"),
        ("over this host's ceiling", "ask for less, or have the host's operator raise it"),
        ("grants no", "leave that grant out, or have the host's operator allow it"),
        ("Redis at ", "mend that on the server or in the store's URL; `au-host doctor` looks again"),
        ("read by others", "take that right from others: chmod 600 that file"),
        ("by other", "take that right from others (chmod), or name a folder of your own with --data"),
        (
            "open to other machines",
            "make a token (`au-host token create NAME`), or leave --listen out to stay on this machine",
        ),
        (
            "what has expired by itself",
            "`au-host cleanup --older-than 7d` removes what finished before that, there too",
        ),
    ];
    let found = ADVICE.into_iter().find(|(part, _)| why.contains(part));
    found.map_or("change what it names, or ask for something else", |(_, advice)| advice)
}

/// A record that cannot be read.
fn damaged(what: &str) -> &'static str {
    match what {
        file if file.ends_with("jobs.db") => "put a backup in its place, or save what can be read as it says",
        job if job.contains("job") => "remove it with `au-host rm`; the others are fine",
        module if module.contains("module") => "add the module again; the others are fine",
        alias if alias.starts_with("alias") => "`au-host module alias NAME MODULE` sets it again; the others are fine",
        _ => "remove it and make it again; the others are fine",
    }
}

/// A module that is not taken.
fn refused(code: &str) -> &'static str {
    match code {
        "precompiled_refused" => "give the .wasm file it was compiled from",
        "text_refused" => "give the compiled .wasm file; `wat2wasm` makes one of WebAssembly text",
        "module_invalid" => "check that the file is whole, and build or copy it again",
        code if code.starts_with("limit:") || code == "module_too_large" => {
            "make it smaller: build with optimisation, and strip it"
        }
        _ => "build it with au-guest, as README.md shows",
    }
}

/// A job that failed.
fn failed(kind: FailureKind, logs: &str) -> String {
    match kind {
        FailureKind::TimedOut => "give it more time: --timeout 2h".into(),
        FailureKind::OutOfMemory => "give it more: --memory 512MiB".into(),
        FailureKind::OutOfFuel => "give it more: --fuel".into(),
        FailureKind::OutputTooLarge => "allow more: --max-output 64MiB".into(),
        FailureKind::StackOverflow => "recurse less deeply, or give it more: --stack 2MiB".into(),
        FailureKind::TableLimit => "allow more: --table-elements".into(),
        FailureKind::InstanceLimit => "allow more: --instances".into(),
        FailureKind::InvalidInput => FUNCTIONS.into(),
        FailureKind::NotPermitted => "allow what it says; grants are --env, --dir, --clock, --random".into(),
        FailureKind::Transient | FailureKind::Lost => "run it again, with more --attempts".into(),
        _ => format!("`{logs}` shows what it said before"),
    }
}
