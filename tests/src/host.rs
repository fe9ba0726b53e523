//! What a host does, on every store: asked through [`Local`] and the guest of `fixtures/guest.wat`.
//!
//! A number in a comment is that of the scenario of au's own suites (design notes, "au-study" §6), which this is.

use std::time::{Duration, Instant};

use au_host::{JobId, Local, Payload, Request, Status, Summary};

use crate::properties;
use crate::suite::Property;

mod cancelling;
mod keys;
mod leaving;
mod refusing;
mod results;
mod telling;
mod turns;

/// Long enough for anything that ends.
const LONG: Duration = Duration::from_secs(30);

/// What is asked of a host with one folder or none.
pub const HOST: &[Property<Local>] = properties![
    "a job gives its output" => results::gives_output,
    "a status is one of five and ends as completed" => results::statuses,
    "every job has an id of its own" => results::ids,
    "a job is ready when it has finished, and not before" => results::readiness,
    "times are those of the events: a job is not shorter than it was" => results::durations,
    "an output that is JSON is read as a type" => results::typed,
    "a wait that times out leaves the job alone" => results::wait_times_out,
    "a failure keeps its message and its kind" => results::failure_kept,
    "a pending job that is cancelled never runs" => cancelling::cancel_pending,
    "a job that has finished cannot be cancelled, and stays as it was" => cancelling::cancel_finished,
    "a running job that is cancelled ends as cancelled, with the reason" => cancelling::cancel_running,
    "a second cancel does no harm and keeps the first reason" => cancelling::cancel_twice,
    "a cancel just after a submit is never lost" => cancelling::cancel_at_once,
    "the metadata of a job tells what was asked for and what it used" => telling::metadata,
    "while it runs, a job tells who runs it, and for how long it waited" => telling::running,
    "jobs are listed by status, newest first" => telling::listed,
    "jobs are counted by status, from none on" => telling::counted,
    "events come in order and end with the last state" => telling::events,
    "events of a job that fails end with its failure" => telling::events_of_failure,
    "events of a finished job tell its log and how it ended" => telling::events_after,
    "a chain of jobs hands its outputs on" => results::chain,
    "no more jobs run at once than there are slots" => turns::slots,
    "a job that was started ahead of a slot and finds none waits as if it had never started" => turns::ahead,
    "an unknown job is not found, whatever is asked of it" => refusing::unknown,
    "a key in flight is one job, and runs once" => keys::key_in_flight,
    "eight submits at once with one key are one job, fifty times" => keys::key_racing,
    "a key that holds until the end lets the next submit run" => keys::key_after_end,
    "a key is free again when its job could not be launched" => keys::key_after_failed_launch,
    "a map keeps the order of its inputs" => keys::map_order,
    "a map with one bad input keeps nothing" => keys::map_whole,
    "a transient failure is tried again, until it works" => turns::retried,
    "a transient failure is tried as often as was asked for, and no more" => turns::retried_in_vain,
    "a failure for good is not tried again" => turns::not_retried,
    "what is tried again is what was asked for" => turns::retried_on,
    "a job that is delayed does not start before its time" => turns::delayed,
    "a higher priority starts first" => turns::priority,
    "an expired job is expired, then removed and gone" => leaving::expiry,
    "cleanup removes what has expired and says how many" => leaving::cleanup,
    "a job that is removed is gone, and one that runs is not removed" => leaving::removed,
    "a call keeps nothing" => refusing::call,
    "a call tells its failure" => refusing::call_fails,
    "an unknown function is named with the one that was meant" => refusing::nearest,
    "what is over the ceiling is refused, and nothing is kept" => refusing::ceiling,
    "a grant that the host does not give is refused" => refusing::grants,
    "a label that is too long is invalid" => refusing::bounds,
    "a module that is removed runs no more, not even where it was ready" => leaving::removed_module,
    "a host that shuts down takes nothing new, and what runs ends" => leaving::shutdown,
    "a host that shuts down gives back what does not end in time" => leaving::given_back,
    "a thousand jobs at once all end, each with its own output" => results::thousand,
];

async fn done(local: &Local, request: Request) -> Payload {
    local.host().submit(request).await.unwrap().result(LONG).await.unwrap()
}

async fn until(local: &Local, id: JobId, status: Status) -> Summary {
    let began = Instant::now();
    loop {
        let job = local.host().handle(id).metadata().await.unwrap();
        if job.status == status {
            return job;
        }
        assert!(began.elapsed() < LONG, "{job:?}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}
