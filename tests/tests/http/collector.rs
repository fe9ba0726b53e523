//! A collector of OpenTelemetry: takes OTLP over HTTP on a port of its own, and keeps what it was sent.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use prost::Message as _;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::*;

/// A span as it came.
#[derive(Clone, Debug)]
pub(crate) struct Span {
    pub(crate) service: String,
    pub(crate) trace: String,
    pub(crate) id: String,
    pub(crate) parent: String,
    pub(crate) state: String,
    pub(crate) name: String,
    pub(crate) kind: i32,
    pub(crate) failed: bool,
    pub(crate) attributes: BTreeMap<String, String>,
    pub(crate) events: Vec<(String, BTreeMap<String, String>)>,
}

pub(crate) struct Collector {
    pub(crate) url: String,
    kept: Arc<Mutex<Kept>>,
}

#[derive(Default)]
struct Kept {
    bytes: Vec<u8>,
    spans: Vec<Span>,
    heads: Vec<String>,
}

impl Collector {
    pub(crate) fn new() -> Self {
        Self::taking("http", take)
    }

    /// One that has this certificate.
    pub(crate) fn over_tls(made: &rcgen::CertifiedKey<rcgen::KeyPair>) -> Self {
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
        let config = Arc::new(config.with_single_cert(vec![made.cert.der().clone()], key).unwrap());
        Self::taking("https", move |mut stream, kept| {
            let mut tls = ServerConnection::new(Arc::clone(&config)).unwrap();
            // Who does not trust it sends nothing.
            if tls.complete_io(&mut stream).is_ok() {
                take(StreamOwned::new(tls, stream), kept);
            }
        })
    }

    fn taking(scheme: &str, take: impl Fn(TcpStream, &Mutex<Kept>) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("{scheme}://{}", listener.local_addr().unwrap());
        let kept = Arc::<Mutex<Kept>>::default();
        let keeps = Arc::clone(&kept);
        // It ends with the process: a test that is over connects to nothing any more.
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                take(stream.unwrap(), &keeps);
            }
        });
        Self { url, kept }
    }

    /// The span of this name and with this attribute, once it has come.
    pub(crate) async fn span(&self, name: &str, attribute: (&str, &str)) -> Span {
        until(name, async || self.all(name, attribute).pop()).await
    }

    /// The spans of this name and with this attribute that have come.
    pub(crate) fn all(&self, name: &str, (key, value): (&str, &str)) -> Vec<Span> {
        let kept = self.kept.lock().unwrap();
        let is = |span: &&Span| span.name == name && span.attributes.get(key).is_some_and(|found| found == value);
        kept.spans.iter().filter(is).cloned().collect()
    }

    /// Whether these bytes came, anywhere.
    pub(crate) fn has(&self, text: &str) -> bool {
        self.kept.lock().unwrap().bytes.windows(text.len()).any(|part| part == text.as_bytes())
    }

    pub(crate) fn spans(&self) -> usize {
        self.kept.lock().unwrap().spans.len()
    }

    /// The heads of the requests, in lower case.
    pub(crate) fn heads(&self) -> Vec<String> {
        self.kept.lock().unwrap().heads.clone()
    }
}

/// One request; the connection is closed after it.
fn take(stream: impl Read + Write, kept: &Mutex<Kept>) {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert_ne!(reader.read_line(&mut head).unwrap(), 0, "{head}");
    }
    let head = head.to_lowercase();
    assert!(head.starts_with("post /v1/traces http/1.1"), "{head}");
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap().parse().unwrap();
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let request = ExportTraceServiceRequest::decode(&*body).unwrap();
    {
        let mut kept = kept.lock().unwrap();
        kept.bytes.extend(body);
        kept.heads.push(head);
        kept.spans.extend(spans(request));
    }
    let answer =
        "HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    reader.get_mut().write_all(answer.as_bytes()).unwrap();
}

fn spans(request: ExportTraceServiceRequest) -> Vec<Span> {
    let mut found = Vec::new();
    for of in request.resource_spans {
        let service = attributes(of.resource.unwrap().attributes).remove("service.name").unwrap();
        for span in of.scope_spans.into_iter().flat_map(|scope| scope.spans) {
            found.push(Span {
                service: service.clone(),
                trace: hex::encode(span.trace_id),
                id: hex::encode(span.span_id),
                parent: hex::encode(span.parent_span_id),
                state: span.trace_state,
                name: span.name,
                kind: span.kind,
                failed: span.status.is_some_and(|status| status.code == 2),
                attributes: attributes(span.attributes),
                events: span.events.into_iter().map(|event| (event.name, attributes(event.attributes))).collect(),
            });
        }
    }
    found
}

fn attributes(pairs: Vec<KeyValue>) -> BTreeMap<String, String> {
    pairs.into_iter().map(|pair| (pair.key, text(pair.value))).collect()
}

fn text(value: Option<AnyValue>) -> String {
    match value.and_then(|value| value.value) {
        Some(any_value::Value::StringValue(text)) => text,
        Some(any_value::Value::IntValue(number)) => number.to_string(),
        other => format!("{other:?}"),
    }
}
