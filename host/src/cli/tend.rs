//! While something about a job is waited for: sees to it that somebody works on it, and says so where nobody can.

use std::fmt;
use std::process::Child;
use std::time::Duration;

use au_host::{Clock, JobId, Status, Summary};
use serde::Serialize;

use super::hosted::Hosted;
use super::output::Out;
use super::place::Place;
use super::trouble::Result;

/// Between two looks at whether somebody works on what is waited for.
const LOOK: Duration = Duration::from_secs(1);
/// The queue of jobs that name none.
const DEFAULT_QUEUE: &str = "default";

/// What keeps a job that is due from being run, though the command that asks could do nothing about it by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Hold {
    /// Its queue is paused.
    PausedQueue(String),
    /// Its function is paused: `MODULE/FUNCTION`.
    PausedFunction(String),
    /// Nobody works on the store of this URL.
    NoWorker(String),
}

impl fmt::Display for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PausedQueue(name) => {
                write!(f, "its queue {name} is paused: `au-host queue resume {name}` goes on with it")
            }
            Self::PausedFunction(name) => {
                write!(f, "its function {name} is paused: `au-host function resume {name}` goes on with it")
            }
            Self::NoWorker(store) => write!(f, "nobody works on {store}: `au-host work --store …` does"),
        }
    }
}

/// What keeps this job from being run. Whoever may not know of queues is told of none.
pub(crate) async fn hold(place: &Place, host: &Hosted, job: &Summary) -> Option<Hold> {
    let is_due = job.status == Status::Pending && job.run_at.is_some_and(|at| at <= Clock::system().now());
    if !is_due {
        return None;
    }
    let queue = job.options.queue.as_deref().unwrap_or(DEFAULT_QUEUE);
    let queues = host.queues().await.unwrap_or_default();
    if queues.iter().any(|of| of.name == queue && of.policy.paused) {
        return Some(Hold::PausedQueue(queue.to_owned()));
    }
    let module = job.options.module_name.clone().unwrap_or_else(|| job.module.to_string());
    let functions = host.function_policies().await.unwrap_or_default();
    if functions.iter().any(|of| of.module == module && of.function == job.function && of.policy.paused) {
        return Some(Hold::PausedFunction(format!("{module}/{}", job.function)));
    }
    no_worker(place, host).await
}

/// Whether nobody works on a store that hosts share. In a data folder whoever waits for a job has it run.
pub(crate) async fn no_worker(place: &Place, host: &Hosted) -> Option<Hold> {
    let (Hosted::Here(_), Some(store)) = (host, place.store()) else { return None };
    let (now, workers) = (Clock::system().now(), host.workers().await.ok()?);
    workers.iter().all(|worker| worker.is_silent(now)).then_some(Hold::NoWorker(store))
}

/// Waits for something about a job, and sees to it meanwhile that somebody works on it. What keeps it from being run is said
/// once, and only after a while: most jobs have gone by then.
pub(crate) async fn tend<T>(
    (place, out): (&Place, Out),
    host: &Hosted,
    id: JobId,
    waiting: impl Future<Output = T>,
) -> Result<T> {
    let mut waiting = std::pin::pin!(waiting);
    let mut spawned: Option<Child> = None;
    let mut told = None;
    loop {
        let idle = spawned.as_mut().is_none_or(|child| !matches!(child.try_wait(), Ok(None)));
        if idle && host.is_unattended(id).await.unwrap_or(false) {
            spawned = place.ensure_worker()?;
        }
        tokio::select! {
            done = &mut waiting => return Ok(done),
            () = tokio::time::sleep(LOOK) => {}
        }
        if told.is_none() {
            told = held(place, host, id).await;
            if let Some(hold) = &told {
                out.note(&format!("job {id} waits: {hold}"));
            }
        }
    }
}

async fn held(place: &Place, host: &Hosted, id: JobId) -> Option<Hold> {
    let job = host.handle(id).metadata().await.ok()?;
    hold(place, host, &job).await
}
