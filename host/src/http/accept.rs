//! The accept loop: lets connections in as long as there is room, and ends them gracefully.

use std::io::{self, Read, Write};
use std::net::IpAddr;
use std::os::fd::AsRawFd as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::access::Peer;
use super::config::HttpLimits;
use super::connection;
use super::door::Door;
use super::listen::Listener;
use super::peers::{Peers, Seat};
use super::problem;
use crate::error::Error;
use crate::middleware::metrics::Metrics;

/// Rest after an accept that failed for want of files or memory.
const REST: Duration = Duration::from_millis(50);
/// Between two words on connections that are refused for want of files.
const TELL: Duration = Duration::from_secs(10);

/// What each connection is served with.
#[derive(Clone)]
pub(super) struct Serving {
    pub(super) door: Door,
    pub(super) limits: Arc<HttpLimits>,
    pub(super) tls: Option<TlsAcceptor>,
    pub(super) drain: CancellationToken,
    pub(super) metrics: Metrics,
}

enum Accepted {
    Tcp(TcpStream, IpAddr),
    Unix(UnixStream),
}

impl Accepted {
    /// The number that the kernel gave it: the least that was free, so that at least so many files are open.
    fn number(&self) -> usize {
        let number = match self {
            Self::Tcp(stream, _) => stream.as_raw_fd(),
            Self::Unix(stream) => stream.as_raw_fd(),
        };
        usize::try_from(number).unwrap_or(0)
    }
}

/// Accepts until the drain begins, then waits for the connections, at most `grace`. Dropped, it ends them at once.
pub(super) async fn accept(listener: Listener, serving: Serving, grace: Duration) {
    let room = Room {
        peers: Peers::new(serving.limits.connections, serving.limits.connections_per_peer),
        files: files(),
        told: Mutex::default(),
    };
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = serving.drain.cancelled() => break,
            Some(_) = connections.join_next() => {}
            accepted = next(&listener) => match accepted {
                Ok(accepted) => admit(accepted, &serving, &room, &mut connections),
                Err(error) => rest(&error).await,
            },
        }
    }
    // Nobody is to be let in whom nobody will answer.
    drop(listener);
    let ended = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(grace, ended).await.is_err() {
        tracing::warn!(left = connections.len(), "connections were cut off: they took longer than the grace");
    }
}

async fn next(listener: &Listener) -> io::Result<Accepted> {
    match listener {
        Listener::Tcp(listener) => listener.accept().await.map(|(stream, peer)| Accepted::Tcp(stream, peer.ip())),
        Listener::Unix(listener, _) => listener.accept().await.map(|(stream, _)| Accepted::Unix(stream)),
    }
}

async fn rest(error: &io::Error) {
    // One client that went away while it waited is no reason to rest.
    let gone = matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset);
    if !gone {
        tracing::warn!(%error, "a connection could not be accepted");
        tokio::time::sleep(REST).await;
    }
}

/// How much of everything connections may take.
struct Room {
    peers: Peers,
    /// Files that may be open for one more to be let in.
    files: usize,
    /// When it was last told that there are more.
    told: Mutex<Option<Instant>>,
}

impl Room {
    fn admit(&self, accepted: &Accepted) -> Option<Seat> {
        let peer = match accepted {
            Accepted::Tcp(_, peer) => Some(*peer),
            Accepted::Unix(_) => None,
        };
        if accepted.number() < self.files {
            return self.peers.admit(peer);
        }
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.is_none_or(|at| at.elapsed() >= TELL) {
            tracing::warn!(most = self.files, "connections are refused: too many files are open");
            *told = Some(Instant::now());
        }
        None
    }
}

fn admit(accepted: Accepted, serving: &Serving, room: &Room, connections: &mut JoinSet<()>) {
    let seat = room.admit(&accepted);
    let serving = serving.clone();
    match (accepted, seat) {
        (Accepted::Tcp(stream, peer), Some(seat)) => {
            connections.spawn(tcp(stream, Peer(peer), serving, seat));
        }
        (Accepted::Unix(stream), Some(seat)) => {
            connections.spawn(plain(stream, None, serving, seat));
        }
        // Over TLS nobody would understand it.
        (Accepted::Tcp(stream, _), None) if serving.tls.is_some() => drop(stream),
        (Accepted::Tcp(stream, _), None) => refuse(stream.into_std()),
        (Accepted::Unix(stream), None) => refuse(stream.into_std()),
    }
}

async fn tcp(stream: TcpStream, peer: Peer, serving: Serving, seat: Seat) {
    // A response is written at once, however small: a client that keeps its connection must not wait for a delayed ack.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "no TCP_NODELAY");
    }
    let Some(tls) = serving.tls.clone() else { return plain(stream, Some(peer), serving, seat).await };
    match tokio::time::timeout(serving.limits.head, tls.accept(stream)).await {
        Ok(Ok(stream)) => plain(stream, Some(peer), serving, seat).await,
        Ok(Err(error)) => tracing::debug!(%error, "no TLS"),
        Err(_) => tracing::debug!("a TLS handshake took too long"),
    }
}

async fn plain<T>(stream: T, peer: Option<Peer>, serving: Serving, _seat: Seat)
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let _open = serving.metrics.connection();
    connection::serve(stream, peer, serving).await;
}

/// Says that there is no room, to whoever listens; nobody is waited for.
fn refuse(stream: io::Result<impl Read + Write>) {
    let Ok(mut stream) = stream else { return };
    let words = problem::last_words(&Error::Busy { retry_after: Duration::from_secs(1) });
    // A socket that is closed with bytes unread takes its last words back.
    drop(stream.read(&mut [0; 8 << 10]));
    drop(stream.write(&words.bytes));
}

/// How many files may be open when a connection is let in: not so many that none is left for anything else.
fn files() -> usize {
    four_fifths(rustix::process::getrlimit(rustix::process::Resource::Nofile).current)
}

/// Of so many; `None`: of as many as there are.
fn four_fifths(files: Option<u64>) -> usize {
    files.and_then(|files| usize::try_from(files).ok()).unwrap_or(usize::MAX) / 5 * 4
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h2_a_fifth_of_the_files_is_kept_for_what_is_no_connection() {
        assert_eq!(four_fifths(Some(1024)), 816);
        assert_eq!(four_fifths(Some(4)), 0);
        assert_eq!(four_fifths(None), four_fifths(Some(u64::MAX)));
    }
}
