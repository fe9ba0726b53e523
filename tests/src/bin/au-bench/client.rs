//! Asks the same over and over on several connections that are kept: the same client for whoever is measured.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use futures::future::join_all;
use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::runtime::Runtime;

use crate::measure::wall;

const CONNECTIONS: usize = 8;

/// A request, and who is asked.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    address: SocketAddr,
    path: String,
    kind: &'static str,
    body: Bytes,
}

impl Asked {
    pub(crate) fn post(address: SocketAddr, path: &str, kind: &'static str, body: Vec<u8>) -> Self {
        Self { address, path: path.to_owned(), kind, body: body.into() }
    }

    fn request(&self) -> Request<Full<Bytes>> {
        let request = Request::post(&self.path).header("host", "localhost").header("content-type", self.kind);
        request.body(Full::new(self.body.clone())).expect("a request")
    }
}

/// Requests a second.
pub(crate) fn rate(runtime: &Runtime, asked: &Asked, count: usize) -> f64 {
    let connections = runtime.block_on(join_all((0..CONNECTIONS.min(count)).map(|_| connect(asked.address))));
    let begun = Arc::new(AtomicUsize::new(0));
    let took = wall(|| {
        runtime.block_on(async {
            let asking = connections.into_iter().map(|mut connection| {
                let (asked, begun) = (asked.clone(), Arc::clone(&begun));
                tokio::spawn(async move {
                    while begun.fetch_add(1, Ordering::Relaxed) < count {
                        ask(&mut connection, asked.request()).await;
                    }
                })
            });
            join_all(asking).await.into_iter().for_each(|ended| ended.expect("it ends"));
        });
    });
    count as f64 / took.as_secs_f64()
}

async fn connect(address: SocketAddr) -> SendRequest<Full<Bytes>> {
    let stream = TcpStream::connect(address).await.expect("it listens");
    stream.set_nodelay(true).expect("a socket");
    let (sender, connection) = handshake(TokioIo::new(stream)).await.expect("it speaks HTTP");
    tokio::spawn(connection);
    sender
}

async fn ask(connection: &mut SendRequest<Full<Bytes>>, request: Request<Full<Bytes>>) {
    connection.ready().await.expect("it is kept");
    let response = connection.send_request(request).await.expect("an answer");
    let status = response.status();
    let body = response.into_body().collect().await.expect("all of it").to_bytes();
    assert!(status.is_success(), "{status}: {}", String::from_utf8_lossy(&body));
}
