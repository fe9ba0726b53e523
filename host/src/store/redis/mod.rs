//! Keeps jobs on a server of Redis, for hosts on many machines. Each transition is one script, so it happens whole or not at all.
//!
//! All keys of a store begin with one prefix. Who is alive is known by leases, in the time that hosts give. What an acknowledged
//! write survives is the server's affair: the store refuses one that would keep less than was asked for. Clusters and sentinels it
//! does not know.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;

use super::{Change, Depth, Durability, Heartbeat, Inserted, Note, Query, Store, Take, Taken};
use crate::attempt::LogEntry;
use crate::error::Result;
use crate::id::{JobId, WorkerId};
use crate::job::{Counts, Job, State, Summary};
use crate::lanes::{Load, Round};
use crate::quota::Held;
use crate::time::Timestamp;

mod advance;
mod answer;
mod blobs;
mod check;
mod fault;
mod feed;
mod get;
mod groups;
mod home;
mod insert;
mod link;
mod log;
mod notes;
mod payloads;
mod row;
mod scan;
mod scripts;
mod take;
mod tenant;
mod turns;
mod url;

use self::answer::{decimal, own, random};
pub use self::check::Persistence;
use self::check::Refusal;
use self::feed::Feed;
use self::home::Home;
use self::link::Link;
use self::payloads::Payloads;
use self::url::Target;

/// How long a server is waited for that is away when the store is opened.
const SOON: Duration = Duration::from_secs(3);
/// How long a heartbeat waits for a server that is away. What it says ages, so the next one is better than a late one.
const BEAT: Duration = Duration::from_secs(2);
/// After so long a worker that is dead is forgotten.
const FORGOTTEN: Duration = Duration::from_secs(24 * 60 * 60);
/// Jobs that one script removes.
const REMOVED: usize = 100;

/// Jobs on a server of Redis. See [`Store`] for what it promises.
#[derive(Debug)]
pub struct RedisStore {
    /// For what is small.
    main: Arc<Link>,
    /// For large payloads and blobs.
    bulk: Arc<Link>,
    /// For heartbeats, so that they wait behind nothing.
    heart: Link,
    feed: Feed,
    payloads: Payloads,
    /// What the hints of this handle are known by.
    handle: Bytes,
    round: Round,
    // Last, so that the connections end after all that uses them.
    _home: Home,
}

impl RedisStore {
    /// Opens the store at this URL: `redis://[user:password@]host[:port][/db]`, `rediss://…` for TLS, or `redis+unix:///path`;
    /// with `?prefix=` for another beginning of all keys than `au`.
    ///
    /// # Errors
    /// `Invalid` for the URL, `Refused` for a server that would lose what it acknowledges or does not let us in, `Fault` when it
    /// cannot be reached.
    pub async fn open(url: &str, durability: Durability) -> Result<Self> {
        let target = Arc::new(Target::parse(url)?);
        let home = Home::new()?;
        let runtime = home.handle().ok_or_else(|| fault::fault("its thread is gone".into()))?;
        let link = || Link::new(Arc::clone(&target), durability, runtime.clone());
        let (main, bulk, handle) = (Arc::new(link()), Arc::new(link()), random());
        main.ask_for(SOON, |_, _| redis::cmd("PING")).await?;
        Ok(Self {
            payloads: Payloads::new(Arc::clone(&bulk)),
            feed: Feed::new(link().slower(feed::BLOCK), runtime.clone(), handle.clone()),
            heart: link(),
            main,
            bulk,
            handle,
            round: Round::default(),
            _home: home,
        })
    }
}

/// How the server at this URL keeps what it acknowledges: for whoever wants to tell people.
///
/// # Errors
/// `Invalid` for the URL, `Refused` or `Fault` when the server does not let us in or cannot be reached.
pub async fn persistence(url: &str) -> Result<Persistence> {
    let target = Target::parse(url)?;
    let asked = async {
        let mut connection = link::connect(&target, SOON).await?;
        check::persistence(&mut connection, &target).await
    };
    asked.await.map_err(|refusal| match refusal {
        Refusal::Unfit(error) => error,
        Refusal::Away(why) => fault::away(&target.shown, &why),
    })
}

#[async_trait]
impl Store for RedisStore {
    async fn insert(&self, job: &Job) -> Result<Inserted> {
        self.add(job).await
    }

    async fn get(&self, id: JobId, now: Timestamp) -> Result<Job> {
        self.read(id, now).await
    }

    async fn peek(&self, id: JobId, now: Timestamp) -> Result<Summary> {
        let record = self.record(id).await?;
        record.unexpired(now)?;
        Ok(record.summary())
    }

    async fn take(&self, take: &Take) -> Result<Taken> {
        self.start_due(take).await
    }

    async fn advance(&self, id: JobId, next: &State) -> Result<()> {
        self.swap(id, next).await
    }

    async fn scan(&self, query: &Query) -> Result<Vec<Summary>> {
        self.list(query).await
    }

    async fn remove(&self, ids: &[JobId]) -> Result<u64> {
        let mut count = 0;
        for ids in ids.chunks(REMOVED) {
            let mut args = vec![self.handle.clone(), random()];
            args.extend(ids.iter().map(|id| own(id.as_bytes())));
            count += answer::number(&self.main.run(&scripts::REMOVE, &args).await?)?;
        }
        Ok(count)
    }

    async fn append_log(&self, id: JobId, entries: &[LogEntry]) -> Result<()> {
        self.append(id, entries).await
    }

    async fn read_log(&self, id: JobId, from: u64, limit: usize) -> Result<Vec<LogEntry>> {
        self.lines_of(id, from, limit).await
    }

    async fn heartbeat(&self, worker: WorkerId, until: Timestamp, now: Timestamp) -> Result<Heartbeat> {
        let old = now.minus(FORGOTTEN).as_micros();
        let args = [own(worker.as_bytes()), decimal(until.as_micros()), decimal(now.as_micros()), decimal(old)];
        let lost = self.heart.run_for(BEAT, &scripts::HEARTBEAT, &args).await?;
        Ok(Heartbeat { lost_jobs: answer::number(&lost)? > 0 })
    }

    async fn leave(&self, worker: WorkerId) -> Result<()> {
        self.heart.run(&scripts::LEAVE, &[self.handle.clone(), own(worker.as_bytes())]).await.map(drop)
    }

    fn changes(&self) -> BoxStream<'static, Change> {
        self.feed.changes()
    }

    async fn put_note(&self, name: &str, note: &[u8]) -> Result<()> {
        self.keep_note(name, note).await
    }

    async fn remove_note(&self, name: &str) -> Result<bool> {
        self.forget_note(name).await
    }

    async fn notes(&self, prefix: &str, limit: usize) -> Result<Vec<Note>> {
        self.notes_from(prefix, limit).await
    }

    async fn put_blob(&self, name: &str, blob: &Bytes) -> Result<()> {
        self.keep_blob(name, blob).await
    }

    async fn blob(&self, name: &str) -> Result<Option<Bytes>> {
        self.read_blob(name).await
    }

    async fn remove_blob(&self, name: &str) -> Result<bool> {
        self.forget_blob(name).await
    }

    async fn depth(&self, now: Timestamp) -> Result<Depth> {
        self.depth_at(now).await
    }

    async fn loads(&self) -> Result<Vec<Load>> {
        self.sum_loads().await
    }

    async fn held(&self, principal: &str) -> Result<Held> {
        self.held_by(principal).await
    }

    async fn counts(&self) -> Result<Counts> {
        self.count_all().await
    }

    async fn ready(&self) -> Result<()> {
        let mut write = redis::cmd("SET");
        write.arg(self.main.target.key("ready", b"")).arg(1).arg("PX").arg(1000);
        self.main.ask_now(&write).await
    }
}
