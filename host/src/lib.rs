//! The host for asynchronous, sandboxed computation: plain functions compiled to WebAssembly, run as durable jobs.
//!
//! ```no_run
//! use std::path::Path;
//! use std::time::Duration;
//!
//! use au_host::{Local, LocalConfig, Payload, Request, Result};
//!
//! #[tokio::main]
//! async fn main() -> Result<()> {
//!     // A host with everything it needs in one folder. `au-host module add` puts modules there, or `Local::add_module`.
//!     let local = Local::open(Path::new("data"), LocalConfig::default()).await?;
//!     let request = Request::new("factorial".parse()?, "factorial", Payload::json(&[20])?);
//!
//!     // A call: runs now, keeps nothing.
//!     let product: u64 = local.host().call(request.clone()).await?.from_json()?;
//!
//!     // A job: kept before this returns, run now or after a crash, and found again by its id.
//!     let handle = local.host().submit(request).await?;
//!     assert_eq!(handle.typed::<u64>().result(Duration::from_secs(10)).await?, product);
//!
//!     local.close(Duration::from_secs(10)).await
//! }
//! ```
//!
//! # Nouns
//!
//! | noun | what it is | here |
//! |---|---|---|
//! | module | WebAssembly code, named by the digest of its bytes; an alias points at a digest | [`ModuleRef`], [`Modules`] |
//! | function | one thing a module offers | [`Request::function`] |
//! | job | a function call that is kept: a spec that never changes, and a state | [`Job`], [`Spec`], [`State`], [`Summary`] |
//! | attempt | one run of a job, or of a call | [`Attempt`], and what came of it: [`Report`] |
//! | store | keeps jobs; it compares one number and swaps | [`Store`], [`mod@store`] |
//! | backend | runs one attempt to its outcome, and keeps nothing | [`Backend`], [`mod@backend`] |
//! | handle | an id and a host, here or elsewhere: status, result, progress, logs, cancel | [`Handle`] |
//! | sandbox | limits and grants of one attempt, held under what the host allows | [`Sandbox`], [`SandboxPolicy`] |
//! | worker | who runs a job: one run of one process | [`WorkerId`] |
//! | host | the front door, and the only thing that knows both stores and backends | [`Host`], [`Builder`]; over HTTP, `Client` |
//!
//! What goes in and comes out is a [`Payload`], bytes and a media type, which the host does not look into. A guest's mistake is
//! a [`Failure`], kept with the job; what the host could not do is an [`Error`].
//!
//! A job runs at least once and has exactly one outcome. What [`Host::submit`] has acknowledged survives what its store says it
//! survives: [`Durability`](store::Durability).

mod ahead;
mod answers;
pub mod attempt;
pub mod backend;
mod brief;
mod builder;
#[cfg(feature = "client")]
pub mod client;
mod clock;
#[cfg(all(feature = "wasm", feature = "file"))]
mod copy;
mod duties;
mod error;
mod events;
mod failure;
mod front;
mod handle;
mod host;
#[cfg(feature = "http")]
pub mod http;
mod hub;
mod id;
mod job;
#[cfg(feature = "wasm")]
mod known;
pub mod lanes;
#[cfg(feature = "http")]
mod lent;
#[cfg(all(feature = "wasm", feature = "file"))]
mod local;
mod map;
pub mod middleware;
mod modules;
#[cfg(feature = "otel")]
pub mod otel;
#[cfg(not(feature = "otel"))]
#[path = "no_otel.rs"]
mod otel;
mod output;
mod payload;
mod place;
mod policies;
mod queue;
mod queues;
mod quota;
mod recorder;
#[cfg(feature = "wasm")]
pub mod registry;
mod request;
mod retry;
mod roster;
#[cfg(all(feature = "wasm", feature = "file"))]
mod rounds;
mod run;
mod running;
mod sandbox;
mod schedule;
mod scheduler;
#[cfg(all(feature = "wasm", feature = "file"))]
mod shared;
mod span;
mod steady;
pub mod store;
mod tenants;
pub mod testing;
mod time;
mod token;
mod tokens;
mod trace;
pub mod units;
mod webhook;

pub use attempt::{Attempt, Events, Level, LogEntry, Outcome, Progress, Report, Usage};
pub use backend::{Backend, Context};
pub use builder::{Builder, Takes};
#[cfg(feature = "client")]
pub use client::{Client, ClientConfig};
pub use clock::Clock;
#[cfg(all(feature = "wasm", feature = "file"))]
pub use copy::{Copied, Unfinished};
pub use error::{Class, Error, Misuse, Result};
pub use events::{Event, Heard};
pub use failure::{Failure, FailureKind, LimitHit, clean};
pub use front::Front;
pub use handle::Handle;
pub use host::{Host, Kept};
pub use id::{Digest, JobId, ModuleName, ModuleRef, WorkerId};
pub use job::{
    CancelRequest, Counts, IdempotencyKey, Illegal, Job, KeyHolds, Options, Owner, PastAttempt, Phase, Size, Spec,
    State, Status, Summary,
};
#[cfg(all(feature = "wasm", feature = "file"))]
pub use local::{Local, LocalConfig, Removed};
pub use middleware::Middleware;
pub use modules::Modules;
pub use output::Output;
pub use payload::{CBOR, JSON, MESSAGE_PACK, OCTETS, Payload};
pub use policies::{FunctionPolicy, QueuePolicy};
pub use queues::{FunctionInfo, QueueInfo};
pub use quota::{Held, Quota, Quotas, TenantUsage};
pub use request::Request;
pub use retry::{Backoff, Retry, RetryRequest};
pub use roster::WorkerInfo;
pub use sandbox::{DirGrant, GrantCeiling, Grants, Limits, Sandbox, SandboxPolicy, SandboxRequest};
pub use schedule::{Cron, Firing, Missed, Overlap, Schedule, ScheduleInfo, ScheduleName, Schedules};
pub use store::Store;
pub use time::Timestamp;
pub use token::{NewToken, Scope, Secret, Token, TokenId};
pub use tokens::Tokens;
pub use trace::{TraceContext, TraceParent, TraceState};
pub use webhook::{Delivery, DeliveryPhase, Network, WebhookConfig, WebhookUrl};
#[cfg(feature = "webhook")]
pub use webhook::{SigningSecret, WebhookSecrets};
