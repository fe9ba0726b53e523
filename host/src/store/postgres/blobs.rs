//! Blobs, in chunks; and notes, which are read here and written with everything else.

use bytes::Bytes;
use tokio::time::Instant;

use super::door::PATIENCE;
use super::fault::{self, Trouble};
use super::lines::{Lines, SOON};
use super::payloads::{self, CHUNK};
use super::row::{column, count};
use super::session::{Session, Step, params};
use crate::error::{Error, Result};
use crate::store::Note;
use crate::store::columns::signed;

/// Whoever puts a blob has this lock, of its name: else two would each write beside what the other is about to.
const LOCK: &str = "SELECT pg_advisory_xact_lock($1, hashtext(current_schema() || encode($2, 'hex')))";
/// "aubl".
const BLOBS: i32 = 0x6175_626c;

/// Puts a blob in place of the one before. To do it once more is as good, so it is when a connection was lost.
pub(super) async fn put(lines: &Lines, name: &str, blob: &Bytes) -> Result<()> {
    let until = Instant::now() + PATIENCE;
    loop {
        let lent = lines.lend(until).await?;
        let error = match replace(&lent, name, blob).await {
            Ok(()) => {
                lent.give_back();
                return Ok(());
            }
            Err(Trouble::Refused(error)) => return Err(error),
            Err(Trouble::Again(_)) => fault::contended(),
            Err(Trouble::Lost(why)) => fault::unknown(&why),
        };
        if Instant::now() + SOON >= until {
            return Err(error);
        }
        tokio::time::sleep(SOON).await;
    }
}

async fn replace(session: &Session, name: &str, blob: &Bytes) -> std::result::Result<(), Trouble> {
    let name = name.as_bytes().to_vec();
    let begin = [
        Step::text("BEGIN"),
        Step::bound(LOCK, params![BLOBS, name.clone()]),
        Step::bound("DELETE FROM blob WHERE name = $1", params![name.clone()]),
    ];
    session.run(&begin).await?;
    // An empty one has a chunk too.
    let chunks = blob.chunks(CHUNK).chain(std::iter::once(&[][..]).filter(|_| blob.is_empty()));
    for (number, chunk) in chunks.enumerate() {
        let number = i32::try_from(number).unwrap_or(i32::MAX);
        let add = "INSERT INTO blob (name, number, bytes) VALUES ($1, $2, $3)";
        session.run(&[Step::bound(add, params![name.clone(), number, chunk.to_vec()])]).await?;
    }
    session.text("COMMIT").await
}

/// Reads a blob with one statement, and so as it was at one moment.
pub(super) async fn get(lines: &Lines, name: &str) -> Result<Option<Bytes>> {
    let rows = lines.read("SELECT bytes FROM blob WHERE name = $1 ORDER BY number", &[&name.as_bytes()]).await?;
    if rows.is_empty() {
        return Ok(None);
    }
    payloads::join(&rows).map(Some)
}

/// Forgets a blob. Whether there was one is not known when the connection is lost, so it is not done twice.
pub(super) async fn remove(lines: &Lines, name: &str) -> Result<bool> {
    let lent = lines.lend(Instant::now() + PATIENCE).await?;
    let sql = "WITH gone AS (DELETE FROM blob WHERE name = $1 RETURNING 1) SELECT count(*) FROM gone";
    match lent.query(sql.into(), &[&name.as_bytes()]).await {
        Ok(rows) => {
            lent.give_back();
            rows.first().map_or(Ok(false), |row| count(row, 0).map(|count| count > 0))
        }
        Err(Trouble::Refused(error)) => Err(error),
        Err(Trouble::Again(_)) => Err(fault::contended()),
        Err(Trouble::Lost(why)) => Err(fault::unknown(&why)),
    }
}

/// Reads notes whose names begin so.
pub(super) async fn notes(lines: &Lines, prefix: &str, limit: usize) -> Result<Vec<Note>> {
    // No text has this byte, so this is after every name that begins with the prefix.
    let end = [prefix.as_bytes(), &[0xff]].concat();
    let sql = "SELECT name, bytes FROM note WHERE name >= $1 AND name < $2 ORDER BY name LIMIT $3";
    let rows = lines.read(sql, &[&prefix.as_bytes(), &end, &signed(limit as u64)]).await?;
    let note = |row| -> Result<Note> {
        let name = String::from_utf8(column(row, 0)?).map_err(|error| Error::fault("store", error))?;
        Ok(Note { name, bytes: column(row, 1)? })
    };
    rows.iter().map(note).collect()
}
