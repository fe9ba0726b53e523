//! A job's events, read from the store whenever something was heard: a slow listener keeps nothing in memory.

use std::collections::VecDeque;
use std::fmt;
use std::str::FromStr;

use futures::StreamExt;
use futures::stream::{self, BoxStream};

use crate::attempt::{LogEntry, Progress};
use crate::error::{Error, Result};
use crate::host::Host;
use crate::hub::Subscription;
use crate::id::{JobId, shorten};
use crate::job::{Status, Summary};

/// Lines that are read in one go.
const LINES: usize = 256;

/// Something that happened to a job.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// It changed its status, or another attempt began. The last one says how it ended.
    Status(Box<Summary>),
    /// It came further.
    Progress(Progress),
    /// It wrote a line.
    Log(LogEntry),
}

/// How far a listener has come: what it need not hear again. Written `LINES.VERSION`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// Lines of the log.
    pub lines: u64,
    /// The version of the last state it was told.
    pub version: u64,
}

impl fmt::Display for Heard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.lines, self.version)
    }
}

impl FromStr for Heard {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let parts =
            text.split_once('.').and_then(|(lines, version)| Some((lines.parse().ok()?, version.parse().ok()?)));
        let (lines, version) =
            parts.ok_or_else(|| Error::invalid("event id", format!("{:?} is not LINES.VERSION", shorten(text))))?;
        Ok(Self { lines, version })
    }
}

pub(crate) fn events(host: Host, id: JobId, heard: Heard) -> BoxStream<'static, Result<(Heard, Event)>> {
    let news = host.inner.hub.subscribe(id);
    let listener =
        Listener { host, id, news, heard, seen: Seen::default(), ready: VecDeque::new(), looked: false, over: false };
    stream::unfold(listener, |mut listener| async move { Some((listener.next().await?, listener)) }).boxed()
}

struct Listener {
    host: Host,
    id: JobId,
    news: Subscription,
    heard: Heard,
    seen: Seen,
    ready: VecDeque<(Heard, Event)>,
    looked: bool,
    over: bool,
}

#[derive(Default)]
struct Seen {
    status: Option<(Status, u32)>,
    progress: Option<Progress>,
}

impl Listener {
    async fn next(&mut self) -> Option<Result<(Heard, Event)>> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(Ok(event));
            }
            if self.over {
                return None;
            }
            if self.looked {
                self.news.next().await;
            }
            if let Err(error) = self.look().await {
                self.over = true;
                return Some(Err(error));
            }
        }
    }

    async fn look(&mut self) -> Result<()> {
        let inner = &self.host.inner;
        // The state first: when it is the last, so are the lines read after it.
        let job = match inner.running.holds(self.id) {
            true => inner.store.peek(self.id, inner.now()).await?,
            false => inner.look(self.id).await?,
        };
        let lines = inner.store.read_log(self.id, self.heard.lines, LINES).await?;
        // As long as there are more lines, the next look is due at once.
        self.looked = lines.len() < LINES;
        let ended = job.status.is_finished();
        self.changed(&job, ended);
        for line in lines {
            self.heard.lines += 1;
            self.ready.push_back((self.heard, Event::Log(line)));
        }
        if ended && self.looked {
            self.heard.version = job.version;
            self.ready.push_back((self.heard, Event::Status(Box::new(job))));
            self.over = true;
        }
        Ok(())
    }

    fn changed(&mut self, job: &Summary, ended: bool) {
        let status = (job.status, job.attempt);
        if self.heard.version == job.version && self.seen.status.is_none() {
            // It was told all of this state before it came back.
            self.seen = Seen { status: Some(status), progress: job.progress.clone() };
        }
        if !ended {
            self.heard.version = job.version;
            if self.seen.status.replace(status) != Some(status) {
                self.ready.push_back((self.heard, Event::Status(Box::new(job.clone()))));
            }
        }
        if job.progress.is_some() && self.seen.progress != job.progress {
            self.seen.progress.clone_from(&job.progress);
            self.ready.extend(job.progress.clone().map(|progress| (self.heard, Event::Progress(progress))));
        }
    }
}
