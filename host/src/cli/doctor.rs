//! `doctor`: looks at everything a host stands on, and says what to do about what is wrong.

use std::time::Instant;

use au_host::backend::BackendUrl;
use au_host::registry::Compiler;
use au_host::store::Filter;
use au_host::{Client, Clock, Error, Local, Status};
use serde::Serialize;

use super::hosted::Hosted;
use super::output::Out;
use super::place::Place;
use super::trouble::{Result, Trouble};
use au_host::units;

/// What a look at one thing found.
#[derive(Debug, Serialize)]
struct Finding {
    about: &'static str,
    well: bool,
    found: String,
}

fn well(about: &'static str, found: impl Into<String>) -> Finding {
    Finding { about, well: true, found: found.into() }
}

fn bad(about: &'static str, found: impl Into<String>) -> Finding {
    Finding { about, well: false, found: found.into() }
}

pub(crate) async fn doctor(place: &Place, out: Out) -> Result {
    let mut findings = vec![well("version", concat!("au-host ", env!("CARGO_PKG_VERSION"), ", wasmtime 48"))];
    match place.elsewhere() {
        Some(client) => findings.extend(elsewhere(client).await),
        None => findings.extend(here(place).await?),
    }
    if out.json {
        out.facts(&findings)?;
    } else {
        for Finding { about, well, found } in &findings {
            out.line(&format!("{} {about:<12} {found}", if *well { "ok  " } else { "BAD " }))?;
        }
    }
    if findings.iter().all(|finding| finding.well) { Ok(()) } else { Err(Trouble::Said(5)) }
}

/// What a host elsewhere says of itself.
async fn elsewhere(client: Client) -> Vec<Finding> {
    let url = client.url();
    let mut findings = vec![match client.version().await {
        Ok(version) => well("host", format!("{url}, au-host {version}")),
        Err(error) => return vec![bad("host", error.chain())],
    }];
    findings.extend(asked(&Hosted::There(client)).await);
    findings
}

async fn here(place: &Place) -> Result<Vec<Finding>> {
    let mut findings = vec![
        well("data folder", place.path().display().to_string()),
        well("settings", place.settings()),
        compiler(),
        pages(),
    ];
    match place.look().await {
        Ok(host) => findings.extend(folder(place, &host).await),
        Err(Trouble::Host(error, _)) => findings.push(bad("store", format!("cannot be opened: {}", error.chain()))),
        Err(other) => return Err(other),
    }
    Ok(findings)
}

fn compiler() -> Finding {
    match Compiler::find() {
        Ok(found) => well("compiler", found.program().map(|path| path.display().to_string()).unwrap_or_default()),
        Err(error) => bad("compiler", format!("{error}: new modules cannot be added")),
    }
}

/// Whether the kernel says which pages a guest touched, which makes a fresh sandbox cheaper.
fn pages() -> Finding {
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let mut numbers = kernel.split(['.', '-']).map_while(|part| part.parse::<u32>().ok());
    let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    if version >= (6, 7) {
        well("kernel", format!("{} (has PAGEMAP_SCAN)", kernel.trim()))
    } else {
        well("kernel", format!("{} (no PAGEMAP_SCAN before 6.7: calls are a little slower)", kernel.trim()))
    }
}

async fn folder(place: &Place, host: &Hosted) -> Vec<Finding> {
    let mut findings = asked(host).await;
    findings.extend([disk(place).await, room(place)]);
    if let Hosted::Here(local) = host {
        findings.extend(backends(local).await);
    }
    findings.push(match place.promise().await {
        None => worker(place, host).await,
        Some(Ok(promise)) => well("promise", promise),
        Some(Err(error)) => bad("promise", error.chain()),
    });
    findings
}

/// What attempts run on, and whether it answers.
async fn backends(local: &Local) -> Vec<Finding> {
    let checked = local.check_backends().await.into_iter();
    let finding = |(name, url, answer): (String, BackendUrl, au_host::Result<()>)| match answer {
        Ok(()) => well("backend", format!("{name}: {url} answers")),
        Err(error) => bad("backend", format!("{name}: {url}: {}", error.chain())),
    };
    checked.map(finding).collect()
}

/// What any host says.
async fn asked(host: &Hosted) -> Vec<Finding> {
    let store = match host.ready().await {
        Ok(()) => well("store", "opens, and can be written"),
        Err(error) => bad("store", error.chain()),
    };
    let modules = match host.list_modules().await {
        Ok(modules) => well("modules", modules.len().to_string()),
        Err(error) => bad("modules", error.chain()),
    };
    vec![store, modules, waiting(host).await]
}

/// How long a durable write takes here.
async fn disk(place: &Place) -> Finding {
    let dir = place.path().to_owned();
    let tried = tokio::task::spawn_blocking(move || {
        let mut file = tempfile::tempfile_in(dir)?;
        let began = Instant::now();
        std::io::Write::write_all(&mut file, &[0; 4096])?;
        file.sync_data()?;
        Ok::<_, std::io::Error>(began.elapsed())
    });
    match tried.await {
        Ok(Ok(took)) => well("disk", format!("4 KiB written durably in {took:.1?}")),
        Ok(Err(error)) => bad("disk", format!("cannot be written: {error}")),
        Err(error) => bad("disk", error.to_string()),
    }
}

fn room(place: &Place) -> Finding {
    const LITTLE: u64 = 100 << 20;
    match rustix::fs::statvfs(place.path()) {
        Ok(found) => {
            let free = found.f_bavail.saturating_mul(found.f_frsize);
            let text = format!("{} free", units::bytes(free));
            if free < LITTLE { bad("room", text) } else { well("room", text) }
        }
        Err(error) => bad("room", error.to_string()),
    }
}

async fn worker(place: &Place, host: &Hosted) -> Finding {
    let now = Clock::system().now();
    // What keeps it from being known is told of the store.
    let others = host.workers().await.unwrap_or_default().iter().filter(|worker| !worker.is_silent(now)).count();
    match place.lock() {
        Ok(Some(_)) if others > 0 => well("background", "no worker runs, but others work: `au-host worker list`"),
        Ok(Some(_)) => well("background", "no worker runs; one is started when it is needed"),
        Ok(None) => well("background", "a worker runs"),
        Err(Trouble::Host(error, _)) => bad("background", error.chain()),
        Err(_) => bad("background", "unknown"),
    }
}

async fn waiting(host: &Hosted) -> Finding {
    let mut counts = Vec::new();
    for status in [Status::Pending, Status::Running] {
        let filter = Filter { status: vec![status], ..Filter::default() };
        match host.list(filter, None, 1000).await {
            Ok(jobs) => counts.push(format!("{}{} {status}", jobs.len(), if jobs.len() == 1000 { "+" } else { "" })),
            Err(error @ Error::Corrupt { .. }) => return bad("jobs", error.chain()),
            Err(error) => return bad("jobs", error.chain()),
        }
    }
    well("jobs", counts.join(", "))
}
