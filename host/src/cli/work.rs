//! `work`: runs what is due in a data folder, until stopped or until nothing is left.

use std::time::Duration;

use au_host::store::Filter;
use au_host::{Local, Status, Takes};

use super::args::Work;
use super::output::Out;
use super::place::Place;
use super::settings::distinct;
use super::signals::Stops;
use super::trouble::Result;

/// How long jobs may go on once this is told to stop; then they are given back, for others to run.
const GRACE: Duration = Duration::from_secs(10);

/// A receiver that is to be tried again within this time is waited for. The others are those of whoever works here next.
const SOON: Duration = Duration::from_secs(60);
/// Between two looks at whether they have been told.
const LOOK: Duration = Duration::from_millis(200);

pub(crate) async fn work(place: &Place, out: Out, command: Work) -> Result {
    ignore_hangups()?;
    let slots = command.slots.map(usize::from);
    if command.until_idle {
        return until_idle(place, slots).await;
    }
    let mut stops = Stops::listen()?;
    let local = place.work(slots, distinct(&command.label)?).await?;
    out.note(&format!("working in {}; Ctrl-C ends it", place.shown()));
    tokio::select! {
        _ = stops.next() => out.note("stopping: jobs that run have ten seconds; Ctrl-C gives them back at once"),
        () = local.host().drained() => out.note("drained: nothing runs any more"),
    }
    close(local, &mut stops).await
}

/// One at a time in a folder. Whoever wants something run either sees the lock held, and then it was kept before the last
/// look here; or does not, and starts another.
async fn until_idle(place: &Place, slots: Option<usize>) -> Result {
    std::fs::create_dir_all(place.path()).map_err(|error| au_host::Error::fault("data folder", error))?;
    let Some(mut lock) = place.lock()? else { return Ok(()) };
    let mut stops = Stops::listen()?;
    let local = place.open(Takes::Everything, slots).await?;
    loop {
        tokio::select! {
            done = all_done(&local) => done?,
            _ = stops.next() => break,
        }
        drop(lock);
        if !is_left(&local).await? {
            break;
        }
        match place.lock()? {
            Some(again) => lock = again,
            None => break,
        }
        // What is left may be held, by a pause, and its host idle all the while.
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            _ = stops.next() => break,
        }
    }
    close(local, &mut stops).await
}

/// Waits until nothing runs or is left to run, and nobody is left to be told of it soon.
async fn all_done(local: &Local) -> Result {
    loop {
        local.host().idle().await;
        if !local.host().is_webhook_left(SOON).await? {
            return Ok(());
        }
        tokio::time::sleep(LOOK).await;
    }
}

async fn is_left(local: &Local) -> Result<bool> {
    let filter = Filter { status: vec![Status::Pending], ..Filter::default() };
    Ok(!local.host().list(filter, None, 1).await?.is_empty() || local.host().is_webhook_left(SOON).await?)
}

/// Ends what runs within the grace; who asks once more has it given back at once, for others to run.
async fn close(local: Local, stops: &mut Stops) -> Result {
    tokio::select! {
        closed = local.host().shutdown(GRACE) => return Ok(closed?),
        _ = stops.next() => {}
    }
    Ok(local.close(Duration::ZERO).await?)
}

/// That a terminal goes does not end a worker, or a server.
pub(crate) fn ignore_hangups() -> Result {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        // Once heard, always heard: the signal does nothing from now on.
        drop(signal(SignalKind::hangup()).map_err(|error| au_host::Error::fault("signals", error))?);
    }
    Ok(())
}
