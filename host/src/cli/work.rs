//! `work`: runs what is due in a data folder, until stopped or until nothing is left.

use std::time::Duration;

use au_host::store::Filter;
use au_host::{Local, Status, Takes};

use super::args::Work;
use super::output::Out;
use super::place::Place;
use super::trouble::Result;

/// How long jobs may go on once this is told to stop; then they are given back, for others to run.
const GRACE: Duration = Duration::from_secs(10);

pub(crate) async fn work(place: &Place, out: Out, command: Work) -> Result {
    let slots = command.slots.map(usize::from);
    if !command.until_idle {
        let local = place.open(Takes::Everything, slots).await?;
        out.note(&format!("working in {}; Ctrl-C ends it", place.path().display()));
        let stopped = stopped().await;
        out.note("stopping: jobs that run have ten seconds; once more, and they are given back now");
        stopped.and(drain(&local).await)
    } else {
        until_idle(place, slots).await
    }
}

/// Ends what runs within the grace, or at once when it is told a second time.
async fn drain(local: &Local) -> Result {
    tokio::select! {
        closed = local.host().shutdown(GRACE) => return Ok(closed?),
        again = stopped() => again?,
    }
    Ok(local.host().shutdown(Duration::ZERO).await?)
}

/// One at a time in a folder. Whoever wants something run either sees the lock held, and then it was kept before the last
/// look here; or does not, and starts another.
async fn until_idle(place: &Place, slots: Option<usize>) -> Result {
    std::fs::create_dir_all(place.path()).map_err(|error| au_host::Error::fault("data folder", error))?;
    let Some(mut lock) = place.lock()? else { return Ok(()) };
    let local = place.open(Takes::Everything, slots).await?;
    let mut ended = Ok(());
    loop {
        tokio::select! {
            () = local.host().idle() => {}
            stop = stopped() => { ended = stop; break }
        }
        drop(lock);
        if !is_left(&local).await? {
            break;
        }
        match place.lock()? {
            Some(again) => lock = again,
            None => break,
        }
    }
    drain(&local).await?;
    ended
}

async fn is_left(local: &Local) -> Result<bool> {
    let filter = Filter { status: vec![Status::Pending], ..Filter::default() };
    Ok(!local.host().list(filter, None, 1).await?.is_empty())
}

/// Ctrl-C or a request to end. That a terminal goes does not end it.
async fn stopped() -> Result {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let fault = |error| au_host::Error::fault("signals", error);
        let mut term = signal(SignalKind::terminate()).map_err(fault)?;
        let mut hangup = signal(SignalKind::hangup()).map_err(fault)?;
        let hung = async { while hangup.recv().await.is_some() {} };
        tokio::select! {
            _ = term.recv() => Ok(()),
            () = hung => Ok(()),
            done = tokio::signal::ctrl_c() => Ok(done.map_err(fault)?),
        }
    }
    #[cfg(not(unix))]
    Ok(tokio::signal::ctrl_c().await.map_err(|error| au_host::Error::fault("signals", error))?)
}
