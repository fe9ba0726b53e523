//! The host for asynchronous, sandboxed computation: plain functions compiled to WebAssembly, run as durable jobs.

pub mod attempt;
pub mod backend;
mod clock;
mod error;
mod failure;
mod id;
mod job;
mod payload;
#[cfg(feature = "wasm")]
pub mod registry;
mod retry;
mod sandbox;
pub mod store;
mod time;

pub use attempt::{Attempt, Level, LogEntry, Outcome, Progress, Report, Usage};
pub use backend::Backend;
pub use clock::Clock;
pub use error::{Class, Error, Result};
pub use failure::{Failure, FailureKind, LimitHit, clean};
pub use id::{Digest, JobId, ModuleName, ModuleRef, WorkerId};
pub use job::{
    CancelRequest, IdempotencyKey, Illegal, Job, KeyHolds, Options, Owner, Phase, Size, Spec, State, Status, Summary,
};
pub use payload::{CBOR, JSON, MESSAGE_PACK, OCTETS, Payload};
pub use retry::Retry;
pub use sandbox::{DirGrant, GrantCeiling, Grants, Limits, Sandbox, SandboxPolicy, SandboxRequest};
pub use store::Store;
pub use time::Timestamp;
