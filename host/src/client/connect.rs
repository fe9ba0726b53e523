//! Makes a connection: TCP, TLS over it, or a socket in the file system.

use std::io;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::rt::{Read, Write};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{self, RootCertStore};

use super::config::ClientConfig;
use super::url::Url;
use crate::error::{Error, Result, Source};

/// A connection that takes a request.
pub(super) type Sender = SendRequest<Full<Bytes>>;

pub(super) async fn connect(url: &Url, tls: Option<&TlsConnector>) -> Result<Sender, Source> {
    match url {
        Url::Tcp { host, port, .. } => {
            let name = host.trim_start_matches('[').trim_end_matches(']');
            speak_over(TcpStream::connect((name, *port)).await?, name, tls).await
        }
        #[cfg(unix)]
        Url::Unix(path) => speak(TokioIo::new(tokio::net::UnixStream::connect(path).await?)).await,
        #[cfg(not(unix))]
        Url::Unix(_) => Err(io::Error::from(io::ErrorKind::Unsupported).into()),
    }
}

/// Over a connection that is made already, to a host of this name.
pub(super) async fn speak_over(stream: TcpStream, name: &str, tls: Option<&TlsConnector>) -> Result<Sender, Source> {
    // A request is written in one go: nothing is won by holding it back.
    stream.set_nodelay(true)?;
    match tls {
        None => speak(TokioIo::new(stream)).await,
        Some(tls) => {
            let name = ServerName::try_from(name.to_owned())?;
            speak(TokioIo::new(tls.connect(name, stream).await?)).await
        }
    }
}

async fn speak(stream: impl Read + Write + Unpin + Send + 'static) -> Result<Sender, Source> {
    let (sender, connection) = http1::handshake(stream).await?;
    // It ends when the sender and the last answer go, or the other side does: nobody need wait for it.
    drop(tokio::spawn(connection));
    Ok(sender)
}

/// What TLS connections are made with, for a URL that wants them.
pub(super) fn tls(url: &Url, config: &ClientConfig) -> Result<Option<TlsConnector>> {
    if !matches!(url, Url::Tcp { tls: true, .. }) {
        return Ok(None);
    }
    connector(config.certificate.as_deref()).map(Some)
}

/// What TLS connections are made with: to hosts whose certificates this machine trusts, or this one more.
pub(super) fn connector(certificate: Option<&Path>) -> Result<TlsConnector> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(path) = certificate {
        let bad = |why: String| Error::invalid("certificate", format!("{}: {why}", path.display()));
        let own = CertificateDer::pem_file_iter(path).map_err(|error| bad(error.to_string()))?;
        for certificate in own {
            let certificate = certificate.map_err(|error| bad(error.to_string()))?;
            roots.add(certificate).map_err(|error| bad(error.to_string()))?;
        }
    }
    let provider = Arc::new(ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::fault("TLS", error))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// That a connection took too long.
pub(super) fn late() -> Source {
    io::Error::new(io::ErrorKind::TimedOut, "it took too long").into()
}
