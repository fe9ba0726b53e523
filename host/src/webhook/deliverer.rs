//! Sends what is due: what has just finished here at once, the rest when a look through the notes finds it. Every host that takes
//! everything has one.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::{JoinError, JoinSet};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::lanes::Lanes;
use super::note::Outstanding;
use super::sending::Sending;
use super::target::Destination;
use crate::error::Result;
use crate::host::Inner;
use crate::id::JobId;
use crate::time::Timestamp;

/// Jobs that have finished and were not looked at yet; more are found by a look at all.
const FINISHED: usize = 1024;
/// Between two looks, when nothing is said to have changed: hints may be missed, and hosts die.
const LOOK: Duration = Duration::from_secs(15);
/// Least rest between two looks, and that after others changed something.
const REST: Duration = Duration::from_millis(100);
const STIRRED: Duration = Duration::from_secs(1);
/// It rests so many times as long as it looked: there may be a hundred thousand notes.
const IDLE: u32 = 20;

pub(super) fn is_built_in() -> Result<()> {
    Ok(())
}

/// Starts to send what is due, until the host closes.
pub(crate) fn begin(inner: &Arc<Inner>) {
    let (told, finished) = mpsc::channel(FINISHED);
    let (done, over) = oneshot::channel::<()>();
    let signals = &inner.webhooks;
    // There is one deliverer a host.
    drop(signals.finished.set(told));
    *signals.over.lock().unwrap_or_else(PoisonError::into_inner) = Some(over);
    let deliverer = Deliverer {
        closing: inner.closing.clone(),
        stirred: Arc::clone(&signals.stirred),
        stop: signals.stop.clone(),
        sending: Arc::new(Sending::of(inner)),
        lanes: Lanes::default(),
        under_way: JoinSet::new(),
        looked: Instant::now(),
        rest: REST,
        look_at: Instant::now(),
    };
    inner.runtime.spawn(async move {
        deliverer.run(finished).await;
        drop(done);
    });
}

/// What was sent to whom, and when it is due again.
type Sent = (Destination, JobId, Option<Timestamp>);

struct Deliverer {
    closing: CancellationToken,
    stirred: Arc<Notify>,
    stop: CancellationToken,
    sending: Arc<Sending>,
    lanes: Lanes,
    under_way: JoinSet<Sent>,
    /// When the last look at all notes ended, the rest that must follow, and when the next is due.
    looked: Instant,
    rest: Duration,
    look_at: Instant,
}

impl Deliverer {
    async fn run(mut self, mut finished: mpsc::Receiver<JobId>) {
        while !self.closing.is_cancelled() {
            self.start();
            tokio::select! {
                () = self.closing.cancelled() => {}
                Some(id) = finished.recv() => self.consider_one(id).await,
                Some(sent) = self.under_way.join_next() => self.sent(sent),
                () = self.stirred.notified() => self.look_by(STIRRED),
                () = tokio::time::sleep_until(self.look_at) => self.look().await,
            }
        }
        self.end(finished).await;
    }

    /// What has just finished is sent before the host goes, and what is under way ends, unless that is not waited for.
    async fn end(mut self, mut finished: mpsc::Receiver<JobId>) {
        while let Ok(id) = finished.try_recv() {
            self.consider_one(id).await;
        }
        self.start();
        while let Some(Some(_)) = self.stop.run_until_cancelled(self.under_way.join_next()).await {}
    }

    fn start(&mut self) {
        while let Some((to, id)) = self.lanes.next() {
            let sending = Arc::clone(&self.sending);
            self.under_way.spawn(async move {
                let next = sending.send(id).await;
                (to, id, next)
            });
        }
    }

    fn sent(&mut self, sent: Result<Sent, JoinError>) {
        // None of them is aborted, and none should panic; if one does, its place is lost.
        let Ok((to, id, next)) = sent else { return };
        self.lanes.ended(to, id);
        if let Some(next) = next {
            self.look_by(next.since(self.sending.now()));
        }
    }

    /// Looks so much later at the latest, if it has rested by then.
    fn look_by(&mut self, wait: Duration) {
        let at = (Instant::now() + wait).max(self.looked + self.rest);
        self.look_at = self.look_at.min(at);
    }

    /// Takes in all that is due.
    async fn look(&mut self) {
        let began = Instant::now();
        let next = self.consider_all().await.unwrap_or_else(|error| {
            tracing::warn!(error = error.chain(), "webhooks could not be looked for; trying again");
            None
        });
        self.looked = Instant::now();
        self.rest = REST.max((self.looked - began) * IDLE);
        let wait = next.map_or(LOOK, |next| next.since(self.sending.now())).min(LOOK);
        self.look_at = self.looked + wait.max(self.rest);
    }

    /// Says when the next one is due.
    async fn consider_all(&mut self) -> Result<Option<Timestamp>> {
        let mut next: Option<Timestamp> = None;
        for (id, note) in self.sending.outstanding().await? {
            if let Some(due) = self.consider(id, &note).await? {
                next = Some(next.map_or(due, |next| next.min(due)));
            }
            if self.closing.is_cancelled() {
                break;
            }
            // There may be many, and nobody else is to wait for them.
            tokio::task::consume_budget().await;
        }
        Ok(next)
    }

    async fn consider_one(&mut self, id: JobId) {
        let considered = match self.sending.note(id).await {
            Ok(Some(note)) => self.consider(id, &note).await,
            Ok(None) => Ok(None),
            Err(error) => Err(error),
        };
        match considered {
            Ok(Some(due)) => self.look_by(due.since(self.sending.now())),
            Ok(None) => {}
            Err(error) => {
                tracing::warn!(job = %id, error = error.chain(), "a webhook could not be looked at; trying again");
                self.look_by(STIRRED);
            }
        }
    }

    /// Takes it in if it is due. Else says when it will be, if that is known.
    async fn consider(&mut self, id: JobId, note: &Outstanding) -> Result<Option<Timestamp>> {
        if self.lanes.has(id) {
            return Ok(None);
        }
        if let Some(due) = self.sending.due(note) {
            return Ok(Some(due));
        }
        let Some((_, url)) = self.sending.finished(id, note).await? else { return Ok(None) };
        let taken_in = self.lanes.push(url.destination(), id);
        Ok((!taken_in).then(|| self.sending.now()))
    }
}
