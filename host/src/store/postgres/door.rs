//! Opens connections: with the settings that the store relies on, again and again while the server is away.

use std::time::Duration;

use futures::stream::{self, StreamExt};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_postgres::{AsyncMessage, Notification};
use uuid::Uuid;

use super::address::Address;
use super::fault::{self, Trouble};
use super::session::Session;
use crate::error::{self, Error, Result};
use crate::store::Durability;

/// How long an operation waits for a server that is away.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);
/// Least and most rest between two tries to connect; between them it doubles.
const REST: (Duration, Duration) = (Duration::from_millis(50), Duration::from_millis(1500));
/// Notifications of one connection that wait to be looked at. More are only counted as some: see `watch.rs`.
pub(super) const NOTIFICATIONS: usize = 64;

/// Where the database is, and what a connection to it is like.
#[derive(Debug)]
pub(super) struct Door {
    pub(super) address: Address,
    durability: Durability,
    /// Where connections live: whoever asks for one may be on a runtime that has no network, or ends before the store.
    runtime: Handle,
}

impl Door {
    pub(super) fn new(address: Address, durability: Durability) -> Self {
        Self { address, durability, runtime: Handle::current() }
    }

    /// Tries until then, and says why it did not come to pass.
    pub(super) async fn open(&self, until: Instant) -> Result<Session> {
        self.open_with(until, None).await
    }

    /// The same, for one whose notifications go there.
    pub(super) async fn open_hearing(&self, until: Instant, hears: mpsc::Sender<Notification>) -> Result<Session> {
        self.open_with(until, Some(hears)).await
    }

    /// Starts something where connections live.
    pub(super) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
        self.runtime.spawn(work)
    }

    async fn open_with(&self, until: Instant, hears: Option<mpsc::Sender<Notification>>) -> Result<Session> {
        let (mut rest, mut last) = (REST.0, None);
        while let Ok(opened) = tokio::time::timeout_at(until, self.try_open(hears.clone())).await {
            let error = match opened {
                Ok(session) => return Ok(session),
                Err(error) => error,
            };
            tracing::debug!(error = error.chain(), "PostgreSQL cannot be reached; trying again");
            last = Some(error);
            if Instant::now() + rest >= until {
                break;
            }
            tokio::time::sleep(jittered(rest)).await;
            rest = (rest * 2).min(REST.1);
        }
        Err(last.unwrap_or_else(|| fault::unreachable(&self.address.to_string(), "it does not answer")))
    }

    /// One connection, whose notifications go there, if anywhere.
    pub(super) async fn try_open(&self, hears: Option<mpsc::Sender<Notification>>) -> Result<Session> {
        let name = format!("au-host {}", Uuid::now_v7().simple());
        let mut config = self.address.config().clone();
        config.application_name(&name);
        let tls = self.address.tls();
        let connecting = self.runtime.spawn(async move {
            let (client, connection) = config.connect(tls).await?;
            Ok::<_, tokio_postgres::Error>((client, tokio::spawn(drive(connection, hears))))
        });
        // Whoever does not wait for it any more does not want it either.
        let connecting = AbortOnDrop(connecting);
        let opened = connecting.await.map_err(|error| Error::fault("store", error))?;
        let (client, driver) = opened.map_err(|error| self.explain(&error))?;
        let session = Session::new(client, name, Driver(driver));
        match session.text(&self.settings()).await {
            Ok(()) => Ok(session),
            Err(Trouble::Lost(why) | Trouble::Again(why)) => Err(fault::unreachable(&self.address.to_string(), &why)),
            Err(Trouble::Refused(error)) => Err(error),
        }
    }

    /// Why there is no connection.
    fn explain(&self, said: &tokio_postgres::Error) -> Error {
        let why = said.as_db_error().map_or_else(|| error::chain(said), fault::text);
        fault::unreachable(&self.address.to_string(), &why)
    }

    /// Plans are kept as they are made when the tables are still small, hence no reading of whole tables where there is an
    /// index. The server ends what nobody waits for any more, so that the locks of the dead go.
    fn settings(&self) -> String {
        let commit = match self.durability {
            // Whatever waits for the disk is as good, such as for another server's as well.
            Durability::Fsync => {
                "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"
            }
            Durability::Os => "SET synchronous_commit TO off",
        };
        format!(
            "SET search_path TO {}; SET statement_timeout TO '60s'; SET lock_timeout TO '10s';
             SET idle_in_transaction_session_timeout TO '30s'; SET enable_seqscan TO off; SET jit TO off;
             SET bytea_output TO hex; SET client_min_messages TO warning; {commit}",
            self.address.schema()
        )
    }
}

/// Somewhat more or less, so that many hosts do not come back at once.
fn jittered(rest: Duration) -> Duration {
    let random = Uuid::now_v7().as_bytes()[15];
    rest.mul_f64(0.75 + f64::from(random) / 512.0)
}

/// Moves what the connection sends and is sent, until it ends.
async fn drive<S, T>(mut connection: tokio_postgres::Connection<S, T>, hears: Option<mpsc::Sender<Notification>>)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    let mut messages = stream::poll_fn(move |context| connection.poll_message(context));
    while let Some(message) = messages.next().await {
        match message {
            // When the listener is behind, it looks at everything soon anyway.
            Ok(AsyncMessage::Notification(heard)) => drop(hears.as_ref().map(|hears| hears.try_send(heard))),
            Ok(_) => {}
            Err(error) => {
                tracing::debug!(error = error::chain(&error), "a connection to PostgreSQL ended");
                return;
            }
        }
    }
}

struct AbortOnDrop<T>(JoinHandle<T>);

impl<T> Future for AbortOnDrop<T> {
    type Output = std::result::Result<T, tokio::task::JoinError>;

    fn poll(mut self: std::pin::Pin<&mut Self>, context: &mut std::task::Context<'_>) -> std::task::Poll<Self::Output> {
        std::pin::Pin::new(&mut self.0).poll(context)
    }
}

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Ends a connection with the session it belongs to, even one that waits for an answer that never comes.
#[derive(Debug)]
pub(super) struct Driver(JoinHandle<()>);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}
