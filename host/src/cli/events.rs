//! `events`: what happened to a job, and what happens to it.

use au_host::{Event, Summary};
use serde_json::json;

use super::args::Logs;
use super::follow;
use super::output::Out;
use super::place::Place;
use super::trouble::{Result, Trouble};

pub(crate) async fn events(place: &Place, out: Out, command: Logs) -> Result {
    let host = place.look().await?;
    let handle = host.handle(command.id);
    if command.follow {
        return follow::events((place, out), &host, &handle, |event| show(out, event)).await;
    }
    follow::lines(&handle, |entry| show(out, Event::Log(entry))).await?;
    let job = handle.metadata().await.map_err(Trouble::of(command.id))?;
    job.progress.clone().map_or(Ok(()), |progress| show(out, Event::Progress(progress)))?;
    show(out, Event::Status(Box::new(job)))
}

fn show(out: Out, event: Event) -> Result {
    match event {
        Event::Log(entry) if out.json => out.facts(&json!({ "event": "log", "log": entry })),
        Event::Log(entry) => out.log_data(&entry),
        Event::Progress(progress) if out.json => out.facts(&json!({ "event": "progress", "progress": progress })),
        Event::Progress(progress) => out.safe(&format!("progress {:.0}% {}", progress.done * 100.0, progress.note)),
        Event::Status(job) if out.json => out.facts(&json!({ "event": "status", "job": job })),
        Event::Status(job) => out.safe(&status(&job)),
    }
}

fn status(job: &Summary) -> String {
    let at = job.finished.or(job.started).unwrap_or(job.created);
    let why = job.failure.as_ref().map(|failure| format!(": {failure}"));
    let why = why.or_else(|| job.cancelled.as_ref().map(|reason| format!(": {reason}"))).unwrap_or_default();
    format!("{at} {} (attempt {} of {}){why}", job.status, job.attempt, job.options.retry.attempts)
}
