//! Queues, policies of functions, and workers of a host elsewhere.

use bytes::Bytes;
use hyper::Method;
use hyper::header::CONTENT_TYPE;
use serde::{Deserialize, Serialize};

use super::Client;
use super::exchange::Ask;
use super::query::part;
use super::verbs::json;
use crate::error::{Error, Result};
use crate::id::WorkerId;
use crate::policies::{FunctionPolicy, QueuePolicy};
use crate::queues::{FunctionInfo, QueueInfo};
use crate::roster::WorkerInfo;

#[derive(Deserialize)]
struct Queues {
    queues: Vec<QueueInfo>,
}

#[derive(Deserialize)]
struct Functions {
    functions: Vec<FunctionInfo>,
}

#[derive(Deserialize)]
struct Workers {
    workers: Vec<WorkerInfo>,
}

impl Client {
    /// As [`Host::queues`](crate::Host::queues).
    ///
    /// # Errors
    /// Those of the host, and `Unreachable`.
    pub async fn queues(&self) -> Result<Vec<QueueInfo>> {
        let Queues { queues } = json(&self.wire.ask(Ask::get("/v1/queues")).await?)?;
        Ok(queues)
    }

    /// As [`Host::queue`](crate::Host::queue).
    ///
    /// # Errors
    /// Those of the host, and `Unreachable`.
    pub async fn queue(&self, name: &str) -> Result<QueueInfo> {
        json(&self.wire.ask(Ask::get(queue(name))).await?)
    }

    /// As [`Host::set_queue`](crate::Host::set_queue).
    ///
    /// # Errors
    /// Those of the host, and `Unreachable`.
    pub async fn set_queue(&self, name: &str, policy: QueuePolicy) -> Result<()> {
        self.put(queue(name), &policy).await
    }

    /// As [`Host::pause_queue`](crate::Host::pause_queue).
    ///
    /// # Errors
    /// Those of the host, and `Unreachable`.
    pub async fn pause_queue(&self, name: &str) -> Result<()> {
        self.post(format!("{}/pause", queue(name))).await
    }

    /// As [`Host::resume_queue`](crate::Host::resume_queue).
    ///
    /// # Errors
    /// Those of the host, and `Unreachable`.
    pub async fn resume_queue(&self, name: &str) -> Result<()> {
        self.post(format!("{}/resume", queue(name))).await
    }

    /// As [`Host::remove_queue`](crate::Host::remove_queue).
    ///
    /// # Errors
    /// Those of the host, and `Unreachable`.
    pub async fn remove_queue(&self, name: &str) -> Result<()> {
        self.wire.ask(Ask::new(Method::DELETE, queue(name))).await.map(drop)
    }

    /// As [`Host::function_policies`](crate::Host::function_policies).
    ///
    /// # Errors
    /// Those of the host, and `Unreachable`.
    pub async fn function_policies(&self) -> Result<Vec<FunctionInfo>> {
        let Functions { functions } = json(&self.wire.ask(Ask::get("/v1/functions")).await?)?;
        Ok(functions)
    }

    /// As [`Host::function_policy`](crate::Host::function_policy).
    ///
    /// # Errors
    /// Those of the host, and `Unreachable`.
    pub async fn function_policy(&self, module: &str, name: &str) -> Result<FunctionInfo> {
        json(&self.wire.ask(Ask::get(function(module, name))).await?)
    }

    /// As [`Host::set_function`](crate::Host::set_function).
    ///
    /// # Errors
    /// Those of the host, and `Unreachable`.
    pub async fn set_function(&self, module: &str, name: &str, policy: FunctionPolicy) -> Result<()> {
        self.put(function(module, name), &policy).await
    }

    /// As [`Host::remove_function`](crate::Host::remove_function).
    ///
    /// # Errors
    /// Those of the host, and `Unreachable`.
    pub async fn remove_function(&self, module: &str, name: &str) -> Result<()> {
        self.wire.ask(Ask::new(Method::DELETE, function(module, name))).await.map(drop)
    }

    /// As [`Host::workers`](crate::Host::workers).
    ///
    /// # Errors
    /// Those of the host, and `Unreachable`.
    pub async fn workers(&self) -> Result<Vec<WorkerInfo>> {
        let Workers { workers } = json(&self.wire.ask(Ask::get("/v1/workers")).await?)?;
        Ok(workers)
    }

    /// As [`Host::drain`](crate::Host::drain).
    ///
    /// # Errors
    /// Those of the host, and `Unreachable`.
    pub async fn drain(&self, worker: WorkerId) -> Result<()> {
        self.post(format!("/v1/workers/{worker}/drain")).await
    }

    /// To say it twice is as good as once.
    async fn put(&self, path: String, policy: &impl Serialize) -> Result<()> {
        let body = serde_json::to_vec(policy).map_err(|error| Error::fault("policy", error))?;
        let ask = Ask::new(Method::PUT, path).header(CONTENT_TYPE, "application/json")?;
        self.wire.ask(ask.body(Bytes::from(body)).repeatable()).await.map(drop)
    }

    async fn post(&self, path: String) -> Result<()> {
        self.wire.ask(Ask::new(Method::POST, path).repeatable()).await.map(drop)
    }
}

fn queue(name: &str) -> String {
    format!("/v1/queues/{}", part(name))
}

fn function(module: &str, name: &str) -> String {
    format!("/v1/functions/{}/{}", part(module), part(name))
}
