//! Hears of changes by others, and tells others of ours: one notification for each batch, with the ids of its jobs.
//!
//! A notification is sent by a transaction of its own right behind that of the batch: it takes a lock that all who notify in the
//! whole server wait for until their commit, so it must not be held while that waits for the disk. When it is lost, or a
//! connection, nobody is deaf for long: every second it is looked whether anything was committed at all.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::StreamExt;
use futures::stream::{self, BoxStream};
use tokio::sync::{broadcast, mpsc};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_postgres::Notification;
use tokio_stream::wrappers::BroadcastStream;
use uuid::Uuid;

use super::door::{Door, NOTIFICATIONS, PATIENCE};
use super::fault::Trouble;
use super::row::job_uuid;
use super::session::{Session, Step};
use crate::error::Result;
use crate::id::JobId;
use crate::store::Change;

/// Hints that wait for a slow listener; whoever missed some is told so.
const WAITING: usize = 256;
/// Rest between two looks for what no notification came of.
const LOOK: Duration = Duration::from_secs(1);
/// Rest before a lost connection is made again.
const REST: Duration = Duration::from_millis(100);
/// Most ids that a notification has room for: PostgreSQL takes 8,000 bytes.
const IDS: usize = 200;
/// In place of ids: any job.
const ANY: &str = "*";

/// Tells others that jobs changed.
#[derive(Clone, Debug)]
pub(super) struct Notice {
    channel: String,
    /// What this handle's own notifications are known by.
    from: String,
}

impl Notice {
    pub(super) fn new(door: &Door) -> Self {
        Self { channel: door.address.channel(), from: Uuid::now_v7().simple().to_string() }
    }

    /// What tells that these changed, or that any may have when there are too many. Nothing in it is from outside: it needs no
    /// quoting.
    pub(super) fn step(&self, jobs: &[JobId]) -> Step {
        let ids = match jobs.len() {
            0 => ANY.to_owned(),
            1..=IDS => jobs.iter().map(|id| job_uuid(*id).simple().to_string()).collect::<Vec<_>>().join(","),
            _ => ANY.to_owned(),
        };
        // What it would be written to the disk for is over by then.
        let text = format!(
            "BEGIN; SET LOCAL synchronous_commit TO off; SELECT pg_notify('{}', '{}:{ids}'); COMMIT",
            self.channel, self.from
        );
        Step::Text(text.into())
    }

    /// The channel, and what tells on it that any job may have changed.
    pub(super) fn of_any(&self) -> (&str, String) {
        (&self.channel, format!("{}:{ANY}", self.from))
    }

    /// The changes that a notification tells of; those of this handle are known.
    fn read(&self, notification: &Notification) -> Vec<Change> {
        let Some((from, ids)) = notification.payload().split_once(':') else { return vec![Change::Unknown] };
        if from == self.from {
            return Vec::new();
        }
        let job = |id: &str| {
            Uuid::try_parse(id).map_or(Change::Unknown, |id| Change::Job(JobId::from_bytes(id.into_bytes())))
        };
        ids.split(',').map(job).collect()
    }
}

/// Listens from when somebody first asks.
#[derive(Debug)]
pub(super) struct Watch {
    door: Arc<Door>,
    notice: Notice,
    hints: broadcast::Sender<Change>,
    listener: Mutex<Option<JoinHandle<()>>>,
}

impl Watch {
    pub(super) fn new(door: &Arc<Door>, notice: &Notice) -> Self {
        let hints = broadcast::Sender::new(WAITING);
        Self { door: Arc::clone(door), notice: notice.clone(), hints, listener: Mutex::default() }
    }

    /// Hints from now on, the first of which is to look at everything.
    pub(super) fn changes(&self) -> BoxStream<'static, Change> {
        let hints = self.hints.subscribe();
        let mut listener = self.listener.lock().unwrap_or_else(PoisonError::into_inner);
        if listener.is_none() {
            let ear = Ear { door: Arc::clone(&self.door), notice: self.notice.clone(), hints: self.hints.clone() };
            *listener = Some(self.door.spawn(ear.listen()));
        }
        // A listener that fell behind missed hints, which is a hint.
        let heard = BroadcastStream::new(hints).map(|hint| hint.unwrap_or(Change::Unknown));
        stream::iter([Change::Unknown]).chain(heard).chain(stream::pending()).boxed()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let listener = self.listener.lock().unwrap_or_else(PoisonError::into_inner).take();
        listener.into_iter().for_each(|listener| listener.abort());
    }
}

struct Ear {
    door: Arc<Door>,
    notice: Notice,
    hints: broadcast::Sender<Change>,
}

impl Ear {
    async fn listen(self) {
        loop {
            if let Err(why) = self.hear().await {
                tracing::debug!(why, "changes by others are not heard; connecting again");
            }
            tokio::time::sleep(REST).await;
        }
    }

    /// On one connection, until it is lost; says why it was.
    async fn hear(&self) -> std::result::Result<(), String> {
        let (hears, mut heard) = mpsc::channel(NOTIFICATIONS);
        let opened: Result<Session> = self.door.open_hearing(Instant::now() + PATIENCE, hears).await;
        let session = opened.map_err(|error| error.chain())?;
        session.text(&format!("LISTEN \"{}\"", self.notice.channel)).await.map_err(why)?;
        // Whatever happened before this was not heard.
        self.tell(Change::Unknown);
        let mut seen = commits(&session).await.map_err(why)?;
        let mut looks = tokio::time::interval(LOOK);
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                notification = heard.recv() => {
                    let notification = notification.ok_or("the connection was lost")?;
                    self.notice.read(&notification).into_iter().for_each(|change| self.tell(change));
                }
                _ = looks.tick() => {
                    let now = commits(&session).await.map_err(why)?;
                    if now != seen {
                        seen = now;
                        self.tell(Change::Unknown);
                    }
                }
            }
        }
    }

    fn tell(&self, change: Change) {
        // Nobody listens any more: no harm.
        drop(self.hints.send(change));
    }
}

/// Something that differs once anything was committed in this server.
async fn commits(session: &Session) -> std::result::Result<Option<String>, Trouble> {
    let rows = session.query("SELECT pg_current_snapshot()::text".into(), &[]).await?;
    Ok(rows.first().and_then(|row| row.try_get(0).ok()))
}

fn why(trouble: Trouble) -> String {
    match trouble {
        Trouble::Lost(why) | Trouble::Again(why) => why,
        Trouble::Refused(error) => error.chain(),
    }
}
