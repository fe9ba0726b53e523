//! A backend without guests: an attempt does what its function is called. And modules that know every function.

use std::sync::Arc;

use async_trait::async_trait;
use au_host::{
    Attempt, Backend, Context, Digest, Failure, FailureKind, Level, ModuleRef, Modules, Payload, Progress, Report,
    Result, Usage,
};
use tokio::sync::Semaphore;

/// `echo` gives its input; `says` does, and a line, and `shows` how far it is; `held` does once it is let go; `fails-first` and
/// `fails-once` fail in their first attempt for now, and the latter gives its input in the next; anything else runs until it is cancelled.
#[derive(Debug)]
pub(crate) struct Puppet {
    held: Semaphore,
}

impl Puppet {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { held: Semaphore::new(0) })
    }

    /// Lets go of one that is held, now or later.
    pub(crate) fn let_go(&self) {
        self.held.add_permits(1);
    }

    async fn let_gone(&self) {
        self.held.acquire().await.unwrap().forget();
    }
}

#[async_trait]
impl Backend for Puppet {
    async fn execute(&self, attempt: Attempt, context: &Context) -> Result<Report> {
        if attempt.function.starts_with("fails-") && attempt.number == 1 {
            let outcome = Err(Failure::new(FailureKind::Transient, "the first attempt"));
            return Ok(Report { outcome, usage: Usage::default() });
        }
        let done = async {
            match &*attempt.function {
                "echo" | "fails-once" => {}
                "says" => context.events.log(Level::Info, "a line".into()),
                "shows" => context.events.progress(Progress::new(0.5, "half")),
                "held" => self.let_gone().await,
                _ => std::future::pending().await,
            }
        };
        let outcome = tokio::select! {
            () = done => Ok(attempt.input),
            () = context.cancel.cancelled() => Err(Failure::new(FailureKind::Cancelled, "cancelled")),
        };
        Ok(Report { outcome, usage: Usage::default() })
    }

    fn capacity(&self) -> usize {
        1
    }
}

/// Knows every module and takes every input.
#[derive(Debug)]
pub(crate) struct Anything;

#[async_trait]
impl Modules for Anything {
    async fn admit(&self, _module: &ModuleRef, _function: &str, _input: &Payload) -> Result<Digest> {
        Ok(Digest::of(b"any"))
    }
}
