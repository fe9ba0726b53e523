//! `top`: what runs, again and again on a terminal, else once.

use std::collections::BTreeMap;
use std::time::Duration;

use au_host::store::Filter;
use au_host::{Clock, Status, Summary};
use serde::Serialize;

use super::hosted::Hosted;
use super::jobs::short;
use super::output::Out;
use super::place::Place;
use super::signals::Stops;
use super::trouble::Result;

/// Between two looks.
const PAUSE: Duration = Duration::from_secs(1);
/// Jobs of a status that are counted: a look must cost the same however many are kept.
const COUNTED: usize = 1000;

/// What there is at one time.
#[derive(Debug, Serialize)]
struct Facts {
    /// How many jobs there are of each status, up to as many as are counted.
    counts: BTreeMap<Status, usize>,
    /// Whether there are more of one.
    counted: usize,
    /// Those that run, newest first.
    running: Vec<Summary>,
}

pub(crate) async fn top(place: &Place, out: Out, once: bool) -> Result {
    let host = place.look().await?;
    let facts = look(&host).await?;
    if out.json {
        return out.facts(&facts);
    }
    let Some(mut screen) = out.screen().filter(|_| !once) else {
        return table(&facts, usize::MAX).iter().try_for_each(|line| out.safe(line));
    };
    let mut stops = Stops::listen()?;
    let mut facts = facts;
    loop {
        screen.show(|rows| {
            let mut lines = table(&facts, rows.saturating_sub(2));
            lines.push(format!(
                "{}q or Ctrl-C leaves",
                place.elsewhere().map(|client| client.url() + "; ").unwrap_or_default()
            ));
            lines
        })?;
        tokio::select! {
            () = tokio::time::sleep(PAUSE) => {}
            () = screen.left() => return Ok(()),
            _ = stops.next() => return Ok(()),
        }
        facts = look(&host).await?;
    }
}

async fn look(host: &Hosted) -> Result<Facts> {
    let (mut counts, mut running) = (BTreeMap::new(), Vec::new());
    for status in Status::ALL {
        let filter = Filter { status: vec![status], ..Filter::default() };
        let jobs = host.list(filter, None, COUNTED).await?;
        counts.insert(status, jobs.len());
        if status == Status::Running {
            running = jobs;
        }
    }
    Ok(Facts { counts, counted: COUNTED, running })
}

fn table(facts: &Facts, rows: usize) -> Vec<String> {
    let count = |(status, count): (&Status, &usize)| {
        format!("{count}{} {status}", if *count == facts.counted { "+" } else { "" })
    };
    let mut lines = vec![facts.counts.iter().map(count).collect::<Vec<_>>().join("  ")];
    if facts.running.is_empty() {
        return lines;
    }
    lines.push(format!("{:36}  {:24}  {:>8}  {:>7}  NOTE", "ID", "FUNCTION", "RUNS FOR", "DONE"));
    let now = Clock::system().now();
    let row = |job: &Summary| {
        let since = short(now.since(job.started.unwrap_or(job.created)));
        let (done, note) = job.progress.as_ref().map_or((String::new(), ""), |progress| {
            (format!("{:.0}%", progress.done * 100.0), progress.note.lines().next().unwrap_or(""))
        });
        let function = au_host::clean(&job.function, 24);
        format!("{}  {function:24}  {since:>8}  {done:>7}  {}", job.id, au_host::clean(note, 60))
    };
    lines.extend(facts.running.iter().take(rows.saturating_sub(2)).map(row));
    lines
}
