//! Backends whose attempts run elsewhere: in a child process (`process:`), or on another host (`http:`).
//!
//! What a host and a worker tell each other is written once (`frame.rs`), and so is how the host's end of it behaves
//! (`conversation.rs`): a worker that is silent, dies or lies costs the attempt it has, which ends as lost, and no other.

mod backend;
mod conversation;
mod elsewhere;
pub(crate) mod frame;
mod hearing;
mod process;
#[cfg(feature = "http")]
mod voice;

pub use backend::Remote;
pub use elsewhere::{Elsewhere, ElsewhereConfig};
pub use process::{ARGUMENT, ProcessConfig, Processes, worker_main};
#[cfg(feature = "http")]
pub(crate) use voice::Voice;
