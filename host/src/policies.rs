//! Policies of queues and functions: notes in the store, so that all hosts on it share them. What each host knows of them is at
//! most some seconds old; what it changes itself it knows at once.

use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tokio::sync::OnceCell;

use crate::error::{Error, Result};
use crate::job::Spec;
use crate::lanes::{Bounds, FunctionBounds, Group, QueueBounds, function_lane};
use crate::quota::Quotas;
use crate::request::Request;
use crate::retry::Retry;
use crate::store::Store;

/// How long what was read is taken to be as it was.
const FRESH: Duration = Duration::from_secs(1);
/// Most policies of a store.
const MOST: usize = 10_000;

const NOTES: &str = "policy/";
const QUEUE: &str = "policy/queue/";
const FUNCTION: &str = "policy/function/";

/// How many jobs of a queue may run at one time, over all hosts of its store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct QueuePolicy {
    /// Of all its jobs; `None`: as many as there is room for.
    pub concurrency: Option<NonZeroU64>,
    /// Of those of each function.
    pub per_function: Option<NonZeroU64>,
    /// Of those of each concurrency key.
    pub per_key: Option<NonZeroU64>,
    /// Nothing of it starts. What runs goes on, and what comes waits.
    pub paused: bool,
}

/// How jobs of a function are run, in whatever queue, and what those have that do not say. It is of the name that a module was
/// asked for by.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FunctionPolicy {
    /// How many run at one time, over all hosts of the store.
    pub concurrency: Option<NonZeroU64>,
    /// None of its jobs starts.
    pub paused: bool,
    /// The queue of jobs that name none.
    pub queue: Option<String>,
    /// The policy of jobs that say nothing of retries.
    pub retry: Option<Retry>,
    /// The priority of jobs that have none of their own.
    pub priority: Option<i32>,
}

impl FunctionPolicy {
    /// Whether a job can have what it says.
    pub(crate) fn bounded(&self) -> Result<()> {
        self.retry.iter().try_for_each(Retry::bounded)?;
        self.queue.iter().try_for_each(|name| crate::request::text("queue", name))?;
        self.priority.map_or(Ok(()), crate::request::priority)
    }
}

/// The policy of a function, as its note has it: the note's name is made of both names, and may be a hash.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct OfFunction {
    pub(crate) module: String,
    pub(crate) function: String,
    #[serde(flatten)]
    pub(crate) policy: FunctionPolicy,
}

/// What is known of them.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Known {
    pub(crate) queues: BTreeMap<String, QueuePolicy>,
    /// By their lanes.
    pub(crate) functions: BTreeMap<String, OfFunction>,
    /// `None`: nothing is bounded.
    pub(crate) bounds: Option<Arc<Bounds>>,
}

/// The policies of a store, as one host knows them.
#[derive(Debug)]
pub(crate) struct Policies {
    store: Arc<dyn Store>,
    tenants: Arc<Quotas>,
    known: Mutex<(Option<Instant>, Arc<Known>)>,
    /// Whether they were read once: whoever needs them before that waits for the one who reads.
    read: OnceCell<()>,
}

impl Policies {
    pub(crate) fn new(store: Arc<dyn Store>, tenants: Arc<Quotas>) -> Self {
        let bounds = Known::default().bounds(&tenants);
        let known = Mutex::new((None, Arc::new(Known { bounds, ..Known::default() })));
        Self { store, tenants, known, read: OnceCell::new() }
    }

    fn known(&self) -> MutexGuard<'_, (Option<Instant>, Arc<Known>)> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// As they are, or were a moment ago.
    pub(crate) async fn current(&self) -> Result<Arc<Known>> {
        self.first().await?;
        {
            let (looked, known) = &mut *self.known();
            if looked.is_some_and(|at| at.elapsed() < FRESH) {
                return Ok(Arc::clone(known));
            }
            // One looks, and others go on with what there is.
            *looked = Some(Instant::now());
        }
        self.look().await.map(|(_, known)| known)
    }

    /// Reads them, unless that was done before.
    pub(crate) async fn first(&self) -> Result<()> {
        self.read.get_or_try_init(async || self.look().await.map(drop)).await.copied()
    }

    /// Reads them, and says whether there was anything new.
    pub(crate) async fn look(&self) -> Result<(bool, Arc<Known>)> {
        let mut found = Known::default();
        for note in self.store.notes(NOTES, MOST).await? {
            if let Err(error) = found.read(&note.name, &note.bytes) {
                tracing::error!(note = note.name, error = error.chain(), "a policy cannot be read, and does not hold");
            }
        }
        found.bounds = found.bounds(&self.tenants);
        let found = Arc::new(found);
        let mut known = self.known();
        let is_new = *known.1 != *found;
        *known = (Some(Instant::now()), Arc::clone(&found));
        Ok((is_new, found))
    }

    /// Keeps the policy of a queue; `None`: it has none any more.
    pub(crate) async fn put_queue(&self, name: &str, policy: Option<&QueuePolicy>) -> Result<()> {
        self.put(&format!("{QUEUE}{}", hex::encode(name)), policy).await
    }

    /// Keeps the policy of a function; `None`: it has none any more.
    pub(crate) async fn put_function(&self, lane: &str, policy: Option<&OfFunction>) -> Result<()> {
        self.put(&format!("{FUNCTION}{}", hex::encode(lane)), policy).await
    }

    async fn put<T: Serialize>(&self, name: &str, policy: Option<&T>) -> Result<()> {
        match policy {
            Some(policy) => {
                let count = self.store.notes(NOTES, MOST).await?.len();
                if count >= MOST && crate::store::note(&*self.store, name).await?.is_none() {
                    return Err(Error::refused(format!("there are {count} policies; remove some first")));
                }
                let note = serde_json::to_vec(policy).map_err(|error| Error::fault("policy", error))?;
                self.store.put_note(name, &note).await?;
            }
            None => drop(self.store.remove_note(name).await?),
        }
        self.look().await.map(drop)
    }

    /// The request, with what the policy of its function has for what it does not say.
    pub(crate) async fn complete(&self, mut request: Request) -> Result<Request> {
        let known = self.current().await?;
        // Most stores have no policies: then nothing is made of the names.
        if known.functions.is_empty() {
            return Ok(request);
        }
        let name = request.module_name.clone().unwrap_or_else(|| request.module.to_string());
        if let Some(OfFunction { policy, .. }) = known.functions.get(&function_lane(&name, &request.function)) {
            request.queue = request.queue.or_else(|| policy.queue.clone());
            request.retry = request.retry.or_else(|| policy.retry.clone());
            request.priority = request.priority.or(policy.priority);
        }
        Ok(request)
    }

    /// Whether anything that is known bounds how many jobs such as this may run.
    pub(crate) fn bound(&self, spec: &Spec) -> bool {
        let bounds = self.known().1.bounds.clone();
        bounds.is_some_and(|bounds| Group::of(spec).is_bounded(&bounds))
    }
}

impl Known {
    fn read(&mut self, name: &str, note: &[u8]) -> Result<()> {
        let wrong = |error: serde_json::Error| Error::fault("policy", error);
        if let Some(digits) = name.strip_prefix(QUEUE) {
            let queue = hex::decode(digits).ok().and_then(|bytes| String::from_utf8(bytes).ok());
            let queue = queue.ok_or_else(|| Error::invalid("policy", "its name is of no queue"))?;
            self.queues.insert(queue, serde_json::from_slice(note).map_err(wrong)?);
        } else if name.starts_with(FUNCTION) {
            let of: OfFunction = serde_json::from_slice(note).map_err(wrong)?;
            self.functions.insert(function_lane(&of.module, &of.function), of);
        }
        Ok(())
    }

    fn bounds(&self, tenants: &Arc<Quotas>) -> Option<Arc<Bounds>> {
        let queue = |(name, policy): (&String, &QueuePolicy)| {
            let QueuePolicy { concurrency, per_function, per_key, paused } = *policy;
            (name.clone(), QueueBounds { concurrency, per_function, per_key, paused })
        };
        let function = |(lane, of): (&String, &OfFunction)| {
            let FunctionPolicy { concurrency, paused, .. } = of.policy;
            (lane.clone(), FunctionBounds { concurrency, paused })
        };
        let bounds = Bounds {
            queues: self.queues.iter().map(queue).collect(),
            functions: self.functions.iter().map(function).collect(),
            tenants: Arc::clone(tenants),
        };
        (!bounds.is_empty()).then(|| Arc::new(bounds))
    }
}
