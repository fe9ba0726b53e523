//! What a host is asked of queues and functions: how many of their jobs wait and run, and how many may.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::host::Host;
use crate::lanes::{DEFAULT_QUEUE, Load, function_lane};
use crate::policies::{FunctionPolicy, OfFunction, QueuePolicy};
use crate::request::text;

/// A queue: its policy, and how much there is of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueInfo {
    /// Its name.
    pub name: String,
    /// How many of its jobs may run.
    #[serde(flatten)]
    pub policy: QueuePolicy,
    /// How many wait, for a worker, for room, or for their time; `None`: whoever asks is not told.
    pub pending: Option<u64>,
    /// How many run; `None`: whoever asks is not told.
    pub running: Option<u64>,
}

/// A function that has a policy, or jobs that have not finished.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FunctionInfo {
    /// The name that its module is asked for by, or its digest.
    pub module: String,
    /// Its own name.
    pub function: String,
    /// How many of its jobs may run, and what those have that do not say.
    #[serde(flatten)]
    pub policy: FunctionPolicy,
    /// How many wait, for a worker, for room, or for their time; `None`: whoever asks is not told.
    pub pending: Option<u64>,
    /// How many run; `None`: whoever asks is not told.
    pub running: Option<u64>,
}

impl Host {
    /// The queues that have a policy or jobs that have not finished, and the one of jobs that name none, by name.
    ///
    /// # Errors
    /// What the store says.
    pub async fn queues(&self) -> Result<Vec<QueueInfo>> {
        let (_, known) = self.inner.policies.look().await?;
        let mut loads = BTreeMap::from([(DEFAULT_QUEUE.to_owned(), (0, 0))]);
        loads.extend(known.queues.keys().map(|name| (name.clone(), (0, 0))));
        for Load { queue, pending, running, .. } in self.inner.store.loads().await? {
            let sum: &mut (u64, u64) = loads.entry(queue).or_default();
            *sum = (sum.0 + pending, sum.1 + running);
        }
        let info = |(name, (pending, running)): (String, (u64, u64))| {
            let policy = known.queues.get(&name).copied().unwrap_or_default();
            QueueInfo { name, policy, pending: Some(pending), running: Some(running) }
        };
        Ok(loads.into_iter().map(info).collect())
    }

    /// One queue.
    ///
    /// # Errors
    /// `NotFound` for one that has neither a policy nor jobs that have not finished. Else what the store says.
    pub async fn queue(&self, name: &str) -> Result<QueueInfo> {
        let found = self.queues().await?.into_iter().find(|queue| queue.name == name);
        found.ok_or_else(|| Error::not_found("queue", name))
    }

    /// Gives a queue a policy, in place of the one before. Other hosts know of it within some seconds.
    ///
    /// # Errors
    /// `Invalid` for a name that no queue can have, `Refused` where there are too many. Else what the store says.
    pub async fn set_queue(&self, name: &str, policy: QueuePolicy) -> Result<()> {
        text("queue", name)?;
        self.inner.policies.put_queue(name, Some(&policy)).await?;
        self.inner.stir();
        Ok(())
    }

    /// Starts nothing more of a queue, on any host; what runs goes on.
    ///
    /// # Errors
    /// As for [`set_queue`](Self::set_queue).
    pub async fn pause_queue(&self, name: &str) -> Result<()> {
        self.change_queue(name, true).await
    }

    /// Goes on with a queue.
    ///
    /// # Errors
    /// As for [`set_queue`](Self::set_queue).
    pub async fn resume_queue(&self, name: &str) -> Result<()> {
        self.change_queue(name, false).await
    }

    async fn change_queue(&self, name: &str, paused: bool) -> Result<()> {
        let (_, known) = self.inner.policies.look().await?;
        let policy = known.queues.get(name).copied().unwrap_or_default();
        self.set_queue(name, QueuePolicy { paused, ..policy }).await
    }

    /// Takes the policy of a queue away. Its jobs stay, and are bounded by nothing.
    ///
    /// # Errors
    /// `NotFound` for a queue that has none. Else what the store says.
    pub async fn remove_queue(&self, name: &str) -> Result<()> {
        let (_, known) = self.inner.policies.look().await?;
        if !known.queues.contains_key(name) {
            return Err(Error::not_found("queue", name));
        }
        self.inner.policies.put_queue(name, None).await?;
        self.inner.stir();
        Ok(())
    }

    /// The functions that have a policy or jobs that have not finished, by name.
    ///
    /// # Errors
    /// What the store says.
    pub async fn function_policies(&self) -> Result<Vec<FunctionInfo>> {
        let (_, known) = self.inner.policies.look().await?;
        let mut loads: BTreeMap<_, (u64, u64)> = known.functions.keys().map(|lane| (lane.clone(), (0, 0))).collect();
        for Load { function, pending, running, .. } in self.inner.store.loads().await? {
            let sum = loads.entry(function).or_default();
            *sum = (sum.0 + pending, sum.1 + running);
        }
        let info = |(lane, (pending, running)): (String, (u64, u64))| {
            let named = || {
                let (module, function) = lane.split_once('/').unwrap_or(("", &lane));
                let (module, function) = (module.to_owned(), function.to_owned());
                OfFunction { module, function, policy: FunctionPolicy::default() }
            };
            let OfFunction { module, function, policy } = known.functions.get(&lane).cloned().unwrap_or_else(named);
            FunctionInfo { module, function, policy, pending: Some(pending), running: Some(running) }
        };
        Ok(loads.into_iter().map(info).collect())
    }

    /// One function, of the module that is asked for by this name.
    ///
    /// # Errors
    /// `NotFound` for one that has neither a policy nor jobs that have not finished. Else what the store says.
    pub async fn function_policy(&self, module: &str, function: &str) -> Result<FunctionInfo> {
        let found =
            self.function_policies().await?.into_iter().find(|it| it.module == module && it.function == function);
        found.ok_or_else(|| Error::not_found("policy", function_lane(module, function)))
    }

    /// Gives a function a policy, in place of the one before. Other hosts know of it within some seconds. Neither need be there yet.
    ///
    /// # Errors
    /// `Invalid` for what no job can have, `Refused` where there are too many. Else what the store says.
    pub async fn set_function(&self, module: &str, function: &str, policy: FunctionPolicy) -> Result<()> {
        text("module name", module)?;
        text("function", function)?;
        policy.bounded()?;
        let of = OfFunction { module: module.to_owned(), function: function.to_owned(), policy };
        self.inner.policies.put_function(&function_lane(module, function), Some(&of)).await?;
        self.inner.stir();
        Ok(())
    }

    /// Starts no more jobs of a function, on any host; what runs goes on.
    ///
    /// # Errors
    /// As for [`set_function`](Self::set_function).
    pub async fn pause_function(&self, module: &str, function: &str) -> Result<()> {
        self.change_function(module, function, true).await
    }

    /// Goes on with a function.
    ///
    /// # Errors
    /// As for [`set_function`](Self::set_function).
    pub async fn resume_function(&self, module: &str, function: &str) -> Result<()> {
        self.change_function(module, function, false).await
    }

    async fn change_function(&self, module: &str, function: &str, paused: bool) -> Result<()> {
        let (_, known) = self.inner.policies.look().await?;
        let of = known.functions.get(&function_lane(module, function));
        let policy = of.map(|of| of.policy.clone()).unwrap_or_default();
        self.set_function(module, function, FunctionPolicy { paused, ..policy }).await
    }

    /// Takes the policy of a function away.
    ///
    /// # Errors
    /// `NotFound` for a function that has none. Else what the store says.
    pub async fn remove_function(&self, module: &str, function: &str) -> Result<()> {
        let (lane, (_, known)) = (function_lane(module, function), self.inner.policies.look().await?);
        if !known.functions.contains_key(&lane) {
            return Err(Error::not_found("policy", lane));
        }
        self.inner.policies.put_function(&lane, None).await?;
        self.inner.stir();
        Ok(())
    }
}
