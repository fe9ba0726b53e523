//! `status list logs cancel rm cleanup`: what is known of jobs, and what can be done to them.

use std::time::Duration;

use au_host::store::Filter;
use au_host::{Clock, Delivery, DeliveryPhase, Error, Event, FailureKind, JobId, PastAttempt, Status, Summary, Usage};
use serde::Serialize;
use serde_json::json;

use super::args::{Cancel, List, Logs};
use super::follow;
use super::hosted::Hosted;
use super::output::Out;
use super::place::Place;
use super::settings;
use super::tend::{Hold, hold, tend};
use super::trouble::{Result, Trouble};
use au_host::units;

/// Lines of a log, and jobs, that are read in one go.
const PAGE: usize = 1000;
/// How long a worker may take to stop a job, before it is told that it has not.
const STOPPING: Duration = Duration::from_secs(5);

pub(crate) async fn status(place: &Place, out: Out, ids: Vec<JobId>) -> Result {
    let host = place.look().await?;
    let each_one = async |id| {
        let job = host.handle(id).metadata().await.map_err(Trouble::of(id))?;
        let unattended = host.is_unattended(id).await.map_err(Trouble::of(id))?;
        let webhook = match job.options.webhook {
            Some(_) => host.handle(id).webhook().await.map_err(Trouble::of(id))?,
            None => None,
        };
        let hold = hold(place, &host, &job).await;
        let unattended = match hold {
            Some(Hold::PausedQueue(_) | Hold::PausedFunction(_)) => false,
            Some(Hold::NoWorker(_)) => true,
            // Whoever works on a store that hosts share will run it in its turn.
            None => unattended && place.store().is_none(),
        };
        let standing = Standing { job, unattended, hold, webhook };
        if out.json { out.facts(&standing) } else { out.line(&described(&standing)) }
    };
    each(out, ids, each_one).await
}

/// Does something about each job: what goes wrong with one is told, and leaves out none of the rest. The first such thing
/// decides the exit code.
pub(crate) async fn each(out: Out, ids: Vec<JobId>, mut act: impl AsyncFnMut(JobId) -> Result) -> Result {
    let mut first = None;
    for id in ids {
        match act(id).await {
            Ok(()) => {}
            Err(trouble @ Trouble::Host(..)) => {
                out.trouble(&trouble);
                first.get_or_insert(trouble.code());
            }
            Err(other) => return Err(other),
        }
    }
    first.map_or(Ok(()), |code| Err(Trouble::Said(code)))
}

/// Where a job stands, and whether it should run by now and nobody has it.
#[derive(Debug, Serialize)]
struct Standing {
    #[serde(flatten)]
    job: Summary,
    unattended: bool,
    hold: Option<Hold>,
    webhook: Option<Delivery>,
}

fn described(standing: &Standing) -> String {
    let Standing { job, unattended, hold, webhook } = standing;
    let mut lines = vec![format!("{} {}", job.id, job.status)];
    let mut fact = |name: &str, value: String| lines.push(format!("  {name:<10} {value}"));
    let name = job.options.module_name.as_deref().unwrap_or("");
    fact("function", format!("{} of {name} {}", job.function, job.module));
    fact("created", job.created.to_string());
    if let Some(queue) = &job.options.queue {
        fact("queue", queue.clone());
    }
    if let Some(key) = &job.options.concurrency_key {
        fact("key", key.clone());
    }
    if let Some(run_at) = job.run_at.filter(|run_at| *run_at > job.created) {
        fact("due", run_at.to_string());
    }
    let timings = job.timings();
    if let Some((started, queued)) = job.started.zip(timings.queued) {
        fact("started", format!("{started}, after {}", span(queued)));
    }
    if let Some((finished, duration)) = job.finished.zip(timings.duration) {
        fact("finished", format!("{finished}, after {}", span(duration)));
    }
    if let Some(expires) = job.expires {
        fact("expires", expires.to_string());
    }
    fact("attempt", format!("{} of {}", job.attempt, job.options.retry.attempts));
    for PastAttempt { number, worker, started, ended, failure } in &job.past {
        let outcome = failure.map_or("completed", FailureKind::code);
        fact(&format!("  {number}"), format!("{outcome} after {}, on {worker}", span(ended.since(*started))));
    }
    if let Some(worker) = job.worker {
        fact("worker", worker.to_string());
    }
    if let Some(hold) = hold {
        fact("waits", hold.to_string());
    } else if *unattended {
        fact("unattended", format!("nobody runs it: `au-host wait {}` or `au-host work` does", job.id));
    }
    if let Some(progress) = &job.progress {
        fact("progress", format!("{:.0}% {}", progress.done * 100.0, progress.note));
    }
    fact("input", format!("{} of {}", units::bytes(job.input.bytes), job.input.content_type));
    if let Some(output) = &job.output {
        fact("output", format!("{} of {}", units::bytes(output.bytes), output.content_type));
    }
    if job.attempt > 0 && job.status.is_finished() {
        let fuel = job.usage.fuel.map(|fuel| format!(", fuel {fuel}")).unwrap_or_default();
        fact("used", format!("memory {}{fuel}", units::bytes(job.usage.peak_memory)));
        if job.usage.log_dropped > 0 {
            fact("log", format!("{} lines were dropped", job.usage.log_dropped));
        }
    }
    fact("limits", job.options.sandbox.to_string());
    for (name, value) in &job.options.labels {
        fact("label", format!("{name}={value}"));
    }
    if let Some(delivery) = webhook {
        fact("webhook", told(delivery));
    }
    if let Some(failure) = &job.failure {
        fact("failure", failure.to_string().replace('\n', "\n             "));
    }
    if let Some(reason) = job.cancelled.as_deref().or(job.cancel.as_ref().map(|cancel| &*cancel.reason)) {
        fact("cancel", reason.to_owned());
    }
    au_host::clean(&lines.join("\n"), usize::MAX)
}

/// Whether somebody was told that a job has finished.
fn told(delivery: &Delivery) -> String {
    let Delivery { url, phase, attempts, error } = delivery;
    let state = match phase {
        DeliveryPhase::Waiting { next: Some(next) } if *attempts > 0 => format!(
            "tried {}, next {next}",
            if *attempts == 1 { "once".to_owned() } else { format!("{attempts} times") }
        ),
        DeliveryPhase::Waiting { .. } => "to be told".to_owned(),
        DeliveryPhase::Delivered { at } => format!("told {at}"),
        DeliveryPhase::GaveUp { at } => format!(
            "given up {at} after {}",
            if *attempts == 1 { "1 try".to_owned() } else { format!("{attempts} tries") }
        ),
    };
    let why = error.as_ref().filter(|_| !matches!(phase, DeliveryPhase::Delivered { .. }));
    format!("{url} {state}{}", why.map(|why| format!(": {why}")).unwrap_or_default())
}

/// A time to three digits or so.
fn span(span: Duration) -> String {
    let unit = match span {
        long if long >= Duration::from_secs(1) => 1_000_000,
        short if short >= Duration::from_millis(1) => 1_000,
        _ => 1,
    };
    let micros = u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
    humantime::format_duration(Duration::from_micros(micros / (unit / 1000).max(1) * (unit / 1000).max(1))).to_string()
}

/// Only its largest part: for a column.
pub(crate) fn short(time: Duration) -> String {
    span(time).split(' ').next().unwrap_or("").to_owned()
}

pub(crate) async fn list(place: &Place, out: Out, command: List) -> Result {
    let host = place.look().await?;
    let filter = Filter {
        status: command.status,
        function: command.function,
        queue: command.queue,
        labels: settings::labels(&command.label)?,
        ..Filter::default()
    };
    let limit = usize::from(command.limit);
    let jobs = host.list(filter, command.before, limit).await?;
    let next = if jobs.len() == limit { jobs.last().map(|job| job.id) } else { None };
    if out.json {
        return out.facts(&json!({ "jobs": jobs, "next": next }));
    }
    let now = Clock::system().now();
    if jobs.is_empty() {
        out.note("no jobs");
        return Ok(());
    }
    out.line(&format!("{:36}  {:9}  {:24}  {:>8}  {:>8}  DETAIL", "ID", "STATUS", "FUNCTION", "AGE", "TOOK"))?;
    for job in jobs {
        let took = job.timings().duration.map(short).unwrap_or_default();
        let age = short(now.since(job.created));
        let function = au_host::clean(&job.function, 24);
        out.line(&format!("{}  {:9}  {function:24}  {age:>8}  {took:>8}  {}", job.id, job.status, detail(&job)))?;
    }
    if let Some(next) = next {
        out.note(&format!("more: au-host list --before {next}"));
    }
    Ok(())
}

fn detail(job: &Summary) -> String {
    let text = match (job.status, &job.failure, &job.progress) {
        (Status::Cancelled, ..) => job.cancelled.clone().unwrap_or_default(),
        (Status::Failed, Some(failure), _) => failure.to_string(),
        (Status::Running, _, Some(progress)) => format!("{:.0}% {}", progress.done * 100.0, progress.note),
        (Status::Completed, ..) => job.output.as_ref().map(|output| units::bytes(output.bytes)).unwrap_or_default(),
        _ => String::new(),
    };
    let first = text.lines().next().unwrap_or("");
    au_host::clean(first, 60)
}

pub(crate) async fn logs(place: &Place, out: Out, command: Logs) -> Result {
    let host = place.look().await?;
    let handle = host.handle(command.id);
    if command.follow {
        let line = |event| if let Event::Log(entry) = event { out.log_data(&entry) } else { Ok(()) };
        return follow::events((place, out), &host, &handle, line).await;
    }
    follow::lines(&handle, |entry| out.log_data(&entry)).await?;
    note_dropped(out, &handle.metadata().await.map_err(Trouble::of(command.id))?.usage);
    Ok(())
}

/// Says that a log is not whole.
pub(crate) fn note_dropped(out: Out, usage: &Usage) {
    let dropped = usage.log_dropped;
    if dropped > 0 {
        out.note(&format!("{dropped} more lines were dropped: the log was full (--max-log, --max-log-lines)"));
    }
}

pub(crate) async fn cancel(place: &Place, out: Out, command: Cancel) -> Result {
    let host = place.look().await?;
    let each_one = async |id| {
        let job = stopped((place, out), &host, id, &command.reason).await?;
        if out.json {
            return out.facts(&job);
        }
        if job.status.is_finished() {
            out.note(&format!("cancelled {id}"));
        } else {
            out.note(&format!("asked {id} to stop; its worker has not answered yet"));
        }
        Ok(())
    };
    each(out, command.ids, each_one).await
}

/// Asks it to stop, and sees whether it did.
async fn stopped(at: (&Place, Out), host: &Hosted, id: JobId, reason: &str) -> Result<Summary> {
    let handle = host.handle(id);
    handle.cancel(reason).await.map_err(Trouble::of(id))?;
    match tend(at, host, id, handle.wait(STOPPING)).await? {
        Err(Error::WaitTimedOut { .. }) => handle.metadata().await.map_err(Trouble::of(id)),
        other => other.map_err(Trouble::of(id)),
    }
}

pub(crate) async fn remove(place: &Place, out: Out, ids: Vec<JobId>) -> Result {
    let host = place.look().await?;
    let removed = host.remove(&ids).await?;
    if out.json {
        return out.facts(&json!({ "removed": removed }));
    }
    out.note(&format!("removed {removed}"));
    Ok(())
}

pub(crate) async fn cleanup(place: &Place, out: Out, older_than: Option<Duration>) -> Result {
    let host = place.look().await?;
    let mut removed = match (&host, older_than) {
        (Hosted::Here(local), _) => local.host().cleanup().await?,
        (Hosted::There(_), Some(_)) => 0,
        (Hosted::There(_), None) => {
            return Err(Error::refused("a host that serves removes what has expired by itself").into());
        }
    };
    if let Some(age) = older_than {
        removed += remove_older(&host, age).await?;
    }
    if out.json {
        return out.facts(&json!({ "removed": removed }));
    }
    out.line(&format!("removed {removed}"))
}

async fn remove_older(host: &Hosted, age: Duration) -> Result<u64> {
    let limit = Clock::system().now().minus(age);
    let filter = Filter { status: vec![Status::Completed, Status::Failed, Status::Cancelled], ..Filter::default() };
    let (mut removed, mut before) = (0, None);
    loop {
        let page = host.list(filter.clone(), before, PAGE).await?;
        let Some(last) = page.last() else { return Ok(removed) };
        before = Some(last.id);
        let old = page.iter().filter(|job| job.finished.is_some_and(|at| at < limit));
        let old: Vec<_> = old.map(|job| job.id).collect();
        match host.remove(&old).await {
            Ok(count) => removed += count,
            // Somebody else swept it meanwhile.
            Err(Error::NotFound { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use au_host::Timestamp;

    use super::*;

    #[test]
    fn tries_to_tell_a_receiver_are_counted_in_the_singular_too() {
        let at = Timestamp::from_micros(0);
        let tried = |attempts, phase| {
            let url = "https://a.example/".parse().unwrap();
            told(&Delivery { url, phase, attempts, error: None })
        };
        assert!(tried(1, DeliveryPhase::GaveUp { at }).ends_with("after 1 try"));
        assert!(tried(2, DeliveryPhase::GaveUp { at }).ends_with("after 2 tries"));
        let waits = || DeliveryPhase::Waiting { next: Some(at) };
        assert!(tried(1, waits()).contains("tried once, next"));
        assert!(tried(2, waits()).contains("tried 2 times, next"));
    }
}
