//! The one who writes: commits whatever has queued up since the last commit, then answers all of it.
//!
//! No timer and no waiting for a batch to fill: while one commit waits for the disk, the next batch gathers by itself. What has
//! a large payload goes on a connection of its own, so that small ones do not wait behind it.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::batch::{self, Asked, Settled};
use super::door::{Door, PATIENCE};
use super::fault::{self, Trouble};
use super::lines::{Lines, SOON};
use super::operation::{Answer, Operation};
use super::watch::Notice;
use crate::error::{Error, Result};

/// Most operations that one commit holds, and that wait for one.
const BATCH: usize = 1024;
/// About as many bytes does one commit hold at most, if it holds more than one operation.
const BYTES: usize = 8 << 20;
/// Operations with large payloads that wait for their turn.
const LARGE: usize = 16;

/// Hands operations to those who write. Dropping it lets them do what is queued and end.
#[derive(Debug)]
pub(super) struct Writer {
    small: mpsc::Sender<Waiting>,
    large: mpsc::Sender<Waiting>,
}

/// An operation, and somebody who waits for it.
#[derive(Debug)]
struct Waiting {
    asked: Asked,
    reply: oneshot::Sender<Result<Answer>>,
    /// Until when it may be tried.
    until: Instant,
}

impl Writer {
    pub(super) fn start(door: &Arc<Door>, notice: &Notice) -> Self {
        let begin = |most| {
            let (queue, operations) = mpsc::channel(most);
            let scribe = Scribe { lines: Lines::new(Arc::clone(door), 1), notice: notice.clone() };
            // It ends when the queue does: what was asked for is done even when nobody waits any more.
            drop(tokio::spawn(scribe.run(operations)));
            queue
        };
        Self { small: begin(BATCH), large: begin(LARGE) }
    }

    /// Does it and waits until it is as durable as the store promises.
    pub(super) async fn write(&self, operation: Operation) -> Result<Answer> {
        let queue = if operation.is_large() { &self.large } else { &self.small };
        let (reply, answer) = oneshot::channel();
        let until = Instant::now() + PATIENCE;
        let waiting = Waiting { asked: Asked { operation, in_doubt: false, careful: false }, reply, until };
        queue.send(waiting).await.map_err(|_| Error::ShuttingDown)?;
        answer.await.unwrap_or(Err(Error::ShuttingDown))
    }
}

struct Scribe {
    lines: Lines,
    notice: Notice,
}

impl Scribe {
    async fn run(self, mut operations: mpsc::Receiver<Waiting>) {
        let (mut came, mut waiting) = (Vec::new(), VecDeque::new());
        loop {
            if waiting.is_empty() {
                if operations.recv_many(&mut came, BATCH).await == 0 {
                    return;
                }
                waiting.extend(came.drain(..));
            }
            let batch = fitting(&mut waiting);
            // What came to nothing is tried again with what came meanwhile.
            waiting.extend(self.settle(batch).await);
            while waiting.len() < BATCH
                && let Ok(more) = operations.try_recv()
            {
                waiting.push_back(more);
            }
        }
    }

    /// Does them, and answers; gives back what is to be tried again.
    async fn settle(&self, batch: Vec<Waiting>) -> Vec<Waiting> {
        match self.attempt(&batch).await {
            Ok(settled) => answer(batch, settled),
            Err(Failed::Away(error)) => in_time(batch, &error),
            Err(Failed::At(Trouble::Refused(error))) if batch.iter().all(|waiting| waiting.asked.careful) => {
                self.settle_each(batch, &error).await
            }
            Err(Failed::At(Trouble::Refused(error))) => in_time(careful(batch), &error),
            Err(Failed::At(Trouble::Again(why))) => {
                tracing::debug!(why, "a batch met others; trying again");
                tokio::time::sleep(SOON).await;
                in_time(batch, &fault::contended())
            }
            Err(Failed::At(Trouble::Lost(why))) => {
                tracing::warn!(why, "a connection to PostgreSQL was lost while it wrote; trying again");
                in_time(doubted(batch, &why), &fault::unknown(&why))
            }
        }
    }

    async fn attempt(&self, batch: &[Waiting]) -> std::result::Result<Vec<Settled>, Failed> {
        let until = batch.iter().map(|waiting| waiting.until).min().unwrap_or_else(Instant::now);
        let lent = self.lines.lend(until).await.map_err(Failed::Away)?;
        let asked: Vec<_> = batch.iter().map(|waiting| &waiting.asked).collect();
        let done = batch::run(&lent, &asked, &self.notice).await;
        if !matches!(done, Err(Trouble::Lost(_))) {
            lent.give_back();
        }
        done.map_err(Failed::At)
    }

    /// One operation spoils the batch: the others are none the worse for it. One alone is what the error is about.
    async fn settle_each(&self, batch: Vec<Waiting>, error: &Error) -> Vec<Waiting> {
        let mut again = Vec::new();
        let is_one = batch.len() == 1;
        for waiting in batch {
            if is_one {
                waiting.give_up(error);
                continue;
            }
            let one = vec![waiting];
            match self.attempt(&one).await {
                Ok(settled) => again.extend(answer(one, settled)),
                Err(Failed::At(Trouble::Refused(error))) => one.into_iter().for_each(|waiting| waiting.give_up(&error)),
                Err(Failed::Away(error)) => again.extend(in_time(one, &error)),
                Err(Failed::At(Trouble::Again(_))) => again.extend(in_time(one, &fault::contended())),
                Err(Failed::At(Trouble::Lost(why))) => {
                    again.extend(in_time(doubted(one, &why), &fault::unknown(&why)));
                }
            }
        }
        again
    }
}

/// Why nothing is known to be done.
enum Failed {
    /// There was no connection, so nothing was asked.
    Away(Error),
    /// The connection that there was had this trouble.
    At(Trouble),
}

impl Waiting {
    /// Whoever asked may have gone by now: what was done stays done, so this may fail.
    fn tell(self, answer: Result<Answer>) {
        drop(self.reply.send(answer));
    }

    /// No error but a fault may be given for what may have been done.
    fn give_up(self, error: &Error) {
        let error = if self.asked.in_doubt { fault::unknown(&error.chain()) } else { fault::repeated(error) };
        self.tell(Err(error));
    }
}

/// Those that there is time left for; the others are given up.
fn in_time(batch: Vec<Waiting>, error: &Error) -> Vec<Waiting> {
    let now = Instant::now();
    let (left, late): (Vec<_>, Vec<_>) = batch.into_iter().partition(|waiting| now < waiting.until);
    late.into_iter().for_each(|waiting| waiting.give_up(error));
    left
}

/// To be done with care: something that was to be added is there, perhaps.
fn careful(mut batch: Vec<Waiting>) -> Vec<Waiting> {
    batch.iter_mut().for_each(|waiting| waiting.asked.careful = true);
    batch
}

/// The first of those that wait, as many as one commit should hold; one at least.
fn fitting(waiting: &mut VecDeque<Waiting>) -> Vec<Waiting> {
    let (mut bytes, mut count) = (0, 0);
    for next in waiting.iter().take(BATCH) {
        bytes += next.asked.operation.weight();
        if count > 0 && bytes > BYTES {
            break;
        }
        count += 1;
    }
    waiting.drain(..count).collect()
}

/// Answers what is settled.
fn answer(batch: Vec<Waiting>, settled: Vec<Settled>) -> Vec<Waiting> {
    let mut again = Vec::new();
    for (waiting, settled) in batch.into_iter().zip(settled) {
        match settled {
            Some(answer) => waiting.tell(answer),
            None if Instant::now() < waiting.until => again.push(waiting),
            None => waiting.give_up(&fault::contended()),
        }
    }
    again
}

/// Those that can be done again, though they may have been done.
fn doubted(batch: Vec<Waiting>, why: &str) -> Vec<Waiting> {
    let (mut left, lost): (Vec<_>, Vec<_>) =
        batch.into_iter().partition(|waiting| waiting.asked.operation.may_be_repeated());
    lost.into_iter().for_each(|waiting| waiting.tell(Err(fault::unknown(why))));
    left.iter_mut().for_each(|waiting| waiting.asked.in_doubt = true);
    left
}
