//! What the host needs of the modules it runs: which code a name means, and whether a function of it takes an input.

use async_trait::async_trait;

use crate::error::Result;
use crate::id::{Digest, ModuleRef};
use crate::payload::Payload;

/// Knows modules. The host asks it before anything is kept, so that a mistake costs nobody a job.
#[async_trait]
pub trait Modules: std::fmt::Debug + Send + Sync + 'static {
    /// The code that `module` means now, once it is sure that `function` of it can be called with `input`. Unknown module or
    /// function: `NotFound`, with the nearest name there is; an input its schema does not allow: `Invalid`, naming the argument;
    /// a kind of module that does not run here: `Module`.
    async fn admit(&self, module: &ModuleRef, function: &str, input: &Payload) -> Result<Digest>;

    /// Sees to it that this code can be run here, for a job that another host admitted. Nothing to do where modules are in one
    /// place only. Unknown: `NotFound`; any other error may pass, and the job is tried again.
    async fn fetch(&self, module: Digest) -> Result<()> {
        let _here = module;
        Ok(())
    }
}
