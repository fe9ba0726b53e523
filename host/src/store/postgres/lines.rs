//! A few connections, made when they are needed and made again when they are lost.

use std::borrow::Cow;
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::door::{Door, PATIENCE};
use super::fault::{self, Trouble};
use super::session::Session;
use crate::error::{Error, Result};

/// Rest before the same is tried again after others were in its way.
pub(super) const SOON: Duration = Duration::from_millis(20);

/// At most so many connections at one time.
#[derive(Clone, Debug)]
pub(super) struct Lines {
    door: Arc<Door>,
    idle: Arc<Mutex<Vec<Session>>>,
    turns: Arc<Semaphore>,
}

impl Lines {
    pub(super) fn new(door: Arc<Door>, most: usize) -> Self {
        Self { door, idle: Arc::default(), turns: Arc::new(Semaphore::new(most)) }
    }

    /// A connection that nobody else uses, as soon as there is one; an error when there is none by then.
    pub(super) async fn lend(&self, until: Instant) -> Result<Lent> {
        let turn = tokio::time::timeout_at(until, Arc::clone(&self.turns).acquire_owned()).await;
        let turn = turn.map_err(|_| fault::contended())?.map_err(|_| Error::ShuttingDown)?;
        let session = match self.idle_one() {
            Some(session) => session,
            None => self.door.open(until).await?,
        };
        Ok(Lent { session, idle: Arc::clone(&self.idle), _turn: turn })
    }

    /// Puts one there that is open already.
    pub(super) fn put(&self, session: Session) {
        lock(&self.idle).push(session);
    }

    /// Reads with one statement. It changes nothing, so it is asked again on another connection when one is lost.
    pub(super) async fn read(
        &self,
        sql: impl Into<Cow<'static, str>>,
        params: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>> {
        self.repeat(sql, params, Instant::now() + PATIENCE).await
    }

    /// Does something that may be done twice as well as once.
    pub(super) async fn repeat(
        &self,
        sql: impl Into<Cow<'static, str>>,
        params: &[&(dyn ToSql + Sync)],
        until: Instant,
    ) -> Result<Vec<Row>> {
        let sql = sql.into();
        loop {
            let lent = self.lend(until).await?;
            let asked = tokio::time::timeout_at(until, lent.query(sql.clone(), params)).await;
            let (why, error) = match asked {
                Ok(Ok(rows)) => {
                    lent.give_back();
                    return Ok(rows);
                }
                Ok(Err(Trouble::Refused(error))) => {
                    lent.give_back();
                    return Err(error);
                }
                Ok(Err(Trouble::Again(why))) => {
                    lent.give_back();
                    (why, fault::contended())
                }
                Ok(Err(Trouble::Lost(why))) => {
                    let error = fault::unreachable(&self.door.address.to_string(), &why);
                    (why, error)
                }
                Err(_) => return Err(fault::unreachable(&self.door.address.to_string(), "it does not answer")),
            };
            tracing::debug!(why, "asking PostgreSQL again");
            if Instant::now() + SOON >= until {
                return Err(error);
            }
            tokio::time::sleep(SOON).await;
        }
    }

    fn idle_one(&self) -> Option<Session> {
        let mut idle = lock(&self.idle);
        idle.retain(|session| !session.is_closed());
        idle.pop()
    }
}

/// A connection for a while. Dropped without being given back, in the middle of something perhaps, it is closed.
#[derive(Debug)]
pub(super) struct Lent {
    session: Session,
    idle: Arc<Mutex<Vec<Session>>>,
    _turn: OwnedSemaphorePermit,
}

impl Lent {
    /// It is in no transaction, and others may use it.
    pub(super) fn give_back(self) {
        if !self.session.is_closed() {
            lock(&self.idle).push(self.session);
        }
    }
}

impl Deref for Lent {
    type Target = Session;

    fn deref(&self) -> &Session {
        &self.session
    }
}

// Nothing panics while it is held.
fn lock(idle: &Mutex<Vec<Session>>) -> MutexGuard<'_, Vec<Session>> {
    idle.lock().unwrap_or_else(PoisonError::into_inner)
}
