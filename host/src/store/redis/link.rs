//! A connection that is made again for ever, and commands that are asked again as long as the caller's patience lasts.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Cmd, Value};
use tokio::runtime::Handle;
use tokio::time::Instant;

use super::check::{self, Refusal};
use super::fault::{self, Meaning};
use super::scripts::Script;
use super::url::Target;
use crate::error::Result;
use crate::store::Durability;

/// How long an operation waits for a server that is away.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);
/// How long a server that is there may take for an answer.
const ANSWER: Duration = Duration::from_secs(10);
const CONNECT: Duration = Duration::from_secs(5);
/// Commands that wait to be sent; more wait with their callers.
const QUEUE: usize = 1024;
const FIRST_REST: Duration = Duration::from_millis(20);
const LONGEST_REST: Duration = Duration::from_secs(2);

/// One connection to the server, shared by all who use it.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) target: Arc<Target>,
    durability: Durability,
    home: Handle,
    answer: Duration,
    line: Mutex<Line>,
    dialing: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Line {
    connection: Option<MultiplexedConnection>,
    /// Which connection this is, so that nobody drops a newer one than failed.
    number: u64,
    /// Why the last try to connect failed.
    trouble: Option<String>,
}

impl std::fmt::Debug for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "connection {}", self.number)
    }
}

impl Link {
    pub(super) fn new(target: Arc<Target>, durability: Durability, home: Handle) -> Self {
        let (line, dialing) = (Mutex::default(), tokio::sync::Mutex::new(()));
        Self { target, durability, home, answer: ANSWER, line, dialing }
    }

    /// The same, for commands that may take so much longer.
    pub(super) fn slower(mut self, by: Duration) -> Self {
        self.answer += by;
        self
    }

    /// Runs a script, again and again while the server is away; the script sees to it that it is done once.
    pub(super) async fn run(&self, script: &Script, args: &[Bytes]) -> Result<Value> {
        self.run_for(PATIENCE, script, args).await
    }

    /// The same, with another patience.
    pub(super) async fn run_for(&self, patience: Duration, script: &Script, args: &[Bytes]) -> Result<Value> {
        let base = &self.target.base;
        self.ask_for(patience, |again, whole| script.command(base, again, whole, args)).await
    }

    /// Asks what may be asked any number of times.
    pub(super) async fn ask(&self, command: &Cmd) -> Result<Value> {
        self.ask_for(PATIENCE, |_, _| command.clone()).await
    }

    /// The same, with another patience. The command is made anew for each try, knowing whether it may be done already and whether
    /// the server does not know the script.
    pub(super) async fn ask_for(&self, patience: Duration, command: impl Fn(bool, bool) -> Cmd) -> Result<Value> {
        let until = Instant::now() + patience;
        let (mut again, mut whole) = (false, false);
        let mut rest = Rest::default();
        loop {
            let (number, mut connection) = self.connection(until).await?;
            let error = match command(again, whole).query_async::<Value>(&mut connection).await {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            match fault::meaning(&error) {
                Meaning::Final => return Err(fault::error(&error, &self.target.shown)),
                // Said at once, or the server forgets scripts as fast as it is told them.
                Meaning::NoScript if !whole => {
                    whole = true;
                    continue;
                }
                Meaning::NoScript | Meaning::Later => {}
                Meaning::Elsewhere => self.hang_up(number, &fault::said(&error)),
                Meaning::Lost => {
                    self.hang_up(number, &fault::said(&error));
                    again = true;
                }
            }
            if !rest.before(until).await {
                return Err(match fault::meaning(&error) {
                    Meaning::Lost => self.away(),
                    _ => fault::error(&error, &self.target.shown),
                });
            }
        }
    }

    /// Says at once why it cannot be asked, if so: tries one connection that was there, and one new one.
    pub(super) async fn ask_now(&self, command: &Cmd) -> Result<()> {
        let mut had_one = self.live().is_some();
        loop {
            let (number, mut connection) = self.connection(Instant::now()).await?;
            let asked = tokio::time::timeout(CONNECT, command.query_async::<Value>(&mut connection)).await;
            match asked {
                Ok(Ok(_)) => return Ok(()),
                Ok(Err(error)) if fault::meaning(&error) != Meaning::Lost => {
                    return Err(fault::error(&error, &self.target.shown));
                }
                Ok(Err(error)) => self.hang_up(number, &fault::said(&error)),
                Err(_) => return Err(fault::away(&self.target.shown, "it does not answer")),
            }
            if !std::mem::take(&mut had_one) {
                return Err(self.away());
            }
        }
    }

    /// The connection, made if there is none.
    async fn connection(&self, until: Instant) -> Result<(u64, MultiplexedConnection)> {
        if let Some(live) = self.live() {
            return Ok(live);
        }
        let Ok(_turn) = tokio::time::timeout_at(until, self.dialing.lock()).await else { return Err(self.away()) };
        let mut rest = Rest::default();
        loop {
            if let Some(live) = self.live() {
                return Ok(live);
            }
            match self.dial().await {
                Ok(connection) => return Ok(self.connected(connection)),
                Err(Refusal::Unfit(error)) => return Err(error),
                Err(Refusal::Away(why)) => self.line().trouble = Some(why),
            }
            if !rest.before(until).await {
                return Err(self.away());
            }
        }
    }

    /// Connects on the store's own thread, whoever asks.
    async fn dial(&self) -> Result<MultiplexedConnection, Refusal> {
        let (target, durability, answer) = (Arc::clone(&self.target), self.durability, self.answer);
        let dialing = self.home.spawn(async move {
            let mut connection = connect(&target, answer).await?;
            check::check(&mut connection, durability, &target).await?;
            Ok(connection)
        });
        dialing.await.unwrap_or_else(|_| Err(Refusal::Away("the store is closed".into())))
    }

    fn connected(&self, connection: MultiplexedConnection) -> (u64, MultiplexedConnection) {
        let mut line = self.line();
        if line.trouble.take().is_some() {
            tracing::info!(server = %self.target.shown, "connected to Redis again");
        }
        line.number += 1;
        line.connection = Some(connection.clone());
        (line.number, connection)
    }

    fn live(&self) -> Option<(u64, MultiplexedConnection)> {
        let line = self.line();
        line.connection.clone().map(|connection| (line.number, connection))
    }

    /// Which connection there is; another number later means that it was lost meanwhile.
    pub(super) fn number(&self) -> u64 {
        self.line().number
    }

    fn hang_up(&self, number: u64, why: &str) {
        let mut line = self.line();
        if line.number == number && line.connection.take().is_some() {
            tracing::warn!(server = %self.target.shown, why, "the connection to Redis is lost; connecting again");
            line.trouble = Some(why.to_owned());
        }
    }

    fn away(&self) -> crate::error::Error {
        let why = self.line().trouble.clone().unwrap_or_else(|| "no answer in time".into());
        fault::away(&self.target.shown, &why)
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        // Nothing panics while it is held.
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Connects, without a look at what the server is like.
pub(super) async fn connect(target: &Target, answer: Duration) -> Result<MultiplexedConnection, Refusal> {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT))
        .set_response_timeout(Some(answer))
        .set_pipeline_buffer_size(QUEUE);
    let connected = target.client.get_multiplexed_async_connection_with_config(&config).await;
    connected.map_err(|error| Refusal::of(&error, target))
}

/// Rests that grow, each a little longer or shorter by chance, so that not all hosts come at once.
#[derive(Debug)]
struct Rest(Duration);

impl Default for Rest {
    fn default() -> Self {
        Self(FIRST_REST)
    }
}

impl Rest {
    /// Rests, unless there is no time left.
    async fn before(&mut self, until: Instant) -> bool {
        let rest = self.0.mul_f64(rand::random_range(0.5..1.5));
        self.0 = (self.0 * 2).min(LONGEST_REST);
        if Instant::now() + rest >= until {
            return false;
        }
        tokio::time::sleep(rest).await;
        true
    }
}
