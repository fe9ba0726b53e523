//! The API as OpenAPI 3.1, from the code. What is checked in beside this file is compared with it in a test, and what is said
//! here of a job or a module with one that is real.

#![allow(dead_code, reason = "these types are read by the macros that describe them, and by nobody else")]

use std::sync::LazyLock;

use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{IntoParams, IntoResponses, Modify, OpenApi, ToSchema};

use super::{
    attempts, bulk, call, events, health, job, jobs, logs, metrics, modules, queues, schedules, stats, submit, tokens,
    upload, usage, webhooks, workers,
};

#[derive(OpenApi)]
#[openapi(
    info(title = "au-host", description = "Functions compiled to WebAssembly, run as sandboxed, durable jobs"),
    paths(
        call::call,
        submit::submit,
        bulk::bulk,
        jobs::list,
        stats::stats,
        job::show,
        job::remove,
        job::output,
        job::input,
        logs::logs,
        events::events,
        job::cancel,
        job::retry,
        modules::list,
        upload::upload,
        modules::show,
        upload::upload_as,
        modules::remove,
        modules::alias,
        modules::unalias,
        schedules::list,
        schedules::put,
        schedules::show,
        schedules::input,
        schedules::remove,
        schedules::pause,
        schedules::resume,
        schedules::run,
        usage::usage,
        queues::list,
        queues::show,
        queues::set,
        queues::remove,
        queues::pause,
        queues::resume,
        queues::list_functions,
        queues::show_function,
        queues::set_function,
        queues::remove_function,
        workers::list,
        workers::drain,
        tokens::list,
        tokens::create,
        tokens::remove,
        webhooks::show,
        webhooks::rotate,
        attempts::run,
        health::alive,
        health::ready,
        metrics::metrics,
        document,
    ),
    components(schemas(Problem)),
    security((), ("token" = [])),
    modifiers(&Tokens)
)]
struct Api;

/// Says how a request carries a token, where the host asks for one.
struct Tokens;

impl Modify for Tokens {
    fn modify(&self, api: &mut utoipa::openapi::OpenApi) {
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer);
        let bearer = bearer.description(Some("Of `au-host token create`; needed where the host has tokens."));
        let components = api.components.get_or_insert_default();
        components.add_security_scheme("token", SecurityScheme::Http(bearer.build()));
    }
}

static TEXT: LazyLock<String> = LazyLock::new(|| Api::openapi().to_pretty_json().unwrap_or_default() + "\n");

/// The description of the API, in JSON.
#[must_use]
pub fn openapi() -> &'static str {
    &TEXT
}

/// This description.
#[utoipa::path(get, path = "/openapi.json", tag = "health", responses((status = 200, description = "this description")))]
pub(super) async fn document() -> Response {
    let mut response = openapi().into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// What is wrong with a request, or with the host (RFC 9457).
#[derive(ToSchema)]
pub(super) struct Problem {
    r#type: String,
    title: String,
    status: u16,
    /// What programs tell problems apart by. Never renamed.
    code: String,
    detail: String,
    /// What can be done about it.
    r#try: String,
    /// As in the header x-request-id.
    request_id: Option<String>,
    /// The job it is about.
    job: Option<String>,
    /// Why a function gave no output.
    failure: Option<Failure>,
    /// The rule that a module broke.
    rule: Option<String>,
    /// A name that exists, and looks like the one that was given.
    nearest: Option<String>,
    /// What was not found, or cannot be used.
    what: Option<String>,
    /// The name that was given.
    name: Option<String>,
    /// The reason alone.
    why: Option<String>,
    /// The quota that is used up: whose it is, its name and limit.
    quota: Option<serde_json::Value>,
    /// How many seconds to wait first, as in the header retry-after.
    retry_after: Option<u64>,
}

#[derive(IntoResponses)]
pub(super) enum Refusals {
    /// The request cannot be served; `code` says why.
    #[response(status = "4XX", content_type = "application/problem+json")]
    Client(Problem),
    /// The host cannot do it, now or at all; `code` says why.
    #[response(status = "5XX", content_type = "application/problem+json")]
    Server(Problem),
}

/// Why a function gave no output.
#[derive(ToSchema)]
struct Failure {
    /// What sort of failure: `failed`, `trap`, `timed-out`, `out-of-memory`, …
    kind: String,
    message: String,
    /// The limit that was hit: its name and value.
    limit: Option<serde_json::Value>,
    /// Where in the guest.
    trace: Option<Vec<String>>,
}

/// A job, without the bytes of its payloads.
#[derive(ToSchema)]
#[schema(as = Job)]
pub(super) struct Job {
    id: String,
    /// `pending`, `running`, `completed`, `failed` or `cancelled`.
    status: String,
    version: u64,
    module: String,
    function: String,
    options: serde_json::Value,
    input: PayloadSize,
    created: String,
    started: Option<String>,
    finished: Option<String>,
    expires: Option<String>,
    run_at: Option<String>,
    attempt: u32,
    worker: Option<String>,
    /// While running: when this attempt started.
    attempt_started: Option<String>,
    /// The attempts that have ended, of a job that had several; of very many the latest.
    past: Vec<PastAttempt>,
    progress: Option<serde_json::Value>,
    cancel: Option<serde_json::Value>,
    usage: serde_json::Value,
    output: Option<PayloadSize>,
    failure: Option<Failure>,
    cancelled: Option<String>,
    /// How the delivery of its webhook stands; told where one job is shown.
    webhook: Option<Delivery>,
}

/// An attempt that has ended.
#[derive(ToSchema)]
struct PastAttempt {
    /// Which it was, from 1.
    number: u32,
    worker: String,
    started: String,
    /// Of one whose worker was lost: when that was noticed.
    ended: String,
    /// The kind of its failure; null: it gave an output.
    failure: Option<String>,
}

/// How the delivery of a job's webhook stands.
#[derive(ToSchema)]
pub(super) struct Delivery {
    url: String,
    /// `waiting`, `delivered` or `gave-up`.
    state: String,
    /// How often it was tried.
    attempts: u32,
    /// Why the last try that failed did.
    error: Option<String>,
    /// While waiting: not to be tried before this.
    next: Option<String>,
    /// When it was delivered or given up.
    at: Option<String>,
}

/// The size and type of a payload.
#[derive(ToSchema)]
struct PayloadSize {
    content_type: String,
    bytes: u64,
}

/// What a tenant has and has used, and how much it may.
#[derive(ToSchema)]
pub(super) struct Usage {
    tenant: String,
    held: Held,
    /// Units of fuel of its attempts that ended today, UTC.
    fuel_today: u64,
    quota: Quota,
}

/// What a tenant has.
#[derive(ToSchema)]
struct Held {
    jobs: Counts,
    /// Bytes of all its jobs: inputs, outputs, labels and logs.
    stored: u64,
}

/// How many jobs have which status. What has expired counts until it is removed.
#[derive(ToSchema)]
pub(super) struct Counts {
    pending: u64,
    running: u64,
    completed: u64,
    failed: u64,
    cancelled: u64,
}

/// How much a tenant may have; null is as much as it likes.
#[derive(ToSchema)]
struct Quota {
    running: Option<u64>,
    queued: Option<u64>,
    stored: Option<u64>,
    fuel_per_day: Option<u64>,
}

/// A queue: how many of its jobs wait and run, and how many may.
#[derive(ToSchema)]
pub(super) struct Queue {
    name: String,
    #[schema(format = "uint64")]
    concurrency: Option<u64>,
    #[schema(format = "uint64")]
    per_function: Option<u64>,
    #[schema(format = "uint64")]
    per_key: Option<u64>,
    paused: bool,
    /// Null to a tenant, as `running`.
    pending: Option<u64>,
    running: Option<u64>,
}

/// How many jobs of a queue may run at one time, over all hosts; null is as many as there is room for.
#[derive(ToSchema)]
pub(super) struct QueuePolicy {
    /// In all.
    #[schema(minimum = 1, format = "uint64")]
    concurrency: Option<u64>,
    /// Of each function.
    #[schema(minimum = 1, format = "uint64")]
    per_function: Option<u64>,
    /// Of each concurrency key.
    #[schema(minimum = 1, format = "uint64")]
    per_key: Option<u64>,
    /// Nothing of it starts.
    paused: Option<bool>,
}

/// How the jobs of a function are run.
#[derive(ToSchema)]
pub(super) struct FunctionPolicy {
    /// How many at one time, over all hosts.
    #[schema(minimum = 1, format = "uint64")]
    concurrency: Option<u64>,
    /// None of its jobs starts.
    paused: Option<bool>,
    /// The queue of jobs that name none.
    queue: Option<String>,
    /// The retries of jobs that say nothing of them, as in the options of a job.
    retry: Option<serde_json::Value>,
    /// The priority of jobs that have none of their own.
    #[schema(minimum = -100, maximum = 100)]
    priority: Option<i32>,
}

/// A function: how many of its jobs wait and run, and how they are run.
#[derive(ToSchema)]
pub(super) struct FunctionOfJobs {
    module: String,
    function: String,
    #[serde(flatten)]
    policy: FunctionPolicy,
    /// Null to a tenant, as `running`.
    pending: Option<u64>,
    running: Option<u64>,
}

/// A host that takes what is due.
#[derive(ToSchema)]
pub(super) struct Worker {
    id: String,
    machine: String,
    process: u32,
    version: String,
    started: String,
    /// When it was last heard of.
    seen: String,
    slots: u64,
    running: u64,
    labels: serde_json::Value,
    draining: bool,
}

/// What is known of a token.
#[derive(ToSchema)]
pub(super) struct Token {
    id: String,
    name: String,
    /// Null: the jobs of all are its own.
    tenant: Option<String>,
    /// Of read, submit, work, admin and metrics.
    scopes: Vec<String>,
    created: String,
    /// Null: it is good until it is removed.
    expires: Option<String>,
}

/// A module.
#[derive(ToSchema)]
#[schema(as = Module)]
pub(super) struct Module {
    digest: String,
    size: u64,
    kind: String,
    imports: Vec<String>,
    exports: Vec<String>,
    functions: Vec<Function>,
    added: String,
}

/// A module, and its names.
#[derive(ToSchema)]
#[schema(as = ListedModule)]
pub(super) struct ListedModule {
    #[serde(flatten)]
    module: Module,
    aliases: Vec<String>,
}

/// One thing a module offers.
#[derive(ToSchema)]
struct Function {
    name: String,
    summary: String,
    /// JSON schema of the input: an array with one entry per parameter.
    input_schema: Option<serde_json::Value>,
    /// JSON schema of the output.
    output_schema: Option<serde_json::Value>,
}

/// Limits and grants of a call.
#[derive(IntoParams)]
#[into_params(parameter_in = Query, rename_all = "kebab-case")]
pub(super) struct CallOptions {
    /// Longest an attempt may take: 30s, 2h.
    timeout: Option<String>,
    /// Most memory: 64MiB, 2GiB.
    memory: Option<String>,
    /// Most fuel, about one unit an instruction.
    #[param(format = "uint64")]
    fuel: Option<u64>,
    /// Largest output.
    max_output: Option<String>,
    /// Most bytes of log.
    max_log: Option<String>,
    /// Most lines of log.
    #[param(format = "uint64")]
    max_log_lines: Option<u64>,
    /// Largest stack.
    stack: Option<String>,
    /// Most elements of a table.
    #[param(format = "uint64")]
    table_elements: Option<u64>,
    /// Most core instances.
    #[param(format = "uint64")]
    instances: Option<u64>,
    /// Grants environment variables: NAME=VALUE.
    env: Option<Vec<String>>,
    /// Grants folders of the host to read: HOST or HOST=GUEST.
    dir: Option<Vec<String>>,
    /// Grants folders of the host to read and write.
    dir_rw: Option<Vec<String>>,
    /// Grants the time of day.
    clock: Option<bool>,
    /// Grants random bytes.
    random: Option<bool>,
}

/// How a job is kept and tried, beside what a call has.
#[derive(IntoParams)]
#[into_params(parameter_in = Query, rename_all = "kebab-case")]
pub(super) struct KeptOptions {
    /// Attempts in all, when a worker dies or the function says that it may work later.
    #[param(format = "uint32")]
    attempts: Option<u32>,
    /// Rest before the second attempt.
    retry_delay: Option<String>,
    /// Longest rest.
    max_retry_delay: Option<String>,
    /// How rests grow: `exponential`, each twice the one before; `linear`; or `constant`.
    backoff: Option<String>,
    /// By how much of it, in percent, a rest may be shorter.
    #[param(maximum = 100)]
    jitter: Option<u8>,
    /// Kinds of failure that are tried again, in place of `transient` and `lost`.
    retry_on: Option<Vec<String>>,
    /// Higher ones are started first; from -100 to 100.
    priority: Option<i32>,
    /// The queue to wait in, which may bound how many run; else the one that is named `default`.
    queue: Option<String>,
    /// Of the jobs with the same, no more run than their queue allows of each.
    concurrency_key: Option<String>,
    /// How long it is kept after it finished.
    ttl: Option<String>,
    /// Notes to find it by: NAME=VALUE.
    label: Option<Vec<String>>,
    /// What to show as the module's name; else the name it was asked for by.
    module_name: Option<String>,
    /// The URL that is told, by a signed POST, that the job has finished (Standard Webhooks).
    webhook: Option<String>,
}

/// When a job may start.
#[derive(IntoParams)]
#[into_params(parameter_in = Query, rename_all = "kebab-case")]
pub(super) struct StartOptions {
    /// Start no earlier than this long from now.
    delay: Option<String>,
    /// Start no earlier than this moment (RFC 3339).
    run_at: Option<String>,
}

/// Which jobs.
#[derive(IntoParams)]
#[into_params(parameter_in = Query, rename_all = "kebab-case")]
pub(super) struct ListOptions {
    /// Only these; several with commas.
    status: Option<Vec<String>>,
    /// Only calls of this module: a name or a digest.
    module: Option<String>,
    /// Only calls of this function.
    function: Option<String>,
    /// Only those of this queue; `default` is that of jobs that name none.
    queue: Option<String>,
    /// Only with this label: NAME=VALUE.
    label: Option<Vec<String>>,
    /// Only older ones than this job: the `next` of the page before.
    before: Option<String>,
    /// How many at most: 1 to 1000, else 50.
    limit: Option<usize>,
}
