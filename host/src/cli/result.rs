//! `result`, `wait` and how a job's end is told.

use std::path::Path;
use std::time::Instant;

use au_host::{Error, Payload, Result as HostResult, Summary};
use serde_json::{Value, json};

use super::args::{ResultOf, Wait};
use super::jobs;
use super::output::{Out, is_stdout};
use super::place::Place;
use super::tend::tend;
use super::trouble::{Result, Trouble};

/// How a job ended.
#[derive(Debug)]
pub(crate) struct Report<'a> {
    pub(crate) job: Summary,
    pub(crate) outcome: HostResult<Payload>,
    pub(crate) file: Option<&'a Path>,
    /// Whether its output can be had again.
    pub(crate) kept: bool,
}

/// Prints the output, or fails with the reason why there is none.
pub(crate) fn report(out: Out, report: Report<'_>) -> Result {
    let Report { job, outcome, file, kept } = report;
    let id = job.id;
    let again = if kept { format!("`au-host result {id} -o FILE`") } else { "-o FILE".into() };
    let give = |output: &Payload| {
        let given = out.payload(output, file, &again);
        if kept && given.as_ref().is_err_and(Trouble::is_loud) {
            out.note(&format!("the job is done, and its output is kept: {again}"));
        }
        given
    };
    if out.json {
        // Stdout has the facts, which have the output.
        if let (Ok(output), Some(_)) = (&outcome, file.filter(|file| !is_stdout(file))) {
            give(output)?;
        }
        let value = outcome.as_ref().map_or(Value::Null, value);
        out.facts(&json!({ "job": job, "output": value }))?;
        return outcome.map(|_| ()).map_err(Trouble::of(id));
    }
    give(&outcome.map_err(Trouble::of(id))?)
}

/// JSON as it is, text as a string; other bytes are for `-o FILE`.
fn value(output: &Payload) -> Value {
    if output.is_json() {
        return output.from_json().unwrap_or(Value::Null);
    }
    let text = output.content_type().starts_with("text/").then(|| std::str::from_utf8(output.bytes()).ok());
    text.flatten().map_or(Value::Null, Value::from)
}

pub(crate) async fn result(place: &Place, out: Out, command: ResultOf) -> Result {
    let host = place.look().await?;
    let handle = host.handle(command.id);
    let outcome = tend((place, out), &host, command.id, handle.result(command.timeout)).await?;
    if let Err(Error::WaitTimedOut { .. } | Error::NotFound { .. } | Error::Expired(_)) = outcome {
        return outcome.map(|_| ()).map_err(Trouble::of(command.id));
    }
    let job = handle.metadata().await.map_err(Trouble::of(command.id))?;
    report(out, Report { job, outcome, file: command.output.as_deref(), kept: true })
}

pub(crate) async fn wait(place: &Place, out: Out, command: Wait) -> Result {
    let host = place.look().await?;
    let began = Instant::now();
    let each = async |id| {
        let left = command.timeout.map(|timeout| timeout.saturating_sub(began.elapsed()));
        let handle = host.handle(id);
        let job = match tend((place, out), &host, id, handle.wait(left)).await? {
            // Of the time that was given, not of what was left of it.
            Err(Error::WaitTimedOut { id, .. }) => {
                Err(Error::WaitTimedOut { id, waited: command.timeout.unwrap_or_default() })
            }
            other => other,
        };
        let job = job.map_err(Trouble::of(id))?;
        if out.json {
            out.facts(&job)?;
        } else {
            out.line(&format!("{id} {}{}", job.status, attempts(&job)))?;
        }
        ended(job).map_err(Trouble::of(id))
    };
    jobs::each(out, command.ids, each).await
}

fn attempts(job: &Summary) -> String {
    if job.attempt > 1 { format!(" (attempt {})", job.attempt) } else { String::new() }
}

fn ended(job: Summary) -> HostResult<()> {
    match (job.failure, job.cancelled) {
        (_, Some(reason)) => Err(Error::Cancelled { id: job.id, reason }),
        (Some(failure), None) => Err(Error::Failed(failure)),
        (None, None) => Ok(()),
    }
}
