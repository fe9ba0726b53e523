//! Sends one thing to an address that somebody else has chosen, and hears whether it was taken: nothing is followed, kept or sent again.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::header::{CONNECTION, HOST, USER_AGENT};
use hyper::{Method, Request, Response};
use tokio::net::TcpStream;
use tokio::sync::OnceCell;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::connect;
use super::exchange::AGENT;
use crate::error::{Result, Source};

/// How long an address may take to answer at all, before another of the same machine is tried.
const CONNECT: Duration = Duration::from_secs(4);
/// How much of an answer is read, and for how long, so that its sender need not notice that nobody wants it.
const ANSWER: usize = 16 << 10;
const READ: Duration = Duration::from_secs(1);

/// What is sent.
#[derive(Debug)]
pub(crate) struct Parcel<'a> {
    /// Whether over TLS.
    pub(crate) tls: bool,
    /// Whose certificate it must be.
    pub(crate) name: &'a str,
    /// What the machine is called in the request.
    pub(crate) authority: &'a str,
    /// What is asked of it.
    pub(crate) path: &'a str,
    /// Beside those of HTTP itself.
    pub(crate) headers: &'a [(&'static str, String)],
    pub(crate) body: &'a Bytes,
}

/// Sends things. What TLS needs is read when first needed.
#[derive(Default)]
pub(crate) struct Postman(OnceCell<TlsConnector>);

impl std::fmt::Debug for Postman {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Postman")
    }
}

impl Postman {
    /// The answer of the first of these addresses that lets itself be connected to.
    pub(crate) async fn post(&self, addresses: &[SocketAddr], parcel: &Parcel<'_>) -> Result<Answer, Source> {
        let tls = match parcel.tls {
            true => Some(self.0.get_or_try_init(async || connect::connector(None)).await?),
            false => None,
        };
        let stream = reach(addresses).await?;
        let mut sender = connect::speak_over(stream, parcel.name, tls).await?;
        let mut request = Request::builder().method(Method::POST).uri(parcel.path);
        for (name, value) in parcel.headers {
            request = request.header(*name, value);
        }
        let request = request.header(HOST, parcel.authority).header(USER_AGENT, AGENT).header(CONNECTION, "close");
        Ok(Answer(sender.send_request(request.body(Full::new(parcel.body.clone()))?).await?))
    }
}

/// An answer, of which the head has come.
#[derive(Debug)]
pub(crate) struct Answer(Response<Incoming>);

impl Answer {
    pub(crate) fn status(&self) -> u16 {
        self.0.status().as_u16()
    }

    /// Takes leave of who sent it.
    pub(crate) async fn end(self) {
        let (mut body, mut read) = (self.0.into_body(), 0);
        let reading = async {
            while read < ANSWER
                && let Some(Ok(frame)) = body.frame().await
            {
                read += frame.data_ref().map_or(0, Bytes::len);
            }
        };
        // What has not come by then is not waited for.
        drop(timeout(READ, reading).await);
    }
}

async fn reach(addresses: &[SocketAddr]) -> Result<TcpStream, Source> {
    let mut cause = connect::late();
    for address in addresses {
        match timeout(CONNECT, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => cause = error.into(),
            Err(_) => cause = connect::late(),
        }
    }
    Err(cause)
}
