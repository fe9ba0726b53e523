//! `run` and `submit`: a call becomes a job, which is followed, or left to a process in the background.

use std::path::Path;
use std::time::Duration;

use au_host::{Event, Handle, Local, Result as HostResult, Takes};
use futures::StreamExt;

use super::args::{Run, Submit};
use super::call;
use super::output::{Bar, Out};
use super::place::Place;
use super::result::{self, Report};
use super::trouble::{Result, Trouble};

/// How long a host that goes down waits for what it runs: it runs nothing any more.
const GRACE: Duration = Duration::from_secs(1);

pub(crate) async fn run(place: &Place, out: Out, command: Run) -> Result {
    if command.detach {
        let submit = Submit { call: command.call, settings: command.settings, no_worker: false };
        return self::submit(place, out, submit).await;
    }
    let local = if command.ephemeral { place.ephemeral().await? } else { place.open(Takes::Own, None).await? };
    let done = run_in(&local, out, &command).await;
    let closed = local.close(GRACE).await;
    done?;
    Ok(closed?)
}

async fn run_in(local: &Local, out: Out, command: &Run) -> Result {
    let mut request = call::request(local, &command.call).await?;
    command.settings.apply(&mut request)?;
    let bar = out.bar(&request.function);
    let handle = local.host().submit(request).await?;
    let followed = follow(&handle, &bar).await;
    drop(bar);
    followed?;
    // A job with a key may have been another's, whom it is left to.
    finish(&handle, out, command.output.as_deref()).await
}

/// Follows a job to its end. Ctrl-C cancels it; a second one ends this program.
async fn follow(handle: &Handle, bar: &Bar) -> Result {
    let following = events(handle, bar);
    let mut following = std::pin::pin!(following);
    tokio::select! {
        done = &mut following => return done.map_err(Trouble::of(handle.id())),
        () = interrupted() => {}
    }
    bar.say(&format!("cancelling job {}", handle.id()));
    match handle.cancel("interrupted by Ctrl-C").await {
        Ok(()) | Err(au_host::Error::Finished(_)) => {}
        Err(error) => return Err(Trouble::Host(error, Some(handle.id()))),
    }
    tokio::select! {
        done = &mut following => done.map_err(Trouble::of(handle.id())),
        () = interrupted() => Err(Trouble::Said(130)),
    }
}

async fn events(handle: &Handle, bar: &Bar) -> HostResult<()> {
    let mut events = handle.events();
    while let Some(event) = events.next().await {
        match event? {
            Event::Progress(progress) => bar.progress(&progress),
            Event::Log(entry) => bar.log(&entry),
            Event::Status(_) => {}
        }
    }
    Ok(())
}

async fn interrupted() {
    if tokio::signal::ctrl_c().await.is_err() {
        // No handler, then the signal ends this program by itself.
        std::future::pending::<()>().await;
    }
}

async fn finish(handle: &Handle, out: Out, file: Option<&Path>) -> Result {
    let job = handle.metadata().await.map_err(Trouble::of(handle.id()))?;
    let outcome = handle.result(None).await;
    result::report(out, Report { job, outcome, file })
}

pub(crate) async fn submit(place: &Place, out: Out, command: Submit) -> Result {
    let local = place.look().await?;
    let mut request = call::request(&local, &command.call).await?;
    command.settings.apply(&mut request)?;
    let handle = local.host().submit(request).await?;
    let id = handle.id();
    if !command.no_worker {
        place.ensure_worker()?;
    }
    if out.json {
        return out.facts(&handle.metadata().await.map_err(Trouble::of(id))?);
    }
    out.line(&id.to_string())
}
