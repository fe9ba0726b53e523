//! The signals by which people and systems ask this program to end.

use super::trouble::Result;

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
    #[cfg(unix)]
    interrupts: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminations: tokio::signal::unix::Signal,
}

impl Stops {
    #[cfg(unix)]
    pub(crate) fn listen() -> Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let hear = |kind| signal(kind).map_err(|error| au_host::Error::fault("signals", error));
        Ok(Self { interrupts: hear(SignalKind::interrupt())?, terminations: hear(SignalKind::terminate())? })
    }

    /// The next one. None is lost between two calls.
    #[cfg(unix)]
    pub(crate) async fn next(&mut self) -> Stop {
        tokio::select! {
            _ = self.interrupts.recv() => Stop::Interrupt,
            _ = self.terminations.recv() => Stop::Terminate,
        }
    }

    #[cfg(not(unix))]
    pub(crate) fn listen() -> Result<Self> {
        Ok(Self {})
    }

    #[cfg(not(unix))]
    pub(crate) async fn next(&mut self) -> Stop {
        if tokio::signal::ctrl_c().await.is_err() {
            // No handler, then the signal ends this program by itself.
            std::future::pending::<()>().await;
        }
        Stop::Interrupt
    }
}
