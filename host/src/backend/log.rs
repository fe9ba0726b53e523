//! The log of one attempt, held within its limits, whichever way the lines come: the host function, stdout or stderr.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::attempt::{Events, Level};
use crate::sandbox::Limits;

/// The log of one attempt.
#[derive(Debug)]
pub(crate) struct Log {
    pub(crate) events: Arc<dyn Events>,
    left: Mutex<Left>,
    dropped: AtomicU64,
}

#[derive(Clone, Copy, Debug)]
struct Left {
    bytes: usize,
    lines: u64,
}

impl Log {
    pub(crate) fn new(events: Arc<dyn Events>, limits: &Limits) -> Self {
        let bytes = usize::try_from(limits.log_bytes).unwrap_or(usize::MAX);
        let left = Mutex::new(Left { bytes, lines: limits.log_lines });
        Self { events, left, dropped: AtomicU64::new(0) }
    }

    /// Whether there is room for anything. If not, a line need not even be looked at.
    pub(crate) fn full(&self) -> bool {
        let left = self.left();
        left.bytes == 0 || left.lines == 0
    }

    /// Takes a line, or as much of it as there is room for.
    pub(crate) fn line(&self, level: Level, line: &str) {
        let Some(kept) = self.room(line) else { return self.miss() };
        if kept.len() < line.len() {
            self.miss();
        }
        self.events.log(level, kept.to_owned());
    }

    /// Counts a line that was not taken whole.
    pub(crate) fn miss(&self) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
    }

    /// Lines that were not taken, or not whole.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    fn room<'a>(&self, line: &'a str) -> Option<&'a str> {
        let mut left = self.left();
        if left.lines == 0 || (left.bytes == 0 && !line.is_empty()) {
            return None;
        }
        let kept = &line[..line.floor_char_boundary(left.bytes)];
        left.lines -= 1;
        // A line that was cut is the last one, also when the cut left a few bytes at a wide character.
        left.bytes = if kept.len() < line.len() { 0 } else { left.bytes - kept.len() };
        Some(kept)
    }

    fn left(&self) -> std::sync::MutexGuard<'_, Left> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
