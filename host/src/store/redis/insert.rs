//! Adds a job: its hash, its idempotency key, and its places in the indexes.

use bytes::Bytes;

use super::RedisStore;
use super::answer::{self, decimal, inverted, own, sortable};
use super::payloads::{self, Placed};
use super::row::Kept;
use super::{fault, scripts};
use crate::error::{Error, Result};
use crate::job::{Job, KeyHolds, Phase};
use crate::store::Inserted;
use crate::store::columns::{self, holds_code, tags};
use crate::store::record::write_spec;
use crate::time::Timestamp;

impl RedisStore {
    pub(super) async fn add(&self, job: &Job) -> Result<Inserted> {
        for _ in 0..payloads::TRIES {
            let input = self.payloads.place(&job.spec.input).await?;
            let output = self.place_output(&job.state.phase).await?;
            let args = arguments(job, &self.handle, &input, output.as_ref());
            let answer = self.main.run(&scripts::INSERT, &args).await;
            let mut parts = match answer.and_then(answer::array) {
                Ok(parts) => parts.into_iter(),
                Err(error) => {
                    // What may have been done must be left as it is.
                    if !matches!(error, Error::Fault { .. }) {
                        self.forget(&input, output.as_ref()).await;
                    }
                    return Err(error);
                }
            };
            let word = answer::bytes(parts.next().ok_or_else(fault::strange)?)?;
            if &word[..] == b"new" {
                return Ok(Inserted::New);
            }
            self.forget(&input, output.as_ref()).await;
            match &word[..] {
                b"existing" => {
                    let id = answer::bytes(parts.next().ok_or_else(fault::strange)?)?;
                    return answer::id(&id).map(Inserted::Existing);
                }
                b"conflict" => return Err(Error::Conflict(job.spec.id)),
                b"gone" => {}
                _ => return Err(fault::strange()),
            }
        }
        Err(payloads::lost())
    }

    pub(super) async fn place_output(&self, phase: &Phase) -> Result<Option<Placed>> {
        match phase {
            Phase::Completed { output, .. } => self.payloads.place(output).await.map(Some),
            _ => Ok(None),
        }
    }

    async fn forget(&self, input: &Placed, output: Option<&Placed>) {
        self.payloads.forget(Some(input)).await;
        self.payloads.forget(output).await;
    }
}

fn arguments(job: &Job, handle: &Bytes, input: &Placed, output: Option<&Placed>) -> Vec<Bytes> {
    let (spec, options) = (&job.spec, &job.spec.options);
    let kept = Kept::new(&job.state, output);
    let priority = inverted(options.priority);
    let turn = match &kept.due[..] {
        [] => Bytes::new(),
        due => own([&priority, due, spec.id.as_bytes()].concat()),
    };
    // A key may be the empty text.
    let key = options.scoped_key().map(|key| own([b"1", &key[..]].concat())).unwrap_or_default();
    let holds = options.key.as_ref().map_or(KeyHolds::WhileKept, |key| key.holds);
    let ttl = columns::ttl(spec);
    let expires = job.state.expires(spec).map(Timestamp::as_micros);
    let bytes = spec.bytes() + output.map_or(0, |output| output.stored.length);
    let packed: Vec<u8> = tags(spec).iter().flat_map(|tag| pack(tag)).collect();
    vec![
        handle.clone(),
        own(spec.id.as_bytes()),
        key,
        decimal(holds_code(holds)),
        own(sortable(spec.created.as_micros())),
        write_spec(spec, &input.stored).into(),
        kept.state,
        kept.version,
        kept.status,
        own(priority),
        turn,
        kept.worker,
        owner(options.principal.as_deref()),
        ttl.map(|ttl| own(ttl.to_be_bytes())).unwrap_or_default(),
        expires.map(|at| own(sortable(at))).unwrap_or_default(),
        decimal(bytes),
        packed.into(),
        input.inline.clone(),
        input.name(),
        decimal(input.pieces),
        output.map(|output| output.inline.clone()).unwrap_or_default(),
        output.map(Placed::name).unwrap_or_default(),
        decimal(output.map_or(0, |output| output.pieces)),
        columns::lanes(spec).into(),
    ]
}

/// Whose a job is, as the indexes have it.
pub(super) fn owner(principal: Option<&str>) -> Bytes {
    principal.map_or(Bytes::from_static(b"n"), |name| own([b"p", name.as_bytes()].concat()))
}

fn pack(tag: &[u8]) -> Vec<u8> {
    // A tag is of a label or a name, which are far shorter.
    let length = u32::try_from(tag.len()).unwrap_or(u32::MAX);
    [&length.to_be_bytes(), tag].concat()
}
