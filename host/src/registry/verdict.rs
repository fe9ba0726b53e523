//! Why a module was refused, and remembering it, so that the same bytes do not cost a second compile.
//!
//! Only what a compile found out is remembered. The pre-scan is quicker than the digest.

use std::fs;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::folder::{self, Folder};
use crate::backend::wasm::engine::CodeProfile;
use crate::error::{Error, Result};
use crate::failure::clean;
use crate::id::Digest;
use crate::time::Timestamp;

/// Verdicts of other rules are void. Raise the number when wasmtime, its settings or the child's limits change.
const RULES: &str = concat!(env!("CARGO_PKG_VERSION"), "/1");
const KEPT: usize = 1_024;
const WHY_LIMIT: usize = 2_048;
const FILE_LIMIT: u64 = 16 << 10;
const HOUR: Duration = Duration::from_secs(3_600);

/// The rule a module broke, and how.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Refusal {
    pub(super) code: String,
    pub(super) why: String,
}

impl Refusal {
    pub(super) fn new(code: impl Into<String>, why: impl AsRef<str>) -> Self {
        Self { code: clean(&code.into(), 64), why: clean(why.as_ref(), WHY_LIMIT) }
    }

    /// How long it holds: what ran out of time or memory may get further on a quieter machine.
    fn holds(&self) -> Option<Duration> {
        matches!(self.code.as_str(), "compile_timeout" | "compile_oom" | "compile_crashed").then_some(HOUR)
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::Module { code: refusal.code, why: refusal.why }
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct Verdict {
    refusal: Refusal,
    rules: String,
    until: Option<Timestamp>,
}

/// The verdict that still holds on a digest, if there is one. One that cannot be read is as good as none.
pub(super) fn recall(folder: &Folder, digest: Digest, profile: CodeProfile, now: Timestamp) -> Option<Refusal> {
    let bytes = folder::read(&folder.verdict(digest, profile.name()), FILE_LIMIT).ok()??;
    let verdict: Verdict = serde_json::from_slice(&bytes).ok()?;
    let holds = verdict.rules == RULES && verdict.until.is_none_or(|until| now < until);
    holds.then_some(verdict.refusal)
}

/// Remembers a verdict, forgetting the oldest when there are too many.
pub(super) fn remember(
    folder: &Folder,
    digest: Digest,
    profile: CodeProfile,
    refusal: &Refusal,
    now: Timestamp,
) -> Result<()> {
    prune(folder);
    let until = refusal.holds().map(|span| now.plus(span));
    let verdict = Verdict { refusal: refusal.clone(), rules: RULES.into(), until };
    let bytes = serde_json::to_vec(&verdict).map_err(|error| Error::fault("registry", error))?;
    folder.replace(&folder.verdict(digest, profile.name()), &[&bytes])
}

fn prune(folder: &Folder) {
    let Ok(entries) = fs::read_dir(folder.verdicts()) else { return };
    let age =
        |entry: &fs::DirEntry| entry.metadata().and_then(|meta| meta.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
    let mut kept: Vec<_> = entries.flatten().map(|entry| (age(&entry), entry.path())).collect();
    if kept.len() < KEPT {
        return;
    }
    kept.sort();
    for (_, path) in kept.iter().take(kept.len() + 1 - KEPT) {
        // Somebody else may have removed it; a verdict too many does no harm.
        let _ = fs::remove_file(path);
    }
}
