//! Every sequence of transitions: a job's rules hold whoever does what in which order.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::time::Duration;

use au_host::{
    Failure, FailureKind, Illegal, Job, OCTETS, Owner, Payload, Progress, Report, Retry, Status, Timestamp, Usage,
    WorkerId,
};
use au_tests::store::jobs::{NOW, job_with, worker};
use proptest::prelude::*;

/// Something that somebody tries.
#[derive(Clone, Copy, Debug)]
enum Step {
    Start { worker: usize, owner: Owner },
    Renew { worker: usize },
    Release { worker: usize },
    Cancel,
    Finish { worker: usize, outcome: Option<FailureKind> },
    Wait { seconds: u64 },
}

fn step() -> impl Strategy<Value = Step> {
    let worker = 0..3_usize;
    let owner = prop_oneof![3 => Just(Owner::Alive), 1 => Just(Owner::Lost)];
    let kinds =
        [FailureKind::Failed, FailureKind::Transient, FailureKind::Trap, FailureKind::TimedOut, FailureKind::Lost];
    let outcome = prop_oneof![Just(None), prop::sample::select(kinds.to_vec()).prop_map(Some)];
    prop_oneof![
        4 => (worker.clone(), owner).prop_map(|(worker, owner)| Step::Start { worker, owner }),
        2 => worker.clone().prop_map(|worker| Step::Renew { worker }),
        1 => worker.clone().prop_map(|worker| Step::Release { worker }),
        1 => Just(Step::Cancel),
        3 => (worker, outcome).prop_map(|(worker, outcome)| Step::Finish { worker, outcome }),
        2 => (0..10_u64).prop_map(|seconds| Step::Wait { seconds }),
    ]
}

fn report(outcome: Option<FailureKind>) -> Report {
    let outcome = match outcome {
        None => Ok(Payload::new(OCTETS, "out").unwrap()),
        Some(kind) => Err(Failure::new(kind, "because")),
    };
    Report { outcome, usage: Usage::default() }
}

fn owner_of(job: &Job) -> Option<WorkerId> {
    job.summary().worker
}

/// What must be true of one step, whatever was before it.
fn hold(before: &Job, step: Step, after: &Job, now: Timestamp, workers: &[WorkerId]) -> Result<(), TestCaseError> {
    let (old, new) = (&before.state, &after.state);
    prop_assert!(new.version == old.version + 1, "a transition is one version: {old:?} {new:?}");
    prop_assert!(!old.status().is_finished(), "what has finished does not change");
    prop_assert!(new.attempt <= before.spec.options.retry.attempts, "no more attempts than were asked for");
    prop_assert!(old.cancel.is_none() || new.cancel == old.cancel, "the first reason stays");
    if old.cancel.is_some() {
        prop_assert!(
            matches!(new.status(), Status::Running | Status::Cancelled),
            "a cancelled job is {}",
            new.status()
        );
        prop_assert_eq!(new.attempt, old.attempt, "a cancelled job does not start again");
    }
    prop_assert!(new.past.starts_with(&old.past), "what has been is not forgotten");
    let numbers: Vec<_> = new.past.iter().map(|past| past.number).collect();
    prop_assert!(numbers.is_sorted_by(|one, other| one < other) && numbers.iter().all(|at| *at <= new.attempt));
    prop_assert!(new.past.iter().all(|past| past.started <= past.ended && past.ended <= now));
    if let Some(past) = new.past.get(old.past.len()) {
        prop_assert_eq!((past.number, Some(past.worker)), (old.attempt, owner_of(before)), "it was the one that ran");
        prop_assert_eq!(Some(past.started), before.summary().attempt_started);
    }
    let as_if_never_started = new.attempt == 0 && new.started.is_none();
    prop_assert!(
        old.started.is_none() || new.started == old.started || as_if_never_started,
        "the first start stays, unless it does not count"
    );
    match step {
        Step::Renew { worker } | Step::Release { worker } | Step::Finish { worker, .. } => {
            prop_assert_eq!(owner_of(before), Some(workers[worker]), "only who runs it may");
        }
        Step::Start { worker, owner } => {
            let due = before.summary().run_at.is_some_and(|at| at <= now);
            prop_assert!(due || owner == Owner::Lost, "it was neither due nor lost");
            prop_assert!(new.status() != Status::Running || owner_of(after) == Some(workers[worker]));
        }
        Step::Cancel | Step::Wait { .. } => {}
    }
    if new.status().is_finished() {
        let at = old.started.map_or(now, |started| now.max(started));
        prop_assert_eq!(new.finished(), Some(at), "it finished when it did, and not before it began");
        prop_assert!(new.started.is_none_or(|started| started <= now), "and not before it started");
    }
    prop_assert_eq!(after.summary().status, new.status(), "a summary says the same");
    Ok(())
}

fn try_step(job: &Job, step: Step, now: Timestamp, workers: &[WorkerId]) -> Result<Job, Illegal> {
    let (spec, state) = (&job.spec, &job.state);
    let next = match step {
        Step::Start { worker, owner } => state.start(spec, workers[worker], owner, now),
        Step::Renew { worker } => state.renew(workers[worker], Progress { done: 0.5, note: "half".into() }),
        Step::Release { worker } => state.release(workers[worker], now),
        Step::Cancel => state.cancel("enough", now),
        Step::Finish { worker, outcome } => state.finish(spec, workers[worker], report(outcome), now),
        Step::Wait { .. } => Ok(state.clone()),
    }?;
    Ok(Job { spec: spec.clone(), state: next })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn whoever_does_what_in_which_order_the_rules_of_a_job_hold(
        steps in prop::collection::vec(step(), 1..60),
        attempts in 1..5_u32,
        delay in 0..5_u64,
    ) {
        let workers = [worker(), worker(), worker()];
        let retry = Retry { attempts, delay: Duration::from_secs(delay), ..Retry::default() };
        let (mut job, mut now) = (job_with(|options| options.retry = retry), NOW);
        for step in steps {
            if let Step::Wait { seconds } = step {
                now = now.plus(Duration::from_secs(seconds));
                continue;
            }
            match try_step(&job, step, now, &workers) {
                // A second cancel is no transition.
                Ok(next) if matches!(step, Step::Cancel) && job.state.cancel.is_some() => prop_assert_eq!(&next, &job),
                Ok(next) => {
                    hold(&job, step, &next, now, &workers)?;
                    job = next;
                }
                Err(Illegal::Finished) => prop_assert!(job.state.status().is_finished()),
                Err(Illegal::NotDue) => prop_assert!(!job.state.status().is_finished()),
                Err(Illegal::NotYours) => prop_assert!(workers.iter().any(|worker| owner_of(&job) != Some(*worker))),
            }
        }
    }

    /// A running job comes to an end: nothing that one worker can do keeps it alive for ever.
    #[test]
    fn a_job_that_always_fails_ends_after_its_attempts(attempts in 1..20_u32, lost in any::<bool>()) {
        let owner = worker();
        let mut job = job_with(|options| options.retry = Retry { attempts, delay: Duration::ZERO, ..Retry::default() });
        let mut starts = 0;
        while !job.state.status().is_finished() {
            let started = job.state.start(&job.spec, owner, Owner::Lost, NOW).unwrap();
            starts += u32::from(started.status() == Status::Running);
            job.state = started;
            if !lost && job.state.status() == Status::Running {
                job.state = job.state.finish(&job.spec, owner, report(Some(FailureKind::Transient)), NOW).unwrap();
            }
            prop_assert!(starts <= attempts);
        }
        prop_assert_eq!(starts, attempts);
        prop_assert_eq!(job.state.status(), Status::Failed);
        // Of one attempt all else tells, and of very many the latest are enough.
        let kept = if attempts == 1 { 0 } else { attempts.min(16) };
        let numbers: Vec<_> = job.state.past.iter().map(|past| past.number).collect();
        prop_assert_eq!(numbers, (attempts - kept + 1..=attempts).collect::<Vec<_>>());
        let kind = if lost { FailureKind::Lost } else { FailureKind::Transient };
        prop_assert!(job.state.past.iter().all(|past| past.failure == Some(kind) && past.worker == owner));
    }
}
