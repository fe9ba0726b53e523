//! Puts the next state of a job in place of the one it was made from.

use rusqlite::{Connection, OptionalExtension};

use super::payloads::Placed;
use super::row::Kept;
use super::writer::{Applied, Work};
use crate::error::Error;
use crate::id::JobId;
use crate::job::State;

/// A state on its way into the store.
#[derive(Debug)]
pub(super) struct Advance {
    id: JobId,
    version: u64,
    next: Kept,
}

impl Advance {
    pub(super) fn new(id: JobId, next: &State, output: Option<Placed>) -> Self {
        Self { id, version: next.version, next: Kept::new(next, output) }
    }

    /// Why the state did not fit.
    fn refusal(&self, connection: &Connection) -> rusqlite::Result<Error> {
        let mut statement = connection.prepare_cached("SELECT version, status FROM job WHERE id = ?1")?;
        let row = statement.query_row([self.id.as_bytes()], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)));
        Ok(match row.optional()? {
            None => Error::not_found("job", self.id),
            Some((version, 2..))
                if u64::try_from(version).ok().and_then(|at| at.checked_add(1)) == Some(self.version) =>
            {
                Error::Finished(self.id)
            }
            Some(_) => Error::Conflict(self.id),
        })
    }
}

impl Work for Advance {
    type Answer = ();

    fn apply(&mut self, connection: &Connection) -> Applied<()> {
        let advanced = self.next.advance(connection, self.id)?;
        self.next.keep(advanced);
        if advanced { Ok(Ok(())) } else { self.refusal(connection).map(Err) }
    }

    fn undone(&mut self) {
        self.next.keep(false);
    }
}
