//! What a job said and did: the lines there are, or all that comes until its end.

use au_host::{Event, Handle, LogEntry};
use futures::StreamExt;

use super::hosted::Hosted;
use super::output::Out;
use super::place::Place;
use super::tend::tend;
use super::trouble::{Result, Trouble};

/// Lines of a log that are read in one go.
const PAGE: usize = 1000;

/// Shows each line that the log has now.
pub(crate) async fn lines(handle: &Handle, mut show: impl FnMut(LogEntry) -> Result) -> Result {
    let mut from = 0;
    loop {
        let page = handle.logs(from, PAGE).await.map_err(Trouble::of(handle.id()))?;
        let count = page.len();
        page.into_iter().try_for_each(&mut show)?;
        if count < PAGE {
            return Ok(());
        }
        from += PAGE as u64;
    }
}

/// Shows each event until the job has finished, and sees to it that somebody runs it.
pub(crate) async fn events(
    at: (&Place, Out),
    host: &Hosted,
    handle: &Handle,
    mut show: impl FnMut(Event) -> Result,
) -> Result {
    let following = async {
        let mut events = handle.events();
        while let Some(event) = events.next().await {
            show(event.map_err(Trouble::of(handle.id()))?)?;
        }
        Ok(())
    };
    tend(at, host, handle.id(), following).await?
}
