//! A server over TLS.

use std::net::TcpListener;
use std::process::Command;

use au_host::store::Durability;
use au_tests::redis::Server;
use au_tests::store::jobs;

use super::{needs_redis, refusal, store};

/// Where the other process of the test finds the server.
const URL: &str = "AU_TEST_REDIS_URL";

#[test]
fn a_server_over_tls_is_used_when_its_certificate_is_known_and_refused_when_not() {
    needs_redis!();
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: String| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let (certificate, key) = (file("cert.pem", made.cert.pem()), file("key.pem", made.signing_key.serialize_pem()));
    let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port().to_string();
    let settings = ["--tls-cert-file", &certificate, "--tls-key-file", &key, "--tls-auth-clients", "no"];
    let synced = ["--appendonly", "yes", "--appendfsync", "always", "--tls-port", &port];
    let _server = Server::with(&[&settings[..], &synced].concat());
    // Whom to trust is read from the environment, which is the whole process's: so another process asks.
    for (trusted, test) in [(Some(&certificate), "tls::uses_the_server"), (None, "tls::refuses_the_server")] {
        let mut asks = Command::new(std::env::current_exe().unwrap());
        asks.args(["--ignored", "--exact", test]).env(URL, format!("rediss://127.0.0.1:{port}"));
        if let Some(trusted) = trusted {
            asks.env("SSL_CERT_FILE", trusted);
        }
        let output = asks.output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && said.contains("1 passed"), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "another test runs it in a process of its own"]
async fn uses_the_server() {
    let Ok(url) = std::env::var(URL) else { return };
    let store = store(&url).await;
    store.insert(&jobs::job()).await.unwrap();
    assert_eq!(store.take(&jobs::take(jobs::worker(), 1)).await.unwrap().started.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "another test runs it in a process of its own"]
async fn refuses_the_server() {
    let Ok(url) = std::env::var(URL) else { return };
    let error = refusal(&url, Durability::Fsync).await;
    assert!(error.chain().contains("certificate"), "{}", error.chain());
}
