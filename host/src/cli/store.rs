//! `store`: what is kept, taken from one place to another.

use std::path::{Path, PathBuf};

use au_host::{Copied, Error, Local, Takes};
use tempfile::TempDir;

use super::args;
use super::output::Out;
use super::place::Place;
use super::trouble::Result;

/// A place that is copied from or to, and the folder it needs meanwhile.
struct End {
    local: Local,
    /// Goes with it.
    _scratch: Option<TempDir>,
}

pub(crate) async fn store(place: &Place, out: Out, command: args::Store) -> Result {
    let args::Store::Copy { from, to, unfinished } = command;
    if from == to {
        return Err(Error::invalid("TO", "it is the same as FROM").into());
    }
    let unfinished = match unfinished {
        args::Unfinished::Waiting => au_host::Unfinished::Waiting,
        args::Unfinished::All => au_host::Unfinished::All,
        args::Unfinished::Skip => au_host::Unfinished::Skip,
    };
    // Opened, it would be made.
    if on_disk(&from).is_some_and(|folder| !folder.join("jobs.db").is_file()) {
        return Err(Error::not_found("folder with jobs", from).into());
    }
    let (from, to) = (open(place, &from).await?, open(place, &to).await?);
    let copied = from.local.copy_to(&to.local, unfinished, au_host::Clock::system().now()).await?;
    if out.json {
        return out.facts(&copied);
    }
    tell(out, &copied);
    Ok(())
}

fn tell(out: Out, copied: &Copied) {
    let Copied { jobs, unfinished, jobs_there, lines, modules, names, notes } = copied;
    out.note(&format!("copied {jobs} jobs, {lines} lines of logs, {modules} modules, {names} names, {notes} notes"));
    if *jobs_there > 0 {
        out.note(&format!("{jobs_there} jobs were there already"));
    }
    if *unfinished > 0 {
        out.note(&format!(
            "{unfinished} jobs have yet to run and are in both places now: let hosts work on one of the two only"
        ));
    }
}

/// A path; a URL begins with a scheme, which has two letters at least.
fn folder(text: &str) -> Option<PathBuf> {
    let scheme = text.split_once(':').map(|(scheme, _)| scheme);
    let is_url = scheme.is_some_and(|scheme| scheme.len() > 1 && !scheme.contains(['/', '.', '\\']));
    (!is_url).then(|| Path::new(text).to_owned())
}

/// The folder that is copied from or to, as a data folder or as a store.
fn on_disk(text: &str) -> Option<PathBuf> {
    folder(text).or_else(|| text.strip_prefix("file:").map(PathBuf::from))
}

async fn open(place: &Place, text: &str) -> Result<End> {
    let config = place.settled(Takes::Nothing);
    if let Some(folder) = folder(text) {
        return Ok(End { local: Local::open(&folder, config).await?, _scratch: None });
    }
    let store = au_host::store::open(text, config.durability).await?;
    let scratch = tempfile::tempdir().map_err(|error| Error::fault("temporary folder", error))?;
    Ok(End { local: Local::on(store, scratch.path(), config).await?, _scratch: Some(scratch) })
}
