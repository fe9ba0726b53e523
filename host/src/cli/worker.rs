//! `worker list` and `worker drain`: who works on a store.

use au_host::{Clock, WorkerInfo};

use super::args;
use super::jobs::short;
use super::output::Out;
use super::place::Place;
use super::trouble::Result;

pub(crate) async fn worker(place: &Place, out: Out, command: args::Worker) -> Result {
    let host = place.look().await?;
    match command {
        args::Worker::List => list(out, &host.workers().await?),
        args::Worker::Drain { ids } => {
            let (workers, now) = (host.workers().await?, Clock::system().now());
            for id in ids {
                host.drain(id).await?;
                let silent = workers.iter().any(|worker| worker.id == id && worker.is_silent(now));
                out.note(&match silent {
                    true => {
                        format!("worker {id} has said nothing for a while; should it come back, it takes nothing new")
                    }
                    false => format!("worker {id} takes nothing new from now on, and ends once nothing runs there"),
                });
            }
            Ok(())
        }
    }
}

fn list(out: Out, workers: &[WorkerInfo]) -> Result {
    if out.json {
        return out.facts(&workers);
    }
    if workers.is_empty() {
        out.note("nobody works here; `au-host work` or `au-host serve` does");
        return Ok(());
    }
    out.line(&format!(
        "{:36}  {:20}  {:>7}  {:>9}  {:>9}  {:9}  LABELS",
        "ID", "MACHINE", "PROCESS", "RUNNING", "LAST SEEN", "STATE"
    ))?;
    let now = Clock::system().now();
    for worker in workers {
        let state = match (worker.is_silent(now), worker.draining) {
            (true, _) => "silent",
            (false, true) => "draining",
            (false, false) => "working",
        };
        let labels: Vec<_> = worker.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let WorkerInfo { id, machine, process, running, slots, .. } = worker;
        let machine = au_host::clean(machine, 20);
        let (load, seen) = (format!("{running} of {slots}"), short(now.since(worker.seen)));
        out.safe(&format!(
            "{id}  {machine:20}  {process:>7}  {load:>9}  {seen:>9}  {state:9}  {}",
            au_host::clean(&labels.join(" "), 200)
        ))?;
    }
    Ok(())
}
