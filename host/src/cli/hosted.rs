//! The host that a command asks: in this process, on a data folder, or one elsewhere. To a command they are the same.

use std::time::Duration;

use au_host::registry::{Listed, ModuleInfo};
use au_host::store::Filter;
use au_host::{
    Client, Digest, FunctionInfo, FunctionPolicy, Handle, JobId, Local, ModuleName, ModuleRef, NewToken, QueueInfo,
    QueuePolicy, Removed, Request, Result, Schedule, ScheduleInfo, ScheduleName, Secret, SigningSecret, Summary, Token,
    TokenId, WorkerId, WorkerInfo,
};
use bytes::Bytes;

use super::queue_args::Named;

/// The host that a command asks.
#[derive(Debug)]
pub(crate) enum Hosted {
    /// In this process.
    Here(Local),
    /// Over HTTP.
    There(Client),
}

impl Hosted {
    pub(crate) fn handle(&self, id: JobId) -> Handle {
        match self {
            Self::Here(local) => local.host().handle(id),
            Self::There(client) => client.handle(id),
        }
    }

    /// Keeps a job; here, its module is made ready meanwhile. `KeyTaken` for the key of another call: its result would look like
    /// that of this one.
    pub(crate) async fn submit(&self, request: Request) -> Result<Handle> {
        match self {
            Self::Here(local) => Ok(local.submit_once(request).await?.handle),
            Self::There(client) => client.submit_once(request).await,
        }
    }

    pub(crate) async fn list(&self, filter: Filter, before: Option<JobId>, limit: usize) -> Result<Vec<Summary>> {
        match self {
            Self::Here(local) => local.host().list(filter, before, limit).await,
            Self::There(client) => client.list(filter, before, limit).await,
        }
    }

    pub(crate) async fn remove(&self, ids: &[JobId]) -> Result<u64> {
        match self {
            Self::Here(local) => local.host().remove(ids).await,
            Self::There(client) => client.remove(ids).await,
        }
    }

    pub(crate) async fn ready(&self) -> Result<()> {
        match self {
            Self::Here(local) => local.host().ready().await,
            Self::There(client) => client.ready().await,
        }
    }

    /// Whether nobody runs what should run. A host that serves runs what is due.
    pub(crate) async fn is_unattended(&self, id: JobId) -> Result<bool> {
        match self {
            Self::Here(local) => local.is_unattended(id).await,
            Self::There(_) => Ok(false),
        }
    }

    pub(crate) async fn module(&self, module: &ModuleRef) -> Result<ModuleInfo> {
        match self {
            Self::Here(local) => local.module(module).await,
            Self::There(client) => client.module(module).await,
        }
    }

    pub(crate) async fn add_module(&self, bytes: Bytes) -> Result<ModuleInfo> {
        match self {
            Self::Here(local) => local.add_module(bytes).await,
            Self::There(client) => client.add_module(bytes).await,
        }
    }

    pub(crate) async fn list_modules(&self) -> Result<Vec<Listed>> {
        match self {
            Self::Here(local) => local.list_modules().await,
            Self::There(client) => client.list_modules().await,
        }
    }

    pub(crate) async fn alias(&self, name: &ModuleName, digest: Digest) -> Result<()> {
        match self {
            Self::Here(local) => local.alias(name, digest).await,
            Self::There(client) => client.alias(name, digest).await,
        }
    }

    pub(crate) async fn remove_module(&self, module: &ModuleRef) -> Result<Removed> {
        match self {
            Self::Here(local) => local.remove(module).await,
            Self::There(client) => client.remove_module(module).await,
        }
    }

    /// All that there are, or those of one tenant.
    pub(crate) async fn schedules(&self, tenant: Option<&str>) -> Result<Vec<ScheduleInfo>> {
        match self {
            Self::Here(local) => match tenant {
                None => local.host().all_schedules().await,
                tenant => local.host().schedules(tenant).list().await,
            },
            Self::There(client) => client.schedules(tenant).await,
        }
    }

    pub(crate) async fn schedule(&self, tenant: Option<&str>, name: &ScheduleName) -> Result<ScheduleInfo> {
        match self {
            Self::Here(local) => local.host().schedules(tenant).get(name).await,
            Self::There(client) => client.schedule(tenant, name).await,
        }
    }

    pub(crate) async fn put_schedule(&self, name: &ScheduleName, schedule: Schedule) -> Result<ScheduleInfo> {
        match self {
            Self::Here(local) => local.host().schedules(None).put(name, schedule).await,
            Self::There(client) => client.put_schedule(name, schedule).await,
        }
    }

    pub(crate) async fn remove_schedule(&self, tenant: Option<&str>, name: &ScheduleName) -> Result<()> {
        match self {
            Self::Here(local) => local.host().schedules(tenant).remove(name).await,
            Self::There(client) => client.remove_schedule(tenant, name).await,
        }
    }

    pub(crate) async fn pause_schedule(&self, tenant: Option<&str>, name: &ScheduleName) -> Result<ScheduleInfo> {
        match self {
            Self::Here(local) => local.host().schedules(tenant).pause(name).await,
            Self::There(client) => client.pause_schedule(tenant, name).await,
        }
    }

    pub(crate) async fn resume_schedule(&self, tenant: Option<&str>, name: &ScheduleName) -> Result<ScheduleInfo> {
        match self {
            Self::Here(local) => local.host().schedules(tenant).resume(name).await,
            Self::There(client) => client.resume_schedule(tenant, name).await,
        }
    }

    pub(crate) async fn run_schedule(&self, tenant: Option<&str>, name: &ScheduleName) -> Result<Handle> {
        match self {
            Self::Here(local) => local.host().schedules(tenant).run(name).await,
            Self::There(client) => client.run_schedule(tenant, name).await,
        }
    }

    pub(crate) async fn queues(&self) -> Result<Vec<QueueInfo>> {
        match self {
            Self::Here(local) => local.host().queues().await,
            Self::There(client) => client.queues().await,
        }
    }

    pub(crate) async fn queue(&self, name: &str) -> Result<QueueInfo> {
        match self {
            Self::Here(local) => local.host().queue(name).await,
            Self::There(client) => client.queue(name).await,
        }
    }

    pub(crate) async fn set_queue(&self, name: &str, policy: QueuePolicy) -> Result<()> {
        match self {
            Self::Here(local) => local.host().set_queue(name, policy).await,
            Self::There(client) => client.set_queue(name, policy).await,
        }
    }

    /// Pauses a queue, or goes on with it.
    pub(crate) async fn pause_queue(&self, name: &str, paused: bool) -> Result<()> {
        match (self, paused) {
            (Self::Here(local), true) => local.host().pause_queue(name).await,
            (Self::Here(local), false) => local.host().resume_queue(name).await,
            (Self::There(client), true) => client.pause_queue(name).await,
            (Self::There(client), false) => client.resume_queue(name).await,
        }
    }

    pub(crate) async fn remove_queue(&self, name: &str) -> Result<()> {
        match self {
            Self::Here(local) => local.host().remove_queue(name).await,
            Self::There(client) => client.remove_queue(name).await,
        }
    }

    pub(crate) async fn function_policies(&self) -> Result<Vec<FunctionInfo>> {
        match self {
            Self::Here(local) => local.host().function_policies().await,
            Self::There(client) => client.function_policies().await,
        }
    }

    pub(crate) async fn function_policy(&self, Named { module, function }: &Named) -> Result<FunctionInfo> {
        match self {
            Self::Here(local) => local.host().function_policy(module, function).await,
            Self::There(client) => client.function_policy(module, function).await,
        }
    }

    pub(crate) async fn set_function(&self, Named { module, function }: &Named, policy: FunctionPolicy) -> Result<()> {
        match self {
            Self::Here(local) => local.host().set_function(module, function, policy).await,
            Self::There(client) => client.set_function(module, function, policy).await,
        }
    }

    pub(crate) async fn remove_function(&self, Named { module, function }: &Named) -> Result<()> {
        match self {
            Self::Here(local) => local.host().remove_function(module, function).await,
            Self::There(client) => client.remove_function(module, function).await,
        }
    }

    pub(crate) async fn workers(&self) -> Result<Vec<WorkerInfo>> {
        match self {
            Self::Here(local) => local.host().workers().await,
            Self::There(client) => client.workers().await,
        }
    }

    pub(crate) async fn drain(&self, worker: WorkerId) -> Result<()> {
        match self {
            Self::Here(local) => local.host().drain(worker).await,
            Self::There(client) => client.drain(worker).await,
        }
    }

    pub(crate) async fn create_token(&self, new: NewToken) -> Result<(Token, Secret)> {
        match self {
            Self::Here(local) => local.host().tokens().create(new.of_somebody()).await,
            Self::There(client) => client.create_token(new).await,
        }
    }

    pub(crate) async fn tokens(&self) -> Result<Vec<Token>> {
        match self {
            Self::Here(local) => local.host().tokens().list().await,
            Self::There(client) => client.tokens().await,
        }
    }

    pub(crate) async fn remove_token(&self, id: TokenId) -> Result<()> {
        match self {
            Self::Here(local) => local.host().tokens().remove(id).await,
            Self::There(client) => client.remove_token(id).await,
        }
    }

    /// What the webhooks of a tenant's jobs are signed with; another, if it is to be changed.
    pub(crate) async fn webhook_secret(&self, tenant: Option<&str>, rotate: bool) -> Result<SigningSecret> {
        match (self, rotate) {
            (Self::Here(local), false) => local.host().webhook_secrets().get(tenant).await,
            (Self::Here(local), true) => local.host().webhook_secrets().rotate(tenant).await,
            (Self::There(client), false) => client.webhook_secret(tenant).await,
            (Self::There(client), true) => client.rotate_webhook_secret(tenant).await,
        }
    }

    /// Ends what is in this process, which is about to end as well.
    pub(crate) async fn leave(self, grace: Duration) -> Result<()> {
        match self {
            Self::Here(local) => local.leave(grace).await,
            Self::There(_) => Ok(()),
        }
    }
}
