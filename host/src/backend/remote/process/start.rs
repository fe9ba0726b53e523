//! A child from the host's end: starts it, hears that it is ready, and has its last words when it dies.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net;
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::process::{Child, ChildStderr, Command};
use tokio::time::timeout;

use super::ARGUMENT;
use super::death::death;
use crate::backend::remote::frame::{Frames, ToHost, VERSION};
use crate::error::{Error, Result};

/// What a child has to get ready.
const START: Duration = Duration::from_secs(20);
/// What a child has to be gone whose end of the line is.
const DYING: Duration = Duration::from_millis(500);
const TALK_LIMIT: usize = 4 << 10;

/// What all children are started with.
#[derive(Debug)]
pub(super) struct Order<'a> {
    pub(super) program: &'a Path,
    pub(super) modules: &'a Path,
    pub(super) hardened: bool,
}

/// A child that is ready, or busy. Killed when it is dropped.
#[derive(Debug)]
pub(super) struct Worker {
    child: Child,
    stream: UnixStream,
    frames: Frames,
    talk: Arc<Mutex<String>>,
    _counted: Counted,
}

/// One of those that live.
#[derive(Debug)]
pub(super) struct Counted(Arc<AtomicUsize>);

impl Counted {
    pub(super) fn new(live: &Arc<AtomicUsize>) -> Self {
        live.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(live))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Worker {
    /// A child that is ready.
    pub(super) async fn start(order: &Order<'_>, counted: Counted) -> Result<Self> {
        let fault = |why: String| Error::fault("worker process", format!("{}: {why}", order.program.display()));
        let mut worker = Self::spawn(order, counted).map_err(|error| fault(error.to_string()))?;
        let why = match timeout(START, worker.hear()).await {
            Ok(Ok(ToHost::Ready(VERSION))) => return Ok(worker),
            Ok(Ok(ToHost::Ready(_))) => "it is of another build than this program; build or install both anew".into(),
            Ok(Ok(_)) => "it said something before it was ready".into(),
            Ok(Err(_)) => worker.died().await.map_or_else(|| "it did not get ready".into(), |how| format!("it {how}")),
            Err(_) => format!("it was not ready within {}", humantime::format_duration(START)),
        };
        worker.kill().await;
        Err(fault(why))
    }

    fn spawn(order: &Order<'_>, counted: Counted) -> io::Result<Self> {
        let (ours, its) = net::UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        let stream = UnixStream::from_std(ours)?;
        let mut child = Command::new(order.program)
            .arg(ARGUMENT)
            .arg(order.modules)
            .arg(if order.hardened { "hardened" } else { "plain" })
            .env_clear()
            .current_dir("/")
            .stdin(OwnedFd::from(its))
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            // Ctrl-C is for the host, which may let what runs end.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        #[cfg(target_os = "linux")]
        if let Some(id) = child.id() {
            // When memory runs out, children go before the host does. Without it they go in the order the kernel likes.
            drop(std::fs::write(format!("/proc/{id}/oom_score_adj"), "500"));
        }
        let talk = Arc::default();
        if let Some(stderr) = child.stderr.take() {
            // It ends with the child.
            drop(tokio::spawn(listen(stderr, Arc::clone(&talk))));
        }
        Ok(Self { child, stream, frames: Frames::new(), talk, _counted: counted })
    }

    /// Whether it still lives, as far as the kernel knows.
    pub(super) fn lives(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    pub(super) async fn tell(&mut self, frames: &BytesMut) -> io::Result<()> {
        self.stream.write_all(frames).await
    }

    /// The next message. May be dropped and asked again.
    pub(super) async fn hear(&mut self) -> Result<ToHost> {
        loop {
            if let Some(told) = self.frames.next()? {
                return Ok(told);
            }
            let read = self.stream.read_buf(&mut self.frames.bytes).await;
            if read.map_err(|error| Error::fault("worker process", error))? == 0 {
                return Err(Error::fault("worker process", "it closed the line"));
            }
        }
    }

    /// How it died, if it has, or is about to.
    pub(super) async fn died(&mut self) -> Option<String> {
        let status = timeout(DYING, self.child.wait()).await.ok()?.ok()?;
        let talk = self.talk.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Some(death(status, &talk))
    }

    /// Ends it, and waits until it has.
    pub(super) async fn kill(mut self) {
        if let Err(error) = self.child.kill().await {
            tracing::warn!(%error, "a worker process could not be killed");
        }
    }
}

/// Keeps what a child said last.
async fn listen(mut stderr: ChildStderr, talk: Arc<Mutex<String>>) {
    let mut buffer = [0; 1024];
    while let Ok(read @ 1..) = stderr.read(&mut buffer).await {
        let mut talk = talk.lock().unwrap_or_else(PoisonError::into_inner);
        talk.push_str(&String::from_utf8_lossy(&buffer[..read]));
        let over = talk.ceil_char_boundary(talk.len().saturating_sub(TALK_LIMIT));
        talk.drain(..over);
    }
}
