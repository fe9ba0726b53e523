//! A job's events, read from the store whenever something was heard: a slow listener keeps nothing in memory.

use std::collections::VecDeque;

use futures::StreamExt;
use futures::stream::{self, BoxStream};

use crate::attempt::{LogEntry, Progress};
use crate::error::Result;
use crate::host::Host;
use crate::hub::Subscription;
use crate::id::JobId;
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

pub(crate) fn events(host: Host, id: JobId) -> BoxStream<'static, Result<Event>> {
    let news = host.inner.hub.subscribe(id);
    let listener =
        Listener { host, id, news, seen: Seen::default(), ready: VecDeque::new(), looked: false, over: false };
    stream::unfold(listener, |mut listener| async move { Some((listener.next().await?, listener)) }).boxed()
}

struct Listener {
    host: Host,
    id: JobId,
    news: Subscription,
    seen: Seen,
    ready: VecDeque<Event>,
    looked: bool,
    over: bool,
}

#[derive(Default)]
struct Seen {
    lines: u64,
    status: Option<(Status, u32)>,
    progress: Option<Progress>,
}

impl Listener {
    async fn next(&mut self) -> Option<Result<Event>> {
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
        let lines = inner.store.read_log(self.id, self.seen.lines, LINES).await?;
        self.seen.lines += lines.len() as u64;
        // As long as there are more lines, the next look is due at once.
        self.looked = lines.len() < LINES;
        let ended = job.status.is_finished();
        self.changed(&job, ended);
        self.ready.extend(lines.into_iter().map(Event::Log));
        if ended && self.looked {
            self.ready.push_back(Event::Status(Box::new(job)));
            self.over = true;
        }
        Ok(())
    }

    fn changed(&mut self, job: &Summary, ended: bool) {
        if !ended && self.seen.status.replace((job.status, job.attempt)) != Some((job.status, job.attempt)) {
            self.ready.push_back(Event::Status(Box::new(job.clone())));
        }
        if job.progress.is_some() && self.seen.progress != job.progress {
            self.seen.progress.clone_from(&job.progress);
            self.ready.extend(job.progress.clone().map(Event::Progress));
        }
    }
}
