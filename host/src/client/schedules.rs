//! Schedules of a host elsewhere: those of the tenant of the client's token. If it belongs to none, of the tenant that is named, or of none.

use hyper::Method;
use hyper::header::CONTENT_TYPE;
use serde::Deserialize;

use super::Client;
use super::exchange::Ask;
use super::query::{self, Query, part};
use super::verbs::{json, payload};
use crate::error::Result;
use crate::handle::Handle;
use crate::job::Summary;
use crate::schedule::{Schedule, ScheduleInfo, ScheduleName};

#[derive(Deserialize)]
struct All {
    schedules: Vec<ScheduleInfo>,
}

impl Client {
    /// As [`Schedules::put`](crate::Schedules::put).
    ///
    /// # Errors
    /// Those of the host, and `Unreachable`.
    pub async fn put_schedule(&self, name: &ScheduleName, schedule: Schedule) -> Result<ScheduleInfo> {
        let Schedule { cron, request, missed, overlap } = schedule;
        let mut query = Query::new();
        query.add("cron", cron.as_str());
        query.add("zone", cron.zone());
        query.add("module", &request.module);
        query.add("function", &request.function);
        query.add("missed", missed);
        query.add("overlap", overlap);
        query::job(&mut query, &request)?;
        let ask = Ask::new(Method::PUT, query.of(&path(name, ""))).repeatable();
        let ask = ask.header(CONTENT_TYPE, request.input.content_type())?.body(request.input.bytes().clone());
        let mut kept: ScheduleInfo = json(&self.wire.ask(ask).await?)?;
        kept.schedule.request.input = request.input;
        Ok(kept)
    }

    /// As [`Schedules::get`](crate::Schedules::get).
    ///
    /// # Errors
    /// Those of the host, and `Unreachable`.
    pub async fn schedule(&self, tenant: Option<&str>, name: &ScheduleName) -> Result<ScheduleInfo> {
        let mut kept: ScheduleInfo = json(&self.wire.ask(Ask::get(of(tenant, &path(name, "")))).await?)?;
        kept.schedule.request.input = payload(self.wire.ask(Ask::get(of(tenant, &path(name, "/input")))).await?)?;
        Ok(kept)
    }

    /// As [`Schedules::list`](crate::Schedules::list), but without the inputs; with neither a tenant named nor one of the token, as
    /// [`Host::all_schedules`](crate::Host::all_schedules).
    ///
    /// # Errors
    /// Those of the host, and `Unreachable`.
    pub async fn schedules(&self, tenant: Option<&str>) -> Result<Vec<ScheduleInfo>> {
        let All { schedules } = json(&self.wire.ask(Ask::get(of(tenant, "/v1/schedules"))).await?)?;
        Ok(schedules)
    }

    /// As [`Schedules::remove`](crate::Schedules::remove).
    ///
    /// # Errors
    /// Those of the host, and `Unreachable`.
    pub async fn remove_schedule(&self, tenant: Option<&str>, name: &ScheduleName) -> Result<()> {
        self.wire.ask(Ask::new(Method::DELETE, of(tenant, &path(name, "")))).await.map(drop)
    }

    /// As [`Schedules::pause`](crate::Schedules::pause).
    ///
    /// # Errors
    /// Those of the host, and `Unreachable`.
    pub async fn pause_schedule(&self, tenant: Option<&str>, name: &ScheduleName) -> Result<ScheduleInfo> {
        json(&self.wire.ask(Ask::new(Method::POST, of(tenant, &path(name, "/pause"))).repeatable()).await?)
    }

    /// As [`Schedules::resume`](crate::Schedules::resume).
    ///
    /// # Errors
    /// Those of the host, and `Unreachable`.
    pub async fn resume_schedule(&self, tenant: Option<&str>, name: &ScheduleName) -> Result<ScheduleInfo> {
        json(&self.wire.ask(Ask::new(Method::POST, of(tenant, &path(name, "/resume"))).repeatable()).await?)
    }

    /// As [`Schedules::run`](crate::Schedules::run).
    ///
    /// # Errors
    /// Those of the host, and `Unreachable`: it may be kept.
    pub async fn run_schedule(&self, tenant: Option<&str>, name: &ScheduleName) -> Result<Handle> {
        let job: Summary = json(&self.wire.ask(Ask::new(Method::POST, of(tenant, &path(name, "/run")))).await?)?;
        Ok(self.handle(job.id))
    }
}

/// A path to what is of a tenant.
fn of(tenant: Option<&str>, path: &str) -> String {
    let mut query = Query::new();
    query.maybe("tenant", tenant);
    query.of(path)
}

fn path(name: &ScheduleName, more: &str) -> String {
    format!("/v1/schedules/{}{more}", part(name.as_str()))
}
