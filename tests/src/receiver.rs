//! A receiver of webhooks: a small HTTP server that remembers what it was sent and answers as it is told. It shares no code with what
//! sends, and computes signatures by itself.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// How a receiver answers.
#[derive(Clone, Debug)]
pub enum Reply {
    /// With this status.
    Status(u16),
    /// That what is asked for is elsewhere.
    Elsewhere(String),
    /// Not at all: it takes the request, and keeps the connection.
    Never,
}

/// What a receiver was sent.
#[derive(Clone, Debug)]
pub struct Heard {
    /// Method and path.
    pub line: String,
    /// All headers, in lower case.
    pub headers: BTreeMap<String, String>,
    /// The body as it came.
    pub body: Vec<u8>,
}

/// A receiver, until the process ends.
#[derive(Clone, Debug)]
pub struct Receiver {
    address: SocketAddr,
    heard: Arc<Mutex<Vec<Heard>>>,
}

impl Receiver {
    /// One on a port of its own. The answer may depend on how many were heard before.
    ///
    /// # Panics
    /// When this machine has no port.
    pub fn new(reply: impl Fn(usize) -> Reply + Send + Sync + 'static) -> Self {
        Self::at("127.0.0.1:0".parse().expect("an address"), reply)
    }

    /// One at this address.
    ///
    /// # Panics
    /// When somebody else has it.
    pub fn at(address: SocketAddr, reply: impl Fn(usize) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(address).expect("a free port");
        let address = listener.local_addr().expect("an address");
        let receiver = Self { address, heard: Arc::default() };
        let (own, reply) = (receiver.clone(), Arc::new(reply));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (receiver, reply) = (own.clone(), Arc::clone(&reply));
                std::thread::spawn(move || receiver.answer(&stream, &*reply));
            }
        });
        receiver
    }

    /// An address where nobody answers, and somebody may later.
    ///
    /// # Panics
    /// When this machine has no port.
    #[must_use]
    pub fn nobody() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.local_addr().expect("an address")
    }

    /// Its URL.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Its port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// All it has heard so far.
    #[must_use]
    pub fn heard(&self) -> Vec<Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// All it has heard, once there are so many.
    #[must_use]
    pub fn once(&self, count: usize) -> Option<Vec<Heard>> {
        Some(self.heard()).filter(|heard| heard.len() >= count)
    }

    fn answer(&self, stream: &TcpStream, reply: &(dyn Fn(usize) -> Reply + Send + Sync)) {
        let Some(request) = read(stream) else { return };
        let before = {
            let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
            heard.push(request);
            heard.len() - 1
        };
        let mut stream = stream;
        let mut say = |text: String| drop(stream.write_all(text.as_bytes()));
        match reply(before) {
            Reply::Status(status) => say(format!("HTTP/1.1 {status} x\r\ncontent-length: 2\r\n\r\nok")),
            Reply::Elsewhere(url) => say(format!("HTTP/1.1 302 x\r\nlocation: {url}\r\ncontent-length: 0\r\n\r\n")),
            // Until the other side goes.
            Reply::Never => drop(stream.read(&mut [0])),
        }
    }
}

fn read(stream: &TcpStream) -> Option<Heard> {
    let mut reader = BufReader::new(stream);
    let mut line = || {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        Some(line.trim_end().to_owned())
    };
    let first = line()?;
    let mut headers = BTreeMap::new();
    while let Some((name, value)) = line()?.split_once(": ") {
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    let mut body = vec![0; headers.get("content-length")?.parse().ok()?];
    reader.read_exact(&mut body).ok()?;
    Some(Heard { line: first.trim_end_matches(" HTTP/1.1").to_owned(), headers, body })
}

impl Heard {
    /// A header.
    ///
    /// # Panics
    /// When it did not come.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap_or_else(|| panic!("no {name} in {:?}", self.headers))
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// When it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    /// Whether it is signed with this secret, as the Standard Webhooks specification says: RFC 2104 spelt out.
    ///
    /// # Panics
    /// When the secret is none.
    #[must_use]
    pub fn is_signed_with(&self, secret: &str) -> bool {
        let mut key = STANDARD.decode(secret.strip_prefix("whsec_").expect("a secret")).expect("base64");
        assert!(key.len() <= 64, "longer keys are hashed first");
        key.resize(64, 0);
        let pad = |byte: u8| key.iter().map(|key| key ^ byte).collect::<Vec<_>>();
        let signed = format!("{}.{}.", self.header("webhook-id"), self.header("webhook-timestamp"));
        let inner = Sha256::new().chain_update(pad(0x36)).chain_update(signed).chain_update(&self.body).finalize();
        let outer = Sha256::new().chain_update(pad(0x5c)).chain_update(inner).finalize();
        let wanted = format!("v1,{}", STANDARD.encode(outer));
        self.header("webhook-signature").split(' ').any(|signature| signature == wanted)
    }
}
