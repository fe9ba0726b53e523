//! Where a server listens: an address, or a socket in the file system.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use tokio::net::{TcpListener, TcpSocket, UnixListener, UnixStream};

use crate::error::{Error, Result};

/// The port of a server that was not told another.
pub(super) const PORT: u16 = 8282;
/// Connections the kernel keeps until they are accepted.
const BACKLOG: u32 = 1024;

/// Where a server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listen {
    /// An address and a port; port 0 is any that is free.
    Tcp(SocketAddr),
    /// A socket that only its owner may use.
    Unix(PathBuf),
}

impl Default for Listen {
    /// This machine alone, on port 8282.
    fn default() -> Self {
        Self::Tcp((Ipv4Addr::LOCALHOST, PORT).into())
    }
}

impl FromStr for Listen {
    type Err = Error;

    /// `127.0.0.1:8282`, `[::1]:8282`, `127.0.0.1`, `:8282` (this machine alone), `localhost:8282`, `unix:PATH`.
    fn from_str(text: &str) -> Result<Self> {
        if let Some(path) = text.strip_prefix("unix:") {
            return match path {
                "" => Err(Error::invalid("address", "unix: needs the path of a socket")),
                path => Ok(Self::Unix(path.into())),
            };
        }
        let local = text.strip_prefix("localhost").unwrap_or(text);
        if let Some(port) = local.strip_prefix(':').and_then(|port| port.parse().ok()) {
            return Ok(Self::Tcp((Ipv4Addr::LOCALHOST, port).into()));
        }
        if local.is_empty() && !text.is_empty() {
            return Ok(Self::default());
        }
        let address = text.parse().ok().or_else(|| text.parse().ok().map(|ip: IpAddr| SocketAddr::new(ip, PORT)));
        address.map(Self::Tcp).ok_or_else(|| {
            let why =
                format!("{:?} is neither an address such as 127.0.0.1:8282 nor unix:PATH", crate::id::shorten(text));
            Error::invalid("address", why)
        })
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl Listen {
    /// Whether only this machine reaches it.
    #[must_use]
    pub fn is_local(&self) -> bool {
        match self {
            Self::Tcp(address) => address.ip().is_loopback(),
            Self::Unix(_) => true,
        }
    }
}

/// A place where connections come in.
#[derive(Debug)]
pub(super) enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener, SocketFile),
}

/// Removed when its listener goes.
#[derive(Debug)]
pub(super) struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        // Whoever starts next removes what is left.
        drop(std::fs::remove_file(&self.0));
    }
}

impl Listener {
    pub(super) async fn bind(listen: &Listen) -> Result<Self> {
        let failed = |error: io::Error| match error.kind() {
            io::ErrorKind::AddrInUse => {
                Error::invalid("address", format!("{listen} is in use already, perhaps by another au-host"))
            }
            io::ErrorKind::PermissionDenied => {
                Error::invalid("address", format!("this user may not listen on {listen}"))
            }
            io::ErrorKind::AddrNotAvailable => {
                Error::invalid("address", format!("{listen} is no address of this machine"))
            }
            kind => Error::fault("listener", io::Error::new(kind, format!("{listen}: {error}"))),
        };
        match listen {
            Listen::Tcp(address) => tcp(*address).map(Self::Tcp).map_err(failed),
            Listen::Unix(path) => unix(path).await.map_err(failed),
        }
    }

    /// Where it listens in fact: a port that was chosen is known now.
    pub(super) fn listen(&self) -> Result<Listen> {
        match self {
            Self::Tcp(listener) => {
                listener.local_addr().map(Listen::Tcp).map_err(|error| Error::fault("listener", error))
            }
            Self::Unix(_, file) => Ok(Listen::Unix(file.0.clone())),
        }
    }
}

fn tcp(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // A server that is started again must not wait for the kernel to forget its last connections.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

async fn unix(path: &Path) -> io::Result<Listener> {
    let left_behind = std::fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket())
        && UnixStream::connect(path).await.is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused);
    if left_behind {
        std::fs::remove_file(path)?;
    }
    let listener = UnixListener::bind(path)?;
    let file = SocketFile(path.to_owned());
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(Listener::Unix(listener, file))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_people_write_them() {
        let local: Listen = "127.0.0.1:8282".parse().unwrap();
        for text in ["127.0.0.1", ":8282", "localhost", "localhost:8282"] {
            assert_eq!(text.parse::<Listen>().unwrap(), local, "{text}");
        }
        assert_eq!("unix:/run/au".parse::<Listen>().unwrap(), Listen::Unix("/run/au".into()));
        assert!("[::1]:0".parse::<Listen>().unwrap().is_local());
        assert!(!"0.0.0.0:80".parse::<Listen>().unwrap().is_local());
        for wrong in ["", "unix:", "example.org:80", "127.0.0.1:99999", "localhost:x"] {
            assert!(wrong.parse::<Listen>().is_err(), "{wrong}");
        }
    }
}
