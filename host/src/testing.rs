//! Test doubles: a backend that runs closures in place of guests, and remembers what it was asked.
//!
//! With a store in memory it makes a host that needs no file, no module and no time, for tests of what is built on one.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> au_host::Result<()> {
//! use std::sync::Arc;
//!
//! use au_host::store::memory::MemoryStore;
//! use au_host::testing::Double;
//! use au_host::{Failure, FailureKind, Host, Payload, Request};
//!
//! let double = Arc::new(Double::new().with("add", |attempt| {
//!     let (a, b): (i64, i64) = attempt.input.from_json().map_err(|error| Failure::new(FailureKind::InvalidInput, &error.to_string()))?;
//!     Payload::json(&(a + b)).map_err(|error| Failure::new(FailureKind::Failed, &error.to_string()))
//! }));
//! let host = Host::builder(Arc::new(MemoryStore::new()), double.clone(), double.clone()).build().await?;
//! let request = Request::new("math".parse()?, "add", Payload::json(&(2, 40))?);
//! assert_eq!(host.submit(request).await?.typed::<i64>().result(None).await?, 42);
//! assert_eq!(double.calls().len(), 1);
//! # Ok(())
//! # }
//! ```

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;

use crate::attempt::{Attempt, Outcome, Report, Usage};
use crate::backend::{Backend, Context};
use crate::error::{Error, Result};
use crate::failure::{Failure, FailureKind};
use crate::id::{Digest, ModuleRef};
use crate::modules::Modules;
use crate::payload::Payload;

/// Most attempts that are remembered; the first go.
const CALLS: usize = 10_000;

type Function = Box<dyn Fn(&Attempt) -> Outcome + Send + Sync>;

/// A backend of closures, and the modules that have them: every module has every function that was given.
#[derive(Default)]
pub struct Double {
    functions: BTreeMap<String, Function>,
    calls: Mutex<Vec<Attempt>>,
}

impl Double {
    /// One without functions.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The same with this function. It is called in place: one that waits holds up its thread.
    #[must_use]
    pub fn with(
        mut self,
        name: impl Into<String>,
        function: impl Fn(&Attempt) -> Outcome + Send + Sync + 'static,
    ) -> Self {
        self.functions.insert(name.into(), Box::new(function));
        self
    }

    /// The attempts that were run, in the order in which they began; of more than 10,000 the last.
    #[must_use]
    pub fn calls(&self) -> Vec<Attempt> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl fmt::Debug for Double {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Double({:?})", self.functions.keys())
    }
}

#[async_trait]
impl Backend for Double {
    async fn execute(&self, attempt: Attempt, context: &Context) -> Result<Report> {
        {
            let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
            if calls.len() >= CALLS {
                calls.remove(0);
            }
            calls.push(attempt.clone());
        }
        if context.cancel.is_cancelled() {
            return Ok(Report::failed(Failure::new(FailureKind::Cancelled, "cancelled")));
        }
        let outcome = match self.functions.get(&attempt.function) {
            Some(function) => function(&attempt),
            None => Err(Failure::new(FailureKind::Module, "there is no such function")),
        };
        Ok(Report { outcome, usage: Usage::default() })
    }

    fn capacity(&self) -> usize {
        64
    }
}

#[async_trait]
impl Modules for Double {
    async fn admit(&self, module: &ModuleRef, function: &str, _input: &Payload) -> Result<Digest> {
        if !self.functions.contains_key(function) {
            return Err(Error::not_found("function", function));
        }
        Ok(match module {
            ModuleRef::Digest(digest) => *digest,
            ModuleRef::Name(name) => Digest::of(name.as_str().as_bytes()),
        })
    }
}
