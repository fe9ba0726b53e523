//! Who works on a store: each host that takes what is due keeps a note of itself there, and looks for one that asks it to stop, and
//! for policies that others have changed.
//!
//! The notes are for people. Who is alive, and whose jobs are lost, only the store says.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::sync::Weak;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::host::{Host, Inner};
use crate::id::WorkerId;
use crate::store;
use crate::time::Timestamp;

/// Before it says for the first time that it is there.
const FIRST: Duration = Duration::from_millis(500);
/// Between two looks at whether there is something new to say, or to do.
const LOOK: Duration = Duration::from_secs(2);
/// It says that it is there at least so often.
const AGAIN: Duration = Duration::from_secs(8);
/// One that has said nothing for so long is taken to be away.
const SILENT: Duration = Duration::from_secs(20);
/// After so long its note goes.
const GONE: Duration = Duration::from_secs(24 * 60 * 60);
/// Most hosts that are listed.
const MOST: usize = 10_000;

const NOTE: &str = "worker/";
const DRAIN: &str = "drain/";

/// A host that takes what is due in a store, as it told of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerInfo {
    /// The name it runs jobs under.
    pub id: WorkerId,
    /// The machine it is on.
    pub machine: String,
    /// Its process there.
    pub process: u32,
    /// Of au-host.
    pub version: String,
    /// Since when it is there.
    pub started: Timestamp,
    /// When it said this.
    pub seen: Timestamp,
    /// How many jobs it runs at once.
    pub slots: u64,
    /// How many it ran then.
    pub running: u64,
    /// Its operator's own notes.
    pub labels: BTreeMap<String, String>,
    /// Whether it takes nothing new, and ends once nothing runs.
    pub draining: bool,
}

impl WorkerInfo {
    /// Whether it has said nothing for 20 seconds: it is dead, paused, or cannot reach the store.
    #[must_use]
    pub fn is_silent(&self, now: Timestamp) -> bool {
        now.since(self.seen) > SILENT
    }
}

impl Host {
    /// The hosts that take what is due in the store, those that were there first before the others.
    ///
    /// # Errors
    /// What the store says.
    pub async fn workers(&self) -> Result<Vec<WorkerInfo>> {
        let mut workers = Vec::new();
        for note in self.inner.store.notes(NOTE, MOST).await? {
            match serde_json::from_slice::<WorkerInfo>(&note.bytes) {
                Ok(worker) => workers.push(worker),
                Err(error) => tracing::warn!(worker = note.name, %error, "a host is left out of the list"),
            }
        }
        workers.sort_by_key(|worker| (worker.started, worker.id));
        Ok(workers)
    }

    /// Asks a host to take nothing new. One that only works ends once nothing runs there; some seconds pass until it hears.
    ///
    /// # Errors
    /// `NotFound` for one that is not in the list. Else what the store says.
    pub async fn drain(&self, worker: WorkerId) -> Result<()> {
        let store = &*self.inner.store;
        if store::note(store, &format!("{NOTE}{worker}")).await?.is_none() {
            return Err(Error::not_found("worker", worker));
        }
        store.put_note(&format!("{DRAIN}{worker}"), b"").await
    }

    /// Waits until this host was asked to drain and nothing runs here any more.
    pub async fn drained(&self) {
        self.inner.draining.cancelled().await;
        self.inner.running.drained().await;
    }
}

impl Inner {
    fn about(&self) -> WorkerInfo {
        WorkerInfo {
            id: self.worker,
            machine: machine(),
            process: std::process::id(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started: self.began,
            seen: self.now(),
            slots: self.settings.slots as u64,
            running: self.running.count() as u64,
            labels: self.settings.labels.clone(),
            draining: self.draining.is_cancelled(),
        }
    }

    async fn say(&self, about: &WorkerInfo) -> Result<()> {
        let note = serde_json::to_vec(about).map_err(|error| Error::fault("worker", error))?;
        self.store.put_note(&format!("{NOTE}{}", self.worker), &note).await
    }

    async fn look_for_drain(&self) -> Result<()> {
        if !self.draining.is_cancelled()
            && store::note(&*self.store, &format!("{DRAIN}{}", self.worker)).await?.is_some()
        {
            tracing::info!("asked to drain: nothing new is taken");
            self.draining.cancel();
        }
        Ok(())
    }

    /// Looks again for what may start, when others have changed how much may.
    async fn look_for_policies(&self) -> Result<()> {
        if self.policies.look().await?.0 {
            self.stir();
        }
        Ok(())
    }

    /// Takes itself off the list.
    pub(crate) async fn strike(&self) -> Result<()> {
        if !self.listed.load(Ordering::Acquire) {
            return Ok(());
        }
        self.store.remove_note(&format!("{NOTE}{}", self.worker)).await?;
        self.store.remove_note(&format!("{DRAIN}{}", self.worker)).await.map(drop)
    }

    /// Strikes those off that nobody has heard of for long.
    pub(crate) async fn strike_gone(&self) -> Result<()> {
        let now = self.now();
        for note in self.store.notes(NOTE, MOST).await? {
            let gone = serde_json::from_slice::<WorkerInfo>(&note.bytes).is_ok_and(|it| now.since(it.seen) > GONE);
            if gone {
                self.store.remove_note(&note.name).await?;
                self.store.remove_note(&note.name.replacen(NOTE, DRAIN, 1)).await?;
            }
        }
        Ok(())
    }
}

/// The name of this machine; nothing where it is not told.
fn machine() -> String {
    let mut name = String::new();
    let read = File::open("/proc/sys/kernel/hostname").and_then(|file| file.take(256).read_to_string(&mut name));
    read.map(|_| name.trim().to_owned()).unwrap_or_default()
}

/// Keeps the note of a host true, as long as it is there.
pub(crate) async fn keep(host: Weak<Inner>) {
    let mut last: Option<(WorkerInfo, Instant)> = None;
    // One that is soon over costs nobody a write.
    let mut rest = FIRST;
    loop {
        let Some(closing) = host.upgrade().map(|inner| inner.closing.clone()) else { return };
        if closing.run_until_cancelled(tokio::time::sleep(rest)).await.is_none() {
            return;
        }
        rest = LOOK;
        let Some(inner) = host.upgrade() else { return };
        let about = inner.about();
        let news = last
            .as_ref()
            .is_none_or(|(said, at)| at.elapsed() > AGAIN || WorkerInfo { seen: about.seen, ..said.clone() } != about);
        let done = async {
            inner.look_for_drain().await?;
            inner.look_for_policies().await?;
            if news { inner.say(&about).await } else { Ok(()) }
        };
        match done.await {
            Ok(()) if news => {
                inner.listed.store(true, Ordering::Release);
                last = Some((about, Instant::now()));
            }
            Ok(()) => {}
            Err(error) => {
                tracing::debug!(error = error.chain(), "what this host is doing could not be told; trying again")
            }
        }
    }
}
