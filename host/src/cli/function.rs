//! `function`: how the jobs of a function are run, and what those have that do not say.

use au_host::{Error, FunctionInfo, FunctionPolicy, clean};

use super::hosted::Hosted;
use super::output::Out;
use super::place::Place;
use super::queue::{attend, goes_on, shown, state};
use super::queue_args::{Function, Limit, Named, SetFunction};
use super::trouble::Result;

pub(crate) async fn function(place: &Place, out: Out, command: Function) -> Result {
    let host = place.look().await?;
    match command {
        Function::List => list(out, &host.function_policies().await?),
        Function::Show { function } => show(out, &host.function_policy(&function).await?),
        Function::Set(command) => {
            let SetFunction { function, concurrency, queue, priority, retry } = *command;
            let before = known(&host, &function).await?;
            let policy = FunctionPolicy {
                concurrency: concurrency.map_or(before.concurrency, |Limit(limit)| limit),
                paused: before.paused,
                queue: queue.or(before.queue),
                retry: retry.asked().over(before.retry.as_ref()).or(before.retry),
                priority: priority.or(before.priority),
            };
            host.set_function(&function, policy).await?;
            show(out, &host.function_policy(&function).await?)
        }
        Function::Pause { function } => {
            pause(&host, &function, true).await?;
            out.note("none of its jobs starts any more; within some seconds that holds on all hosts");
            Ok(())
        }
        Function::Resume { function } => {
            pause(&host, &function, false).await?;
            attend(place, &host, host.function_policy(&function).await?.pending)?;
            out.note("it goes on");
            Ok(())
        }
        Function::Remove { function } => {
            let before = known(&host, &function).await?;
            host.remove_function(&function).await?;
            out.note(&format!("it has no policy any more{}", goes_on(before.paused)));
            Ok(())
        }
    }
}

async fn known(host: &Hosted, function: &Named) -> Result<FunctionPolicy> {
    match host.function_policy(function).await {
        Ok(info) => Ok(info.policy),
        Err(Error::NotFound { .. }) => Ok(FunctionPolicy::default()),
        Err(error) => Err(error.into()),
    }
}

async fn pause(host: &Hosted, function: &Named, paused: bool) -> Result {
    let before = known(host, function).await?;
    Ok(host.set_function(function, FunctionPolicy { paused, ..before }).await?)
}

fn list(out: Out, functions: &[FunctionInfo]) -> Result {
    if out.json {
        return out.facts(&functions);
    }
    if functions.is_empty() {
        out.note("no function has a policy, or jobs that have not finished; `au-host function set` makes one");
        return Ok(());
    }
    out.line(&format!(
        "{:32}  {:>8}  {:>8}  {:>6}  {:16}  {:>8}  {:>8}  STATE",
        "FUNCTION", "PENDING", "RUNNING", "LIMIT", "QUEUE", "PRIORITY", "ATTEMPTS"
    ))?;
    for FunctionInfo { module, function, policy, pending, running } in functions {
        out.safe(&format!(
            "{:32}  {:>8}  {:>8}  {:>6}  {:16}  {:>8}  {:>8}  {}",
            clean(&format!("{module}/{function}"), 255),
            shown(pending.as_ref()),
            shown(running.as_ref()),
            shown(policy.concurrency.as_ref()),
            clean(policy.queue.as_deref().unwrap_or("-"), 255),
            shown(policy.priority.as_ref()),
            shown(policy.retry.as_ref().map(|retry| retry.attempts).as_ref()),
            state(policy.paused)
        ))?;
    }
    Ok(())
}

fn show(out: Out, function: &FunctionInfo) -> Result {
    if out.json { out.facts(function) } else { list(out, std::slice::from_ref(function)) }
}
