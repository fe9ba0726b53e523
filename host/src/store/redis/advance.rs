//! Puts the next state of a job in place of the one it was made from.

use bytes::Bytes;

use super::RedisStore;
use super::answer::{self, decimal, own, random};
use super::payloads::{self, Placed};
use super::row::Kept;
use super::{fault, scripts};
use crate::error::{Error, Result};
use crate::id::JobId;
use crate::job::State;

impl RedisStore {
    pub(super) async fn swap(&self, id: JobId, next: &State) -> Result<()> {
        for _ in 0..payloads::TRIES {
            let output = self.place_output(&next.phase).await?;
            let args = self.swap_arguments(id, next, output.as_ref());
            let answer = self.main.run(&scripts::ADVANCE, &args).await.and_then(answer::bytes);
            match &answer {
                Ok(word) if &word[..] == b"done" => return Ok(()),
                Err(Error::Fault { .. }) => {}
                _ => self.payloads.forget(output.as_ref()).await,
            }
            match &answer?[..] {
                b"absent" => return Err(Error::not_found("job", id)),
                b"conflict" => return Err(Error::Conflict(id)),
                b"finished" => return Err(Error::Finished(id)),
                b"gone" => {}
                _ => return Err(fault::strange()),
            }
        }
        Err(payloads::lost())
    }

    fn swap_arguments(&self, id: JobId, next: &State, output: Option<&Placed>) -> Vec<Bytes> {
        let kept = Kept::new(next, output);
        vec![
            self.handle.clone(),
            own(id.as_bytes()),
            random(),
            // No state has version 0, so none is before it.
            next.version.checked_sub(1).map(decimal).unwrap_or_default(),
            kept.version,
            kept.state,
            kept.status,
            kept.due,
            kept.worker,
            kept.finished,
            output.map(|output| output.inline.clone()).unwrap_or_default(),
            output.map(Placed::name).unwrap_or_default(),
            decimal(output.map_or(0, |output| output.pieces)),
            decimal(output.map_or(0, |output| output.stored.length)),
        ]
    }
}
