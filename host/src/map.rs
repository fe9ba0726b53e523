//! One function for each of many inputs: a job each, and all of them or none.

use std::sync::atomic::{AtomicBool, Ordering};

use futures::stream::{self, StreamExt};
use tracing::Instrument as _;

use crate::error::{Error, Result};
use crate::handle::Handle;
use crate::host::Host;
use crate::id::ModuleRef;
use crate::job::{Spec, labels_bytes};
use crate::payload::Payload;
use crate::request::Request;
use crate::span;

/// Submits that are under way at once.
const AT_ONCE: usize = 256;

impl Host {
    /// Submits one job for each input, in order, all of the code that the module's name names now. All inputs are checked before the first is kept; when one cannot be kept
    /// after all, those that were are cancelled. That takes a caller who stays: dropped half-way, what was kept runs.
    ///
    /// # Errors
    /// As for [`submit`](Host::submit). `Invalid` for a request with an idempotency key, which names one job.
    pub async fn map(&self, request: Request, inputs: impl IntoIterator<Item = Payload>) -> Result<Vec<Handle>> {
        request.may_be_many()?;
        let inputs: Vec<_> = inputs.into_iter().collect();
        let span = span::submit(&request, inputs.len());
        self.mapping(request, inputs).instrument(span).await
    }

    async fn mapping(&self, mut request: Request, inputs: Vec<Payload>) -> Result<Vec<Handle>> {
        let labels = labels_bytes(&request.labels);
        let bytes = inputs.iter().map(|input| input.len() + labels).sum();
        let _comes = self.inner.asked(&request, inputs.len() as u64, bytes).await?;
        let mut specs = Vec::new();
        for (at, input) in inputs.into_iter().enumerate() {
            let spec =
                self.inner.spec(Request { input, ..request.clone() }).await.map_err(|error| of_input(at, error))?;
            // A name is looked up once, and all are of the code that it names then.
            request.module_name.clone_from(&spec.options.module_name);
            request.module = ModuleRef::Digest(spec.module);
            specs.push(spec);
        }
        let ids: Vec<_> = specs.iter().map(|spec| spec.id).collect();
        let failed = AtomicBool::new(false);
        let keep = async |spec: Spec| match failed.load(Ordering::Relaxed) {
            true => Err(Error::ShuttingDown),
            false => {
                // Not the handle that was made: of many, none holds an output until it is asked for.
                let id = spec.id;
                self.keep(spec).await.map(|_| self.handle(id)).inspect_err(|_| failed.store(true, Ordering::Relaxed))
            }
        };
        // All that were begun come to an end first, or there would be nothing to cancel yet.
        let kept: Vec<_> = stream::iter(specs).map(keep).buffered(AT_ONCE).collect().await;
        let handles: Result<Vec<_>> = kept.into_iter().collect();
        if handles.is_err() {
            for id in ids {
                if let Err(error) = self.handle(id).cancel("the map it belongs to could not be kept whole").await {
                    // Most were never kept; there is nothing to cancel.
                    tracing::debug!(%id, error = error.chain(), "not cancelled");
                }
            }
        }
        handles
    }
}

/// Says which of many inputs does not fit, as they are counted by people.
fn of_input(at: usize, error: Error) -> Error {
    match error {
        Error::Invalid { what: "input", why } => Error::invalid("input", format!("input {}: {why}", at + 1)),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_inputs_the_one_that_does_not_fit_is_named_and_other_errors_are_as_they_were() {
        let told = |error| of_input(2, error).to_string();
        assert_eq!(told(Error::invalid("input", "it is no number")), "input is not valid: input 3: it is no number");
        assert_eq!(told(Error::not_found("module", "x")), "no module x");
    }
}
