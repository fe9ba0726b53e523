//! Webhooks over TLS: the certificate is that of the name in the URL, or nothing is sent.

use std::process::Command;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use super::program::{Folder, program};
use super::*;

/// A receiver that has the certificate it is given, and tells the first bytes of what it was sent.
async fn receiver(made: &rcgen::CertifiedKey<rcgen::KeyPair>) -> (u16, mpsc::Receiver<String>) {
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let config =
        ServerConfig::builder_with_provider(Arc::new(ring::default_provider())).with_safe_default_protocol_versions();
    let config = config.unwrap().with_no_client_auth().with_single_cert(vec![made.cert.der().clone()], key).unwrap();
    let (acceptor, listener) = (TlsAcceptor::from(Arc::new(config)), TcpListener::bind("127.0.0.1:0").await.unwrap());
    let port = listener.local_addr().unwrap().port();
    let (told, heard) = mpsc::channel(16);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut piece = vec![0; 4096];
            let count = stream.read(&mut piece).await.unwrap_or(0);
            drop(told.send(String::from_utf8_lossy(&piece[..count]).into_owned()).await);
            drop(stream.write_all(b"HTTP/1.1 204 x\r\n\r\n").await);
            drop(stream.shutdown().await);
        }
    });
    (port, heard)
}

#[tokio::test]
async fn over_tls_the_name_must_be_the_certificates_and_the_certificate_a_trusted_one() {
    let folder = Folder::new();
    std::fs::write(folder.path().join("data/au-host.toml"), "[webhook]\nallow = ['127.0.0.1']\n").unwrap();
    let certificate = |name: &str| rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    let (good, of_another, unknown) =
        (certificate("localhost"), certificate("other.example"), certificate("localhost"));
    let trusted = folder.path().join("trusted.pem");
    std::fs::write(&trusted, good.cert.pem() + &of_another.cert.pem()).unwrap();
    let mut command = Command::new("env");
    command.arg(format!("SSL_CERT_FILE={}", trusted.display())).arg(program());
    let server = folder.start(command, &[]);
    for (made, word) in [(&of_another, "certificate"), (&unknown, "certificate"), (&good, "")] {
        let (port, mut heard) = receiver(made).await;
        let path = format!("{}/v1/submit/guest/echo?webhook=https://localhost:{port}/x", server.url);
        let submitted = server.client.post(path).body("[7]").send().await.unwrap();
        let id = json(Answer::of(submitted).await, 202)["id"].as_str().unwrap().to_owned();
        let webhook = until("a try", async || {
            let webhook = json(server.get(&format!("/v1/jobs/{id}")).await, 200)["webhook"].clone();
            (webhook["state"] == "delivered" || webhook["error"].is_string()).then_some(webhook)
        })
        .await;
        if word.is_empty() {
            assert_eq!(webhook["state"], "delivered", "{webhook}");
            assert!(heard.recv().await.unwrap().starts_with("POST /x HTTP/1.1\r\n"));
        } else {
            assert!(webhook["error"].as_str().unwrap().contains(word), "{webhook}");
            assert!(heard.try_recv().is_err(), "nothing was sent");
        }
    }
}
