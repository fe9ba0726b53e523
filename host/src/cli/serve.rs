//! `serve`: the HTTP API on a data folder, until stopped. It runs what is due, too.

use std::sync::Arc;
use std::time::{Duration, Instant};

use au_host::http::{Auth, HttpConfig, Listen, Server, TlsFiles};
use au_host::{Error, Local};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::args::Serve;
use super::output::Out;
use super::place::Place;
use super::signals::Stops;
use super::trouble::Result;
use super::work::ignore_hangups;

/// How long requests and jobs may go on once this is told to stop; then jobs are given back, for others to run.
const GRACE: Duration = Duration::from_secs(10);

pub(crate) async fn serve(place: &Place, out: Out, command: Serve) -> Result {
    ignore_hangups()?;
    let mut stops = Stops::listen()?;
    // First of all: what is wrong with the address is said before the folder is opened.
    let config = config(place, &command).await?;
    let metrics = Arc::new(config.metrics.clone());
    let server = Server::bind(config).await?;
    let local = Arc::new(place.serve(command.slots.map(usize::from), metrics).await?);
    let url = server.url();
    if out.json {
        out.facts(&json!({ "url": url, "data": place.path() }))?;
    }
    out.note(&format!("serving {} at {url}; Ctrl-C ends it", place.shown()));
    let drain = CancellationToken::new();
    let mut serving = std::pin::pin!(server.serve(Arc::clone(&local), drain.clone(), GRACE));
    tokio::select! {
        ended = &mut serving => return Ok(ended?),
        _ = stops.next() => {}
    }
    out.note("stopping: requests and jobs that run have ten seconds; Ctrl-C ends it at once");
    drain.cancel();
    let began = Instant::now();
    let ending = async {
        serving.await?;
        local.host().shutdown(GRACE.saturating_sub(began.elapsed())).await
    };
    tokio::select! {
        ended = ending => return Ok(ended?),
        _ = stops.next() => {}
    }
    at_once(&local, &mut stops).await
}

/// Whoever asks twice has what runs given back at once; whoever asks three times does not even wait for that.
async fn at_once(local: &Local, stops: &mut Stops) -> Result {
    tokio::select! {
        ended = local.host().shutdown(Duration::ZERO) => Ok(ended?),
        _ = stops.next() => std::process::exit(130),
    }
}

async fn config(place: &Place, command: &Serve) -> Result<HttpConfig> {
    let section = place.http();
    // AU_LISTEN may be there and empty.
    let listen = match (command.listen.as_ref().filter(|text| !text.is_empty()), section.listen()) {
        (Some(text), _) => text.parse()?,
        (None, Some(text)) => text.parse()?,
        (None, None) => Listen::default(),
    };
    let tls = match (&command.tls_cert, &command.tls_key) {
        (Some(certificate), Some(key)) => Some(TlsFiles { certificate: certificate.clone(), key: key.clone() }),
        (None, None) => None,
        _ => return Err(Error::invalid("--tls-cert", "a certificate and its key go together").into()),
    };
    let auth = auth(place, command, &listen).await?;
    let mut config = HttpConfig {
        listen,
        auth,
        rate: place.rate_limit().of_token(),
        insecure: command.insecure,
        hosts: section.hosts(),
        tls,
        spool: Some(place.spool()),
        ..HttpConfig::default()
    };
    section.bound(&mut config.limits);
    Ok(config)
}

/// Where others can reach it, a host with tokens asks for them from the first request on.
async fn auth(place: &Place, command: &Serve, listen: &Listen) -> Result<Auth> {
    let required = command.auth
        || place.auth().required
        || (!listen.is_local() && place.path().exists() && place.tokens().await?.any().await?);
    Ok(if required { Auth::Required } else { Auth::WithTokens })
}
