//! How a client is to behave.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// How a [`Client`](super::Client) is to behave.
#[derive(Clone)]
pub struct ClientConfig {
    /// What tells the host who asks (RFC 6750).
    pub token: Option<String>,
    /// Longest to wait for a connection.
    pub connect: Duration,
    /// Longest to wait for an answer to begin, beyond what is waited for: a call takes as long as it takes, and a wait too. A host
    /// gives up by itself after 30 s, and says so.
    pub answer: Duration,
    /// How often something is sent in all that may be sent again.
    pub tries: u32,
    /// Most bytes of an answer.
    pub answer_bytes: u64,
    /// A certificate (PEM) to trust besides those that this machine trusts: of a host that has made its own.
    pub certificate: Option<PathBuf>,
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self {
            token: None,
            connect: Duration::from_secs(10),
            answer: Duration::from_secs(35),
            tries: 4,
            answer_bytes: 1 << 30,
            certificate: None,
        }
    }
}

impl fmt::Debug for ClientConfig {
    /// All but the token, which is a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientConfig")
            .field("token", &self.token.as_ref().map(|_| "…"))
            .field("connect", &self.connect)
            .field("answer", &self.answer)
            .field("tries", &self.tries)
            .field("answer_bytes", &self.answer_bytes)
            .field("certificate", &self.certificate)
            .finish()
    }
}
