//! The host for asynchronous, sandboxed computation: plain functions compiled to WebAssembly, run as durable jobs.

pub mod attempt;
pub mod backend;
mod builder;
mod clock;
mod duties;
mod error;
mod events;
mod failure;
mod handle;
mod host;
mod hub;
mod id;
mod job;
#[cfg(feature = "wasm")]
mod known;
#[cfg(all(feature = "wasm", feature = "file"))]
mod local;
mod modules;
mod output;
mod payload;
mod queue;
mod recorder;
#[cfg(feature = "wasm")]
pub mod registry;
mod request;
mod retry;
mod run;
mod running;
mod sandbox;
mod scheduler;
mod steady;
pub mod store;
mod time;

pub use attempt::{Attempt, Events, Level, LogEntry, Outcome, Progress, Report, Usage};
pub use backend::{Backend, Context};
pub use builder::{Builder, Takes};
pub use clock::Clock;
pub use error::{Class, Error, Result};
pub use events::Event;
pub use failure::{Failure, FailureKind, LimitHit, clean};
pub use handle::Handle;
pub use host::Host;
pub use id::{Digest, JobId, ModuleName, ModuleRef, WorkerId};
pub use job::{
    CancelRequest, IdempotencyKey, Illegal, Job, KeyHolds, Options, Owner, Phase, Size, Spec, State, Status, Summary,
};
#[cfg(all(feature = "wasm", feature = "file"))]
pub use local::{Local, LocalConfig};
pub use modules::Modules;
pub use output::Output;
pub use payload::{CBOR, JSON, MESSAGE_PACK, OCTETS, Payload};
pub use request::Request;
pub use retry::Retry;
pub use sandbox::{DirGrant, GrantCeiling, Grants, Limits, Sandbox, SandboxPolicy, SandboxRequest};
pub use store::Store;
pub use time::Timestamp;
