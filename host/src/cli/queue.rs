//! `queue`: how many jobs of each queue wait and run, and how many may.

use au_host::{QueueInfo, QueuePolicy, clean};

use super::hosted::Hosted;
use super::output::Out;
use super::place::Place;
use super::queue_args::{Limit, Queue};
use super::trouble::Result;

pub(crate) async fn queue(place: &Place, out: Out, command: Queue) -> Result {
    let host = place.look().await?;
    match command {
        Queue::List => list(out, &host.queues().await?),
        Queue::Show { name } => show(out, &host.queue(&name).await?),
        Queue::Set { name, concurrency, per_function, per_key } => {
            let before = known(&host, &name).await?;
            let or = |given: Option<Limit>, before| given.map_or(before, |Limit(limit)| limit);
            let policy = QueuePolicy {
                concurrency: or(concurrency, before.concurrency),
                per_function: or(per_function, before.per_function),
                per_key: or(per_key, before.per_key),
                paused: before.paused,
            };
            host.set_queue(&name, policy).await?;
            let set = host.queue(&name).await?;
            attend(place, &host, set.pending)?;
            show(out, &set)
        }
        Queue::Pause { name } => {
            host.pause_queue(&name, true).await?;
            out.note(&format!("queue {name} starts nothing more; within some seconds that holds on all hosts"));
            Ok(())
        }
        Queue::Resume { name } => {
            host.pause_queue(&name, false).await?;
            attend(place, &host, host.queue(&name).await?.pending)?;
            out.note(&format!("queue {name} goes on"));
            Ok(())
        }
        Queue::Remove { name } => {
            let before = known(&host, &name).await?;
            host.remove_queue(&name).await?;
            out.note(&format!("queue {name} has no limits any more{}", goes_on(before.paused)));
            Ok(())
        }
    }
}

/// That a pause ends with the policy that it was a part of.
pub(crate) fn goes_on(paused: bool) -> &'static str {
    if paused { "; it was paused, and what waits for it may start now" } else { "" }
}

/// Sees to it that somebody runs what may start now: whoever works in the background here goes when there is nothing that may.
pub(crate) fn attend(place: &Place, host: &Hosted, pending: Option<u64>) -> Result {
    match (host, pending) {
        (Hosted::Here(_), Some(1..)) => place.ensure_worker().map(drop),
        _ => Ok(()),
    }
}

async fn known(host: &Hosted, name: &str) -> Result<QueuePolicy> {
    let queues = host.queues().await?;
    Ok(queues.into_iter().find(|queue| queue.name == name).map(|queue| queue.policy).unwrap_or_default())
}

fn list(out: Out, queues: &[QueueInfo]) -> Result {
    if out.json {
        return out.facts(&queues);
    }
    out.line(&format!(
        "{:24}  {:>8}  {:>8}  {:>6}  {:>12}  {:>7}  STATE",
        "QUEUE", "PENDING", "RUNNING", "LIMIT", "PER FUNCTION", "PER KEY"
    ))?;
    for QueueInfo { name, policy, pending, running } in queues {
        let QueuePolicy { concurrency, per_function, per_key, paused } = policy;
        out.safe(&format!(
            "{:24}  {:>8}  {:>8}  {:>6}  {:>12}  {:>7}  {}",
            clean(name, 255),
            shown(pending.as_ref()),
            shown(running.as_ref()),
            shown(concurrency.as_ref()),
            shown(per_function.as_ref()),
            shown(per_key.as_ref()),
            state(*paused)
        ))?;
    }
    Ok(())
}

fn show(out: Out, queue: &QueueInfo) -> Result {
    if out.json { out.facts(queue) } else { list(out, std::slice::from_ref(queue)) }
}

/// A number, if there is one.
pub(crate) fn shown(number: Option<&impl ToString>) -> String {
    number.map_or_else(|| "-".to_owned(), ToString::to_string)
}

pub(crate) fn state(paused: bool) -> &'static str {
    if paused { "paused" } else { "open" }
}
