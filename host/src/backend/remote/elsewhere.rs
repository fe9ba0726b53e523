//! The backend `http:`: attempts run on another host, a request each. To close it is to cancel the attempt.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep};

use super::conversation::{Line, Transport};
use super::frame::{self, Frames, ToHost, VERSION};
use crate::attempt::Attempt;
use crate::client::{AttemptAnswer, Client, ClientConfig};
use crate::error::{Error, Misuse, Result, ShutOut};
use crate::id::Digest;
use crate::registry::Registry;

/// How a backend on another host is to behave.
#[derive(Clone)]
pub struct ElsewhereConfig {
    /// What tells that host who asks. It needs the scope `work` there.
    pub token: Option<String>,
    /// Attempts at once. More wait.
    pub attempts: usize,
    /// How long that host may say nothing of an attempt, nor begin to answer: it says that it is there every second.
    pub silence: Duration,
}

const ATTEMPTS: usize = 64;
const SILENCE: Duration = Duration::from_secs(10);
/// How long to wait for room there; then whoever wants it run may look elsewhere.
const PATIENCE: Duration = Duration::from_secs(5);
/// What that host has to stop an attempt, before its request is closed.
const GRACE: Duration = Duration::from_secs(1);
/// What it has beyond the time of an attempt: to fetch the module, make it ready, and answer.
const LATE: Duration = Duration::from_secs(3);
const RESTS: [Duration; 2] = [Duration::from_millis(20), Duration::from_secs(1)];

impl Default for ElsewhereConfig {
    /// 64 attempts at once.
    fn default() -> Self {
        Self { token: None, attempts: ATTEMPTS, silence: SILENCE }
    }
}

impl std::fmt::Debug for ElsewhereConfig {
    /// All but the token, which is a secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ElsewhereConfig")
            .field("attempts", &self.attempts)
            .field("silence", &self.silence)
            .finish_non_exhaustive()
    }
}

/// Runs attempts on another host.
#[derive(Debug)]
pub struct Elsewhere {
    client: Client,
    registry: Arc<Registry>,
    config: ElsewhereConfig,
    places: Arc<Semaphore>,
}

impl Elsewhere {
    pub(super) fn new(registry: Arc<Registry>, url: &str, config: ElsewhereConfig) -> Result<Self> {
        let default = ClientConfig::default();
        let (token, connect) = (config.token.clone(), default.connect.min(config.silence));
        let client = Client::new(url, ClientConfig { token, connect, answer: config.silence, tries: 2, ..default })?;
        let places = Arc::new(Semaphore::new(config.attempts.max(1)));
        Ok(Self { client, registry, config, places })
    }

    pub(super) async fn check(&self) -> Result<()> {
        self.client.can_attempt().await
    }

    /// Sends what the host there does not have.
    async fn send_module(&self, digest: Digest) -> Result<()> {
        let registry = Arc::clone(&self.registry);
        let bytes = tokio::task::spawn_blocking(move || registry.bytes(digest)).await;
        let bytes = bytes.map_err(|error| Error::fault("remote backend", error))??;
        let added = self.client.add_module(bytes).await?;
        if added.digest == digest {
            return Ok(());
        }
        let why = format!("it calls module {digest} {}, so it is none of ours", added.digest);
        Err(Error::fault("remote backend", why))
    }

    /// The beginning of an answer; the module is sent first if it is not there.
    async fn begun(&self, module: Digest, told: &bytes::Bytes) -> Result<AttemptAnswer> {
        match self.ask(told).await {
            Err(Error::NotFound { what: "module", .. }) => {
                self.send_module(module).await?;
                self.ask(told).await
            }
            answer => answer,
        }
    }

    /// The beginning of an answer, once there is room.
    async fn ask(&self, told: &bytes::Bytes) -> Result<AttemptAnswer> {
        let (began, [mut rest, longest]) = (Instant::now(), RESTS);
        loop {
            match self.client.attempt(told.clone()).await {
                Err(Error::Busy { .. }) if began.elapsed() < PATIENCE => sleep(rest).await,
                Err(Error::Request { misuse: Misuse::TooLarge, why }) => {
                    let size = told.len();
                    let why = format!(
                        "the attempt has {size} bytes with its input, and {why}; max_body in [http] there says how many it may have"
                    );
                    return Err(Error::request(Misuse::TooLarge, why));
                }
                answer => return answer,
            }
            rest = (rest * 2).min(longest);
        }
    }
}

/// To one that is not let in, that host is as good as away: no attempt begins, until somebody mends it.
fn let_in(error: Error, url: &str) -> Error {
    // A grant that is refused is told as `Refused`, and is the job's own affair.
    if !matches!(error, Error::Remote { status: 401 | 403, .. }) {
        return error;
    }
    Error::Unreachable { url: url.to_owned(), source: ShutOut(error.chain()).into() }
}

#[async_trait]
impl Transport for Elsewhere {
    type Line = Talk;

    async fn begin(&self, attempt: &Attempt) -> Result<Talk> {
        let told = frame::attempt(attempt)?.freeze();
        let place = Arc::clone(&self.places).acquire_owned().await;
        let place = place.map_err(|error| Error::fault("remote backend", error))?;
        let answer = self.begun(attempt.module, &told).await.map_err(|error| let_in(error, &self.client.url()))?;
        Ok(Talk { answer: Some(answer), frames: Frames::new(), _place: place })
    }

    fn capacity(&self) -> usize {
        self.config.attempts.max(1)
    }

    fn grace(&self) -> Duration {
        GRACE
    }

    fn late(&self) -> Duration {
        LATE
    }

    fn silence(&self) -> Duration {
        self.config.silence
    }
}

/// A request that is being answered. Dropping it closes the connection.
#[derive(Debug)]
pub(super) struct Talk {
    answer: Option<AttemptAnswer>,
    frames: Frames,
    _place: OwnedSemaphorePermit,
}

#[async_trait]
impl Line for Talk {
    async fn hear(&mut self) -> Result<ToHost> {
        loop {
            match self.frames.next()? {
                Some(ToHost::Ready(version)) if version != VERSION => {
                    return Err(Error::fault("host elsewhere", "is of another version of au-host"));
                }
                Some(told) => return Ok(told),
                None => {}
            }
            let closed = || Error::fault("host elsewhere", "closed the connection");
            let piece = self.answer.as_mut().ok_or_else(closed)?.next().await?;
            self.frames.bytes.extend_from_slice(&piece.ok_or_else(closed)?);
        }
    }

    async fn cancel(&mut self) {
        self.answer = None;
    }

    fn release(self) {
        if let Some(answer) = self.answer {
            answer.end();
        }
    }

    async fn end(self) -> Option<String> {
        None
    }
}
