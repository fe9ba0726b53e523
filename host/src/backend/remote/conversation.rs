//! One attempt with a worker, from the host's end: hands it over, hears it, stops it, and notices when nobody answers any more.

use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::frame::ToHost;
use super::hearing::{Heard, Hearing};
use crate::attempt::{Attempt, Report};
use crate::backend::{Context, blame};
use crate::error::{Error, Result};
use crate::failure::{Failure, FailureKind};

/// A worker with an attempt. Dropping it ends the attempt.
#[async_trait]
pub(super) trait Line: Send + 'static {
    /// The next message. `Err`: the worker is lost, and there will be none.
    async fn hear(&mut self) -> Result<ToHost, Error>;

    /// Asks it to stop. It answers that, too, unless the way back is closed by it: then `hear` gives an error.
    async fn cancel(&mut self);

    /// The attempt has ended, and the worker may have another.
    fn release(self);

    /// Ends the worker, or whatever of it has to do with this attempt, and says how it died, if that is known: "was killed by …".
    async fn end(self) -> Option<String>;
}

/// Where workers come from.
#[async_trait]
pub(super) trait Transport: std::fmt::Debug + Send + Sync + 'static {
    /// A worker with an attempt.
    type Line: Line;

    /// Hands an attempt to a worker, as soon as one is free.
    ///
    /// # Errors
    /// It was not run.
    async fn begin(&self, attempt: &Attempt) -> Result<Self::Line>;

    /// How many attempts may run at once.
    fn capacity(&self) -> usize;

    /// What a worker that was asked to stop has before it is ended.
    fn grace(&self) -> Duration;

    /// What a worker has beyond the time of an attempt before it is ended.
    fn late(&self) -> Duration;

    /// How long a worker may be silent.
    fn silence(&self) -> Duration;
}

/// Has an attempt run, and answers with what came of it. Ends when nobody waits for the answer.
pub(super) async fn converse<T: Transport>(
    transport: &T,
    attempt: Attempt,
    context: Context,
    mut answer: oneshot::Sender<Result<Report>>,
) {
    let report = tokio::select! {
        biased;
        () = answer.closed() => return,
        () = context.cancel.cancelled() => Ok(failed(FailureKind::Cancelled, "the attempt was cancelled before it began")),
        begun = transport.begin(&attempt) => match begun {
            Err(error) => blame(error).map(Report::failed),
            Ok(line) => {
                let talk = Talk {
                    hearing: Hearing::new(&context, &attempt.sandbox.limits),
                    silence: transport.silence(),
                    timeout: attempt.sandbox.limits.timeout,
                    grace: transport.grace(),
                    late: transport.late(),
                    line,
                };
                talk.run(&context, &mut answer).await
            }
        },
    };
    // Nobody waits any more: then nobody needs it.
    drop(answer.send(report));
}

struct Talk<L> {
    line: L,
    hearing: Hearing,
    silence: Duration,
    timeout: Duration,
    grace: Duration,
    late: Duration,
}

/// Why a worker is ended.
enum Over {
    /// What came of the attempt is known without it.
    Settled(Failure),
    /// It is lost.
    Lost(String),
}

impl<L: Line> Talk<L> {
    async fn run(mut self, context: &Context, answer: &mut oneshot::Sender<Result<Report>>) -> Result<Report> {
        let deadline = Instant::now().checked_add(self.timeout.saturating_add(self.late));
        let ended = tokio::select! {
            biased;
            ended = self.hear() => ended,
            () = context.cancel.cancelled() => self.stop().await,
            () = answer.closed() => self.stop().await,
            () = until(deadline) => Err(Over::Settled(timed_out(self.timeout))),
        };
        match ended {
            Ok(Heard::Report(report)) => {
                self.line.release();
                Ok(honest(report, context.cancel.is_cancelled()))
            }
            Ok(Heard::Refused(why)) => {
                self.line.release();
                Err(Error::fault("worker", why))
            }
            Ok(Heard::Word) | Err(Over::Lost(_)) if context.cancel.is_cancelled() => {
                self.line.end().await;
                Ok(failed(FailureKind::Cancelled, "the attempt was cancelled, and its worker ended"))
            }
            Ok(Heard::Word) => Ok(lost(self.line.end().await, "said nothing of use")),
            Err(Over::Lost(why)) => Ok(lost(self.line.end().await, &why)),
            Err(Over::Settled(failure)) => {
                self.line.end().await;
                Ok(Report::failed(failure))
            }
        }
    }

    /// What a worker says until the attempt has ended, or it is silent for too long.
    async fn hear(&mut self) -> Result<Heard, Over> {
        loop {
            let patience = Instant::now() + self.silence;
            let told = match timeout_at(patience, self.line.hear()).await {
                Ok(told) => told.map_err(|error| Over::Lost(format!("was lost ({})", error.chain())))?,
                Err(_) => {
                    let silence = humantime::format_duration(self.silence);
                    return Err(Over::Lost(format!("said nothing for {silence}")));
                }
            };
            match self.hearing.take(told).map_err(Over::Lost)? {
                Heard::Word => {}
                ended => return Ok(ended),
            }
        }
    }

    /// Asks the worker to stop, and waits a little for what it says to that.
    async fn stop(&mut self) -> Result<Heard, Over> {
        self.line.cancel().await;
        let cancelled = || Over::Settled(Failure::new(FailureKind::Cancelled, "the attempt was cancelled"));
        match timeout_at(Instant::now() + self.grace, self.hear()).await {
            Ok(Err(Over::Lost(_))) | Err(_) => Err(cancelled()),
            Ok(ended) => ended,
        }
    }
}

/// The end of a time that some clock can show; else never.
async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}

fn failed(kind: FailureKind, why: &str) -> Report {
    Report::failed(Failure::new(kind, why))
}

fn timed_out(timeout: Duration) -> Failure {
    let millis = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
    let message = format!("the attempt did not end within its timeout of {millis} ms, and its worker was ended");
    Failure::new(FailureKind::TimedOut, message).with_limit("timeout", millis)
}

/// The report of an attempt whose worker died, or is as good as dead. How it died says more than what was seen of that.
fn lost(death: Option<String>, seen: &str) -> Report {
    failed(FailureKind::Lost, &format!("its worker {}", death.as_deref().unwrap_or(seen)))
}

/// A worker that goes down cancels what it runs; that is no cancel of the job.
fn honest(report: Report, asked: bool) -> Report {
    match &report.outcome {
        Err(failure) if failure.kind == FailureKind::Cancelled && !asked => lost(None, "gave the attempt up"),
        _ => report,
    }
}
