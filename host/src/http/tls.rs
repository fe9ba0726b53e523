//! TLS by rustls, with the certificate of its operator.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::error::{Error, Result};

/// The files of a certificate and its key, in PEM.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// The certificate, and those of who signed it.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

impl TlsFiles {
    pub(super) fn acceptor(&self) -> Result<TlsAcceptor> {
        let chain = CertificateDer::pem_file_iter(&self.certificate).and_then(Iterator::collect);
        let chain: Vec<_> = chain.map_err(|error| unusable("--tls-cert", &self.certificate, &error))?;
        if chain.is_empty() {
            return Err(Error::invalid(
                "--tls-cert",
                format!("{} has no certificate in it", self.certificate.display()),
            ));
        }
        let key = PrivateKeyDer::from_pem_file(&self.key).map_err(|error| unusable("--tls-key", &self.key, &error))?;
        // Named, not the process's default: a library must not depend on who set that first.
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
            .map_err(|error| unusable("--tls-key", &self.key, &error))?;
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}

fn unusable(what: &'static str, path: &Path, error: &dyn std::fmt::Display) -> Error {
    Error::invalid(what, format!("{}: {error}", path.display()))
}
