//! Copies all that a host keeps to another place: jobs with their logs, modules with their names, tokens and other notes.
//!
//! What is there already is left as it is, so a copy that was broken off is begun again and goes on.

use std::collections::BTreeSet;

use crate::error::{Error, Result};
use crate::id::JobId;
use crate::job::{Status, Summary};
use crate::local::Local;
use crate::registry::Listed;
use crate::shared;
use crate::store::{Filter, Inserted, Query, Store};
use crate::time::Timestamp;

/// Jobs that are read at a time, and lines of a log.
const PAGE: usize = 256;
/// Notes that are read at a time: all there are, for they are small and few.
const NOTES: usize = 1_000_000;

/// Which jobs are copied that have not finished.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unfinished {
    /// Those that wait. When there are any that run, nothing is copied: their host is still at work.
    #[default]
    Waiting,
    /// All of them. What runs is, in the copy, the job of a worker that was lost, and will be run there.
    All,
    /// None.
    Skip,
}

/// What was copied, and what was there already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Copied {
    /// Jobs that are new there.
    pub jobs: u64,
    /// Those of them that have not finished: they are in both places now, and a host on each would run them twice.
    pub unfinished: u64,
    /// Jobs that were there already, or whose idempotency key names another job there.
    pub jobs_there: u64,
    /// Lines of logs.
    pub lines: u64,
    /// Modules that are new there.
    pub modules: u64,
    /// Names of modules that are new there.
    pub names: u64,
    /// Other notes: tokens, signing secrets, what tenants have used.
    pub notes: u64,
}

impl Local {
    /// Copies everything to `to`. Jobs that have expired are left out. Nothing is removed here.
    ///
    /// # Errors
    /// `Refused` when jobs run and `unfinished` is [`Unfinished::Waiting`]: nothing was copied. Else what either of them says;
    /// what was copied by then stays, and the next try goes on from there.
    pub async fn copy_to(&self, to: &Self, unfinished: Unfinished, now: Timestamp) -> Result<Copied> {
        let (from_jobs, to_jobs) = (&**self.host().store(), &**to.host().store());
        if unfinished == Unfinished::Waiting {
            refuse_running(from_jobs, now).await?;
        }
        let mut copied = Copied::default();
        // Modules first: a job without its code would fail.
        let there = to.list_modules().await?;
        let names: BTreeSet<_> = there.iter().flat_map(|listed| &listed.aliases).collect();
        for Listed { info, aliases } in self.list_modules().await? {
            if !there.iter().any(|there| there.info.digest == info.digest) {
                to.put_module(&info, self.module_bytes(info.digest).await?).await?;
                copied.modules += 1;
            }
            for name in aliases.iter().filter(|name| !names.contains(name)) {
                to.alias(name, info.digest).await?;
                copied.names += 1;
            }
        }
        copy_notes(from_jobs, to_jobs, &mut copied).await?;
        copy_jobs(from_jobs, to_jobs, unfinished, now, &mut copied).await?;
        Ok(copied)
    }
}

async fn refuse_running(from: &dyn Store, now: Timestamp) -> Result<()> {
    let filter = Filter { status: vec![Status::Running], ..Filter::default() };
    match from.scan(&Query::List { filter, before: None, limit: 1, now }).await?.first() {
        None => Ok(()),
        Some(job) => Err(Error::refused(format!(
            "job {} is running: stop the hosts that work there, which gives their jobs back, or leave out what has not finished",
            job.id
        ))),
    }
}

async fn copy_notes(from: &dyn Store, to: &dyn Store, copied: &mut Copied) -> Result<()> {
    let there: BTreeSet<_> = to.notes("", NOTES).await?.into_iter().map(|note| note.name).collect();
    for note in from.notes("", NOTES).await? {
        // Modules and their names have gone their own way.
        if !shared::is_of_module(&note.name) && !there.contains(&note.name) {
            to.put_note(&note.name, &note.bytes).await?;
            copied.notes += 1;
        }
    }
    Ok(())
}

/// Oldest last: a list goes on below what it gave, whatever comes meanwhile.
async fn copy_jobs(
    from: &dyn Store,
    to: &dyn Store,
    unfinished: Unfinished,
    now: Timestamp,
    copied: &mut Copied,
) -> Result<()> {
    let mut before = None;
    loop {
        let query = Query::List { filter: Filter::default(), before, limit: PAGE, now };
        let page = from.scan(&query).await?;
        let Some(last) = page.last() else { return Ok(()) };
        before = Some(last.id);
        for Summary { id, status, .. } in page {
            if status.is_finished() || unfinished != Unfinished::Skip {
                copy_job(from, to, id, now, copied).await?;
            }
        }
    }
}

async fn copy_job(from: &dyn Store, to: &dyn Store, id: JobId, now: Timestamp, copied: &mut Copied) -> Result<()> {
    let job = match from.get(id, now).await {
        Ok(job) => job,
        // Removed since it was listed.
        Err(Error::NotFound { .. } | Error::Expired(_)) => return Ok(()),
        Err(error) => return Err(error),
    };
    match to.insert(&job).await {
        Ok(Inserted::New) => {
            copied.jobs += 1;
            copied.unfinished += u64::from(!job.state.status().is_finished());
        }
        Ok(Inserted::Existing(other)) if other != id => {
            copied.jobs_there += 1;
            return Ok(());
        }
        Ok(Inserted::Existing(_)) | Err(Error::Conflict(_)) => copied.jobs_there += 1,
        Err(error) => return Err(error),
    }
    copy_log(from, to, id, copied).await
}

/// From where it ends there: the try before may have been broken off.
async fn copy_log(from: &dyn Store, to: &dyn Store, id: JobId, copied: &mut Copied) -> Result<()> {
    let mut line = 0;
    loop {
        let there = to.read_log(id, line, PAGE).await?.len() as u64;
        line += there;
        if there < PAGE as u64 {
            break;
        }
    }
    loop {
        let lines = from.read_log(id, line, PAGE).await?;
        if lines.is_empty() {
            return Ok(());
        }
        to.append_log(id, &lines).await?;
        line += lines.len() as u64;
        copied.lines += lines.len() as u64;
    }
}
