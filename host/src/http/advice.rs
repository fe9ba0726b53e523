//! What a caller over HTTP can do about an error.

use crate::error::{Error, Misuse};
use crate::failure::FailureKind;

/// One line on what to do about it.
pub(super) fn advice(error: &Error) -> &'static str {
    match error {
        Error::NotFound { what: "module", .. } => "GET /v1/modules lists what there is",
        Error::NotFound { what: "function", .. } => "GET /v1/modules/{module} lists its functions",
        Error::NotFound { what: "job", .. } => "GET /v1/jobs lists the jobs of this host",
        Error::NotFound { what: "queue", .. } => "GET /v1/queues lists what there is",
        Error::NotFound { what: "policy", .. } => "GET /v1/functions lists what there is",
        Error::NotFound { what: "schedule", .. } => "GET /v1/schedules lists what there is",
        Error::NotFound { what: "worker", .. } => "GET /v1/workers lists who is there",
        Error::NotFound { .. } => "check the name",
        Error::Expired(_) => "run it again, with a longer ttl",
        Error::Invalid { what: "input" | "call", .. } => "GET /v1/modules/{module} has the schema of the input",
        Error::Invalid { .. } => "GET /openapi.json says what can be given",
        Error::Refused { .. } => "ask for less, leave out what it names, or have the host's operator allow it",
        Error::Module { code, .. } => refused(code),
        Error::RateLimited { .. } | Error::Busy { .. } | Error::ShuttingDown => {
            "wait for as long as Retry-After says, and repeat it"
        }
        Error::Quota { .. } => "wait until some of it is free again, or ask the host's operator for more",
        Error::Conflict(_) => "repeat it",
        Error::KeyTaken { .. } => "give each call an Idempotency-Key of its own",
        Error::Unfinished { .. } => {
            "GET /v1/jobs/{id}?wait=30s waits for it; to remove it, POST /v1/jobs/{id}/cancel first"
        }
        Error::Finished(_) => "GET /v1/jobs/{id} shows how it ended",
        Error::WaitTimedOut { .. } => "ask again; the job goes on",
        Error::Failed(failure) if failure.is_of_quota() => {
            "wait for the next day (UTC), or ask the host's operator for more"
        }
        Error::Failed(failure) => failed(failure.kind),
        Error::Cancelled { .. } => "POST /v1/jobs/{id}/retry runs it again",
        Error::StorageFull { .. } => "remove jobs or modules, or ask the host's operator for room",
        Error::Request { misuse, .. } => misused(*misuse),
        Error::Unreachable { .. }
        | Error::Remote { .. }
        | Error::Missing { .. }
        | Error::Corrupt { .. }
        | Error::Fault { .. } => "ask the host's operator, whose log has more under this request_id",
    }
}

fn refused(code: &str) -> &'static str {
    match code {
        "precompiled_refused" => "send the .wasm file it was compiled from",
        "text_refused" => "send the compiled .wasm file; `wat2wasm` makes one of WebAssembly text",
        "module_invalid" => "check that the file is whole, and build or send it again",
        code if code.starts_with("limit:") || code == "module_too_large" => {
            "make it smaller: build with optimisation, and strip it"
        }
        _ => "build it with au-guest",
    }
}

fn failed(kind: FailureKind) -> &'static str {
    match kind {
        FailureKind::TimedOut => "give it more time: ?timeout=2h",
        FailureKind::OutOfMemory => "give it more: ?memory=512MiB",
        FailureKind::OutOfFuel => "give it more: ?fuel=",
        FailureKind::OutputTooLarge => "allow more: ?max-output=64MiB",
        FailureKind::StackOverflow => "recurse less deeply, or give it more: ?stack=2MiB",
        FailureKind::TableLimit => "allow more: ?table-elements=",
        FailureKind::InstanceLimit => "allow more: ?instances=",
        FailureKind::InvalidInput => "GET /v1/modules/{module} has the schema of the input",
        FailureKind::NotPermitted => "allow what it says; grants are ?clock, ?random, ?env=, ?dir=",
        FailureKind::Transient | FailureKind::Lost => "run it again, with more attempts",
        _ => "GET /v1/jobs/{id}/logs shows what it said before",
    }
}

fn misused(misuse: Misuse) -> &'static str {
    match misuse {
        Misuse::BadRequest => "send it as HTTP/1.1, by a client that knows it",
        Misuse::BadId => "use an id or a name as this host gave it",
        Misuse::BadJson => "mend the JSON, or say with Content-Type what it is",
        Misuse::BadDigest => "send it again; it was changed on its way, or the digest is another file's",
        Misuse::Unauthenticated => {
            "send the header `Authorization: Bearer` with a token; the host's operator makes one by `au-host token create`"
        }
        Misuse::Forbidden => "use a token with that scope; the host's operator makes one by `au-host token create`",
        Misuse::BadOrigin | Misuse::BadHost => "call this host by its own address, from no other site's page",
        Misuse::TooSlow => "send it again, over a faster connection",
        Misuse::TooLarge | Misuse::LongUrl | Misuse::LargeHead => {
            "send less at a time, or have the host's operator raise the limit"
        }
        Misuse::TooManyFollowers => "wait a little, or follow fewer jobs at a time",
        Misuse::SlowHost => {
            "look whether it was done, then repeat it; with an Idempotency-Key a submit can be repeated at once"
        }
        Misuse::Panic => "tell the host's operator the request_id; it is a bug of au-host",
        _ => "GET /openapi.json says what can be asked, and how",
    }
}
