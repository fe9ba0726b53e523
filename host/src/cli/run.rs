//! `run` and `submit`: a call becomes a job, which is followed, or left to a process in the background.

use std::path::Path;
use std::time::Duration;

use au_host::{Error, Event, Handle, Request, Result as HostResult, Takes};
use futures::StreamExt;

use super::args::{Run, Submit};
use super::hosted::Hosted;
use super::output::{Bar, Out};
use super::place::Place;
use super::result::{self, Report};
use super::signals::Stops;
use super::tend::{no_worker, tend};
use super::trouble::{Result, Trouble};
use super::{call, jobs};

/// How long a host that goes down waits for what it runs: it runs nothing any more.
const GRACE: Duration = Duration::from_secs(1);

pub(crate) async fn run(place: &Place, out: Out, command: Run) -> Result {
    if command.detach {
        let submit = Submit { call: command.call, settings: command.settings, no_worker: false };
        return self::submit(place, out, submit).await;
    }
    if let Some(file) = &command.output {
        has_a_folder(file)?;
    }
    let host = match place.elsewhere() {
        Some(client) => Hosted::There(client),
        None if command.ephemeral => Hosted::Here(place.ephemeral().await?),
        None => Hosted::Here(place.open(Takes::Own, None).await?),
    };
    let done = run_in(place, &host, out, &command).await;
    let closed = host.leave(GRACE).await;
    if command.settings.webhook.is_some() && place.elsewhere().is_none() {
        // This process ran the job and ends with it: another tells of it.
        place.ensure_worker()?;
    }
    done?;
    Ok(closed?)
}

/// Known before the job runs, not after.
fn has_a_folder(file: &Path) -> Result {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() && !folder.is_dir() => {
            Err(Error::not_found("folder", folder.display()).into())
        }
        _ => Ok(()),
    }
}

async fn run_in(place: &Place, host: &Hosted, out: Out, command: &Run) -> Result {
    let mut request = call::request(host, &command.call).await?;
    command.settings.apply(&mut request)?;
    let bar = out.bar(&request.function);
    let handle = kept((place, out), host, request, &bar).await;
    drop(bar);
    let handle = handle?;
    let finished = finish(&handle, out, command).await;
    if let (true, Hosted::There(client)) = (command.ephemeral, host) {
        // Kept there while it ran. If it cannot be removed, that is no reason to have no result.
        if let Err(error) = client.remove(&[handle.id()]).await {
            out.note(&format!("job {} is still kept there: {}", handle.id(), error.chain()));
        }
    }
    finished
}

/// Keeps the job, and follows it to its end.
async fn kept(at: (&Place, Out), host: &Hosted, request: Request, bar: &Bar) -> Result<Handle> {
    let may_be_of_another = request.key.is_some();
    // Before it is kept: from here on no signal ends this program and leaves the job behind.
    let mut stops = Stops::listen()?;
    let handle = host.submit(request).await?;
    let following = follow(&handle, bar, &mut stops);
    if may_be_of_another {
        tend(at, host, handle.id(), following).await??;
    } else {
        following.await?;
    }
    Ok(handle)
}

/// Follows a job to its end. The first signal cancels it, the second ends this program.
async fn follow(handle: &Handle, bar: &Bar, stops: &mut Stops) -> Result {
    let following = events(handle, bar);
    let mut following = std::pin::pin!(following);
    let stop = tokio::select! {
        done = &mut following => return done.map_err(Trouble::of(handle.id())),
        stop = stops.next() => stop,
    };
    bar.say(&format!("cancelling job {}", handle.id()));
    let cancelling = async {
        match handle.cancel(stop.reason()).await {
            Ok(()) | Err(Error::Finished(_)) => following.await,
            Err(error) => Err(error),
        }
    };
    tokio::select! {
        done = cancelling => done.map_err(Trouble::of(handle.id())),
        _ = stops.next() => {
            bar.end();
            // At once, for whoever asks twice will not wait for a disk that hangs. The job is as that of a killed worker.
            std::process::exit(130)
        }
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

async fn finish(handle: &Handle, out: Out, command: &Run) -> Result {
    let id = handle.id();
    let job = handle.wait(None).await.map_err(Trouble::of(id))?;
    jobs::note_dropped(out, &job.usage);
    let outcome = handle.result(None).await;
    result::report(out, Report { job, outcome, file: command.output.as_deref(), kept: !command.ephemeral })
}

pub(crate) async fn submit(place: &Place, out: Out, command: Submit) -> Result {
    let host = place.look().await?;
    let mut request = call::request(&host, &command.call).await?;
    command.settings.apply(&mut request)?;
    let handle = host.submit(request).await?;
    let id = handle.id();
    // First of all what it is called: it is kept, even if nobody can be found to run it.
    if out.json {
        out.facts(&handle.metadata().await.map_err(Trouble::of(id))?)?;
    } else {
        out.line(&id.to_string())?;
    }
    if !command.no_worker && matches!(host, Hosted::Here(_)) {
        place.ensure_worker()?;
        if let Some(hold) = no_worker(place, &host).await {
            out.note(&format!("job {id} waits: {hold}"));
        }
    }
    Ok(())
}
