//! The signals by which people and systems ask this program to end.

use std::time::Duration;

use tokio::time::Instant;

use super::trouble::Result;

/// What comes so soon after a signal is the same wish, not a second one: `timeout` and some supervisors signal the process and
/// then its group, and nobody asks twice so fast by hand.
const ONE: Duration = Duration::from_millis(200);

/// What somebody asked by a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// Ctrl-C.
    Interrupt,
    /// SIGTERM.
    Terminate,
}

impl Stop {
    /// The signal, as a reason to cancel a job.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::Interrupt => "interrupted by Ctrl-C",
            Self::Terminate => "stopped by SIGTERM",
        }
    }
}

/// Hears these signals from when it is made until it goes; the program no longer ends by them.
#[derive(Debug)]
pub(crate) struct Stops {
    heard: Heard,
    /// When the latest one came that counted.
    last: Option<Instant>,
}

impl Stops {
    pub(crate) fn listen() -> Result<Self> {
        Ok(Self { heard: Heard::listen()?, last: None })
    }

    /// The next one. None is lost between two calls.
    pub(crate) async fn next(&mut self) -> Stop {
        loop {
            let stop = self.heard.next().await;
            let now = Instant::now();
            if self.last.is_none_or(|last| now.duration_since(last) >= ONE) {
                self.last = Some(now);
                return stop;
            }
        }
    }
}

/// All of them, however close together.
#[derive(Debug)]
struct Heard {
    #[cfg(unix)]
    interrupts: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminations: tokio::signal::unix::Signal,
}

impl Heard {
    #[cfg(unix)]
    fn listen() -> Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let hear = |kind| signal(kind).map_err(|error| au_host::Error::fault("signals", error));
        Ok(Self { interrupts: hear(SignalKind::interrupt())?, terminations: hear(SignalKind::terminate())? })
    }

    #[cfg(unix)]
    async fn next(&mut self) -> Stop {
        tokio::select! {
            _ = self.interrupts.recv() => Stop::Interrupt,
            _ = self.terminations.recv() => Stop::Terminate,
        }
    }

    #[cfg(not(unix))]
    fn listen() -> Result<Self> {
        Ok(Self {})
    }

    #[cfg(not(unix))]
    async fn next(&mut self) -> Stop {
        if tokio::signal::ctrl_c().await.is_err() {
            // No handler, then the signal ends this program by itself.
            std::future::pending::<()>().await;
        }
        Stop::Interrupt
    }
}
