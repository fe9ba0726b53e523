//! Hears of changes by others: all write them to one stream of bounded length, which is read on a connection of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use redis::Value;
use tokio::runtime::Handle;
use tokio::sync::broadcast;
use tokio_stream::wrappers::BroadcastStream;

use super::answer;
use super::fault;
use super::link::Link;
use crate::error::Result;
use crate::store::Change;

/// Hints that wait for a slow listener, who is told after that that it missed some.
const WAITING: usize = 1024;
/// How long the server waits for news before it says that there are none.
pub(super) const BLOCK: Duration = Duration::from_secs(5);
/// News of one answer.
const BATCH: usize = 512;
/// Rest after the server was away for longer than the patience of one question.
const REST: Duration = Duration::from_secs(1);

/// Listens from when somebody first does.
#[derive(Debug)]
pub(super) struct Feed {
    link: Arc<Link>,
    home: Handle,
    handle: Bytes,
    hints: broadcast::Sender<Change>,
    started: AtomicBool,
}

impl Feed {
    pub(super) fn new(link: Link, home: Handle, handle: Bytes) -> Self {
        let hints = broadcast::Sender::new(WAITING);
        Self { link: Arc::new(link), home, handle, hints, started: AtomicBool::new(false) }
    }

    /// Hints from now on, `Unknown` first: once it is certain that none is missed after it.
    pub(super) fn changes(&self) -> BoxStream<'static, Change> {
        let hints = BroadcastStream::new(self.hints.subscribe());
        let is_first = !self.started.swap(true, Ordering::AcqRel);
        if is_first {
            let reader = Reader {
                link: Arc::clone(&self.link),
                handle: self.handle.clone(),
                hints: self.hints.clone(),
                at: None,
            };
            self.home.spawn(reader.read());
        }
        let first = stream::iter((!is_first).then_some(Change::Unknown));
        // A listener that fell behind missed hints, which is a hint.
        first.chain(hints.map(|hint| hint.unwrap_or(Change::Unknown))).chain(stream::pending()).boxed()
    }
}

struct Reader {
    link: Arc<Link>,
    handle: Bytes,
    hints: broadcast::Sender<Change>,
    /// The last news that was read.
    at: Option<Id>,
}

/// The name of an entry of a stream: they grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Id(u64, u64);

impl Reader {
    /// Reads as long as the store is there.
    async fn read(mut self) {
        let mut number = 0;
        loop {
            // Another connection: the server may have been away, and may have forgotten what it knew.
            let read = match self.at {
                Some(at) if self.link.number() == number => self.news(at).await,
                _ => {
                    let found = self.find_place().await;
                    number = self.link.number();
                    found
                }
            };
            if let Err(error) = read {
                tracing::warn!(error = error.chain(), "changes by other hosts will be noticed late");
                self.at = None;
                tokio::time::sleep(REST).await;
            }
        }
    }

    /// Finds out whether the stream goes on from where it was left, and else begins at its end and says so.
    async fn find_place(&mut self) -> Result<()> {
        let stream = self.stream().await?;
        match self.at {
            Some(at) if at >= stream.deleted && at <= stream.last => {}
            _ => {
                self.at = Some(stream.last);
                self.tell(Change::Unknown);
            }
        }
        Ok(())
    }

    async fn news(&mut self, at: Id) -> Result<()> {
        let mut command = redis::cmd("XREAD");
        command.arg("COUNT").arg(BATCH).arg("BLOCK").arg(BLOCK.as_millis().to_string());
        command.arg("STREAMS").arg(self.key()).arg(format!("{}-{}", at.0, at.1));
        let answer = self.link.ask(&command).await?;
        let entries = match answer {
            Value::Nil => Vec::new(),
            answer => entries(answer)?,
        };
        let count = entries.len();
        for (id, change) in entries {
            self.at = Some(id);
            if !change.starts_with(&self.handle) {
                let job = change.get(self.handle.len()..).and_then(|id| answer::id(id).ok());
                self.tell(job.map_or(Change::Unknown, Change::Job));
            }
        }
        // No news for long, or more than can be told from a stream that is cut behind us.
        if count == 0 || count == BATCH { self.find_place().await } else { Ok(()) }
    }

    /// Nobody may listen any more: no harm.
    fn tell(&self, change: Change) {
        drop(self.hints.send(change));
    }

    fn key(&self) -> Vec<u8> {
        self.link.target.key("ch", b"")
    }

    async fn stream(&self) -> Result<Ends> {
        let exists = self.link.ask(redis::cmd("EXISTS").arg(self.key())).await?;
        if answer::number(&exists)? == 0 {
            return Ok(Ends { last: Id(0, 0), deleted: Id(0, 0) });
        }
        let info = answer::array(self.link.ask(redis::cmd("XINFO").arg("STREAM").arg(self.key())).await?)?;
        let field = |name: &[u8]| {
            let pair = info.chunks_exact(2).find(|pair| matches!(&pair[0], Value::BulkString(found) if found == name));
            pair.map(|pair| pair[1].clone()).ok_or_else(fault::strange)
        };
        let last = id(&answer::bytes(field(b"last-generated-id")?)?)?;
        // What was cut off is before the first that is left, whether `XADD MAXLEN` notes what it deletes or not.
        let first = match field(b"first-entry")? {
            Value::Array(first) => id(&answer::bytes(first.into_iter().next().unwrap_or_default())?)?,
            _ => last,
        };
        let added = answer::number(&field(b"entries-added")?)?;
        let left = answer::number(&field(b"length")?)?;
        Ok(Ends { last, deleted: if added > left { first } else { Id(0, 0) } })
    }
}

/// What a stream still has: all after `deleted`, up to `last`.
struct Ends {
    last: Id,
    deleted: Id,
}

fn id(text: &[u8]) -> Result<Id> {
    let text = std::str::from_utf8(text).map_err(|_| fault::strange())?;
    let (time, number) = text.split_once('-').ok_or_else(fault::strange)?;
    let read = |text: &str| text.parse().map_err(|_| fault::strange());
    Ok(Id(read(time)?, read(number)?))
}

/// The entries of the one stream that was asked for.
fn entries(answer: Value) -> Result<Vec<(Id, Bytes)>> {
    let streams = answer::array(answer)?;
    let [_, found] = answer::parts(streams.into_iter().next().ok_or_else(fault::strange)?)?;
    let mut entries = Vec::new();
    for entry in answer::array(found)? {
        let [name, fields] = answer::parts(entry)?;
        let [_, change] = answer::parts(fields)?;
        entries.push((id(&answer::bytes(name)?)?, answer::bytes(change)?));
    }
    Ok(entries)
}
