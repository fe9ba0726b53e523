//! One connection and the statements prepared on it. Several steps are sent at once and answered in order, in one round trip.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt, poll_fn};
use std::task::Poll;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row, Statement};

use super::door::Driver;
use super::fault::{self, Trouble};

/// How long an answer may take. The server's own limit is above it only for what it does after it was asked.
const LIMIT: Duration = Duration::from_secs(30);
/// Most statements that are kept prepared.
const STATEMENTS: usize = 128;

/// A value of a statement.
pub(super) type Param = Box<dyn ToSql + Sync + Send>;

/// Something to do.
#[derive(Debug)]
pub(super) enum Step {
    /// A text without values, of one statement or several.
    Text(Cow<'static, str>),
    /// A statement with its values.
    Bound(Cow<'static, str>, Vec<Param>),
}

impl Step {
    pub(super) fn text(text: &'static str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }

    pub(super) fn bound(sql: impl Into<Cow<'static, str>>, params: Vec<Param>) -> Self {
        Self::Bound(sql.into(), params)
    }
}

/// Values for [`Step::bound`].
macro_rules! params {
    ($($value:expr),* $(,)?) => { vec![$(Box::new($value) as $crate::store::postgres::session::Param),*] };
}
pub(super) use params;

/// A connection. Whoever drops it closes it, whatever it is doing; the server then undoes what was not committed.
pub(super) struct Session {
    client: Client,
    name: String,
    statements: Mutex<HashMap<String, Statement>>,
    _driver: Driver,
}

impl Session {
    pub(super) fn new(client: Client, name: String, driver: Driver) -> Self {
        Self { client, name, statements: Mutex::default(), _driver: driver }
    }

    /// What the server knows it by.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// Does one thing.
    pub(super) async fn query(
        &self,
        sql: Cow<'static, str>,
        params: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, Trouble> {
        let statement = self.statement(&sql).await?;
        limited(self.client.query(&statement, params)).await
    }

    /// Does what a text says.
    pub(super) async fn text(&self, text: &str) -> Result<(), Trouble> {
        limited(self.client.batch_execute(text)).await
    }

    /// Does the steps in their order, without waiting for one before the next is sent. When one fails, so do those after it up
    /// to the end of its transaction, and the first is the one that is told of.
    pub(super) async fn run(&self, steps: &[Step]) -> Result<Vec<Vec<Row>>, Trouble> {
        let mut statements = Vec::with_capacity(steps.len());
        for step in steps {
            statements.push(match step {
                Step::Text(_) => None,
                Step::Bound(sql, _) => Some(self.statement(sql).await?),
            });
        }
        let asked = steps.iter().zip(&statements).map(|(step, statement)| self.ask(step, statement.as_ref())).collect();
        limited(async { in_order(asked).await.into_iter().collect() }).await
    }

    fn ask<'a>(
        &'a self,
        step: &'a Step,
        statement: Option<&'a Statement>,
    ) -> BoxFuture<'a, Result<Vec<Row>, tokio_postgres::Error>> {
        match (step, statement) {
            (Step::Bound(_, params), Some(statement)) => {
                let params: Vec<&(dyn ToSql + Sync)> = params.iter().map(|param| &**param as _).collect();
                async move { self.client.query(statement, &params).await }.boxed()
            }
            (Step::Text(text) | Step::Bound(text, _), _) => {
                async move { self.client.batch_execute(text).await.map(|()| Vec::new()) }.boxed()
            }
        }
    }

    async fn statement(&self, sql: &str) -> Result<Statement, Trouble> {
        if let Some(statement) = self.statements().get(sql) {
            return Ok(statement.clone());
        }
        let statement = limited(self.client.prepare(sql)).await?;
        let mut statements = self.statements();
        if statements.len() >= STATEMENTS {
            statements.clear();
        }
        statements.insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }

    // Nothing panics while it is held.
    fn statements(&self) -> MutexGuard<'_, HashMap<String, Statement>> {
        self.statements.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Session({})", self.name)
    }
}

async fn limited<T>(asked: impl Future<Output = Result<T, tokio_postgres::Error>>) -> Result<T, Trouble> {
    match tokio::time::timeout(LIMIT, asked).await {
        Ok(answer) => answer.map_err(|error| fault::sort(&error)),
        Err(_) => Err(Trouble::Lost(format!("no answer in {}", humantime::format_duration(LIMIT)))),
    }
}

/// Begins all, the first first, and waits for all. A request is sent when it is first polled, so the order is that of the wire.
async fn in_order<T: Send>(mut asked: Vec<BoxFuture<'_, T>>) -> Vec<T> {
    let mut answers: Vec<Option<T>> = asked.iter().map(|_| None).collect();
    poll_fn(|context| {
        let mut left = false;
        for (future, answer) in asked.iter_mut().zip(&mut answers) {
            if answer.is_none() {
                match future.poll_unpin(context) {
                    Poll::Ready(ready) => *answer = Some(ready),
                    Poll::Pending => left = true,
                }
            }
        }
        if left { Poll::Pending } else { Poll::Ready(()) }
    })
    .await;
    answers.into_iter().flatten().collect()
}
