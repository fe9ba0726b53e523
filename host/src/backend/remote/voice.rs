//! What an attempt that runs here for another host says, until that host has taken it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::{Bytes, BytesMut};
use tokio::sync::Notify;

use super::frame::{self, ToHost};
use crate::attempt::{Events, Level, Progress};
use crate::error::Result;

/// Bytes that wait to be taken. What a guest says beyond that is dropped, and counted.
const WAITING: usize = 4 << 20;

/// What an attempt says, as frames that wait to be taken.
#[derive(Debug, Default)]
pub(crate) struct Voice {
    said: Mutex<Said>,
    more: Notify,
}

#[derive(Debug, Default)]
struct Said {
    waiting: BytesMut,
    dropped: u64,
}

impl Voice {
    /// All that waits, as soon as there is something.
    pub(crate) async fn taken(&self) -> Bytes {
        loop {
            let taken = self.taken_now();
            if !taken.is_empty() {
                return taken;
            }
            self.more.notified().await;
        }
    }

    /// All that waits.
    pub(crate) fn taken_now(&self) -> Bytes {
        std::mem::take(&mut self.said().waiting).freeze()
    }

    /// How many lines were dropped.
    pub(crate) fn dropped(&self) -> u64 {
        self.said().dropped
    }

    fn say(&self, frames: Result<BytesMut>) {
        let mut said = self.said();
        match frames {
            Ok(frames) if said.waiting.len() + frames.len() <= WAITING => said.waiting.extend_from_slice(&frames),
            _ => said.dropped += 1,
        }
        drop(said);
        self.more.notify_one();
    }

    fn said(&self) -> MutexGuard<'_, Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Events for Voice {
    fn log(&self, level: Level, message: String) {
        self.say(frame::line(level, &message));
    }

    fn progress(&self, progress: Progress) {
        self.say(frame::message(&ToHost::Progress(progress)));
    }
}
