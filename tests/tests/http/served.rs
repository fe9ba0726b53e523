//! A server in this process, on a host of its own with the guest of `guest.wat` in it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use au_host::http::{Auth, HttpConfig, HttpLimits, Listen, Server, TlsFiles};
use au_host::{GrantCeiling, Local, LocalConfig, NewToken, SandboxPolicy, Scope};
use au_tests::guest;
use reqwest::{Client, Method, RequestBuilder};
use serde_json::Value;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::*;

pub(crate) struct Served {
    pub(crate) local: Arc<Local>,
    pub(crate) address: SocketAddr,
    pub(crate) client: Client,
    pub(crate) drain: CancellationToken,
    pub(crate) serving: JoinHandle<()>,
}

impl Served {
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// With other limits.
    pub(crate) async fn with(change: impl FnOnce(&mut HttpLimits)) -> Self {
        let policy = SandboxPolicy { grants: GrantCeiling::Harmless, ..SandboxPolicy::default() };
        let local = guest::local(LocalConfig { policy, slots: Some(16), ..guest::config() }).await;
        Self::on(local, change).await
    }

    /// Where everybody is asked for a token.
    pub(crate) async fn closed() -> Self {
        Self::configured(guest::local(LocalConfig { slots: Some(16), ..guest::config() }).await, |config| {
            config.auth = Auth::Required;
        })
        .await
    }

    pub(crate) async fn on(local: Local, change: impl FnOnce(&mut HttpLimits)) -> Self {
        Self::configured(local, |config| change(&mut config.limits)).await
    }

    pub(crate) async fn configured(local: Local, change: impl FnOnce(&mut HttpConfig)) -> Self {
        let mut config = HttpConfig { listen: "127.0.0.1:0".parse().unwrap(), ..HttpConfig::default() };
        change(&mut config);
        let server = Server::bind(config).await.unwrap();
        let Listen::Tcp(address) = *server.listen() else { unreachable!() };
        let (local, drain) = (Arc::new(local), CancellationToken::new());
        let serving = server.serve(Arc::clone(&local), drain.clone(), LONG);
        let serving = tokio::spawn(async { serving.await.unwrap() });
        Self { local, address, client: client(), drain, serving }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn ask(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, self.url(path))
    }

    pub(crate) async fn send(&self, request: RequestBuilder) -> Answer {
        Answer::of(request.send().await.unwrap()).await
    }

    /// A token of this host.
    pub(crate) async fn token(&self, tenant: Option<&str>, scopes: &[Scope]) -> String {
        let new =
            NewToken { name: "test".into(), tenant: tenant.map(str::to_owned), scopes: scopes.into(), lasts: None };
        self.local.host().tokens().create(new).await.unwrap().1.reveal().to_owned()
    }

    /// The answer to a request that carries this token.
    pub(crate) async fn as_who(
        &self,
        token: &str,
        method: Method,
        path: &str,
        body: impl Into<reqwest::Body>,
    ) -> Answer {
        self.send(self.ask(method, path).bearer_auth(token).header("content-type", OCTETS).body(body)).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(self.ask(Method::GET, path)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.send(self.ask(Method::DELETE, path)).await
    }

    pub(crate) async fn post(&self, path: &str, kind: &str, body: impl Into<reqwest::Body>) -> Answer {
        self.send(self.ask(Method::POST, path).header("content-type", kind).body(body)).await
    }

    /// The id of a job of the guest, given a number.
    pub(crate) async fn submit(&self, function: &str, input: u32) -> String {
        let job = json(self.post(&format!("/v1/submit/guest/{function}"), OCTETS, number(input)).await, 202);
        job["id"].as_str().unwrap().to_owned()
    }

    /// A call that goes on until this is aborted. Sent again while there is no place for it.
    pub(crate) fn calling(&self, function: &str) -> JoinHandle<Answer> {
        let call = self.ask(Method::POST, &format!("/v1/call/guest/{function}")).body("[]");
        tokio::spawn(async move {
            loop {
                let answer = Answer::of(call.try_clone().unwrap().send().await.unwrap()).await;
                if answer.status != 503 {
                    return answer;
                }
            }
        })
    }

    /// A job once it has finished.
    pub(crate) async fn finished(&self, id: &str) -> Value {
        until("the end of a job", async || {
            let job = json(self.get(&format!("/v1/jobs/{id}?wait=30s")).await, 200);
            ["completed", "failed", "cancelled"].contains(&job["status"].as_str().unwrap()).then_some(job)
        })
        .await
    }

    /// A job once it has this status.
    pub(crate) async fn once(&self, id: &str, status: &str) -> Value {
        until(status, async || {
            let job = json(self.get(&format!("/v1/jobs/{id}")).await, 200);
            (job["status"] == status).then_some(job)
        })
        .await
    }

    pub(crate) async fn cancel(&self, id: &str) {
        json(self.post(&format!("/v1/jobs/{id}/cancel"), OCTETS, "").await, 202);
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
        stream
    }

    /// What comes back to these bytes, until the connection is closed.
    pub(crate) async fn raw(&self, bytes: impl Into<Vec<u8>>) -> String {
        let (mut stream, bytes) = (self.connect(), bytes.into());
        let asking = tokio::task::spawn_blocking(move || {
            // It may be refused before all of it was sent.
            drop(stream.write_all(&bytes));
            read_all(&mut stream)
        });
        asking.await.unwrap()
    }
}

/// What comes until the connection is closed, one way or another.
pub(crate) fn read_all(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let mut piece = [0; 4096];
    loop {
        match stream.read(&mut piece) {
            Ok(0) => break,
            Ok(count) => answer.extend_from_slice(&piece[..count]),
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => break,
            Err(error) => panic!("neither answered nor closed: {error}"),
        }
    }
    String::from_utf8_lossy(&answer).into_owned()
}

/// A certificate of its own for `name`, and its key, in this folder.
pub(crate) fn self_signed(folder: &std::path::Path, name: &str) -> TlsFiles {
    let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    let files = TlsFiles { certificate: folder.join("cert.pem"), key: folder.join("key.pem") };
    std::fs::write(&files.certificate, made.cert.pem()).unwrap();
    std::fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
    files
}
