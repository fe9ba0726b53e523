//! Which groups of jobs wait and run: reads of the two indexes that have nothing else.

use rusqlite::{Connection, OptionalExtension, Row};

use crate::lanes::{self, Bounds, GROUPS, Group, Load, Rooms, Round};

/// Groups whose jobs wait, and what may be started of them.
#[derive(Debug)]
pub(super) struct Waiting<'a> {
    pub(super) groups: Vec<(Vec<u8>, Group)>,
    pub(super) rooms: Rooms<'a>,
    /// Whether there may be others.
    pub(super) more: bool,
}

impl<'a> Waiting<'a> {
    /// Those of which the next take must look; `None`: nothing bounds what waits.
    pub(super) fn of(connection: &Connection, bounds: &'a Bounds, round: &Round) -> rusqlite::Result<Option<Self>> {
        let mut from = round.begin();
        let mut groups = waiting(connection, &from)?;
        if groups.is_empty() && !from.is_empty() {
            from = Vec::new();
            groups = waiting(connection, &from)?;
        }
        let is_full = groups.len() == GROUPS;
        round.went(groups.last().filter(|_| is_full).map(|(bytes, _)| bytes));
        let more = is_full || !from.is_empty();
        if !more && !groups.iter().any(|(_, group)| group.is_bounded(bounds)) {
            return Ok(None);
        }
        Ok(Some(Self { groups, rooms: Rooms::new(bounds, running(connection)?), more }))
    }

    /// The number of each that something may be started of, and how much.
    pub(super) fn open(&self) -> impl Iterator<Item = (usize, u64)> {
        let rooms = self.groups.iter().map(|(_, group)| self.rooms.room(group).unwrap_or(u64::MAX));
        rooms.enumerate().filter(|(_, room)| *room > 0)
    }
}

/// The groups behind this one, by one look into the index for each, however many jobs wait in it.
fn waiting(connection: &Connection, from: &[u8]) -> rusqlite::Result<Vec<(Vec<u8>, Group)>> {
    let mut statement =
        connection.prepare_cached("SELECT lanes FROM job WHERE status = 0 AND lanes > ?1 ORDER BY lanes LIMIT 1")?;
    let (mut after, mut groups) = (from.to_vec(), Vec::new());
    while groups.len() < GROUPS
        && let Some(bytes) = statement.query_row([&after], |row| row.get::<_, Vec<u8>>(0)).optional()?
    {
        after.clone_from(&bytes);
        groups.extend(Group::from_bytes(&bytes).map(|group| (bytes, group)));
    }
    Ok(groups)
}

/// How many jobs of each group run.
fn running(connection: &Connection) -> rusqlite::Result<Vec<(Group, u64)>> {
    let mut statement = connection.prepare_cached("SELECT lanes, count(*) FROM job WHERE status = 1 GROUP BY lanes")?;
    let counts = statement.query_map([], count)?.collect::<rusqlite::Result<Vec<_>>>()?;
    Ok(counts.into_iter().flatten().collect())
}

/// How many jobs wait and run in each queue.
pub(super) fn loads(connection: &Connection) -> rusqlite::Result<Vec<Load>> {
    let running = running(connection)?.into_iter().map(|(group, running)| (group, 0, running));
    let mut statement = connection.prepare_cached("SELECT lanes, count(*) FROM job WHERE status = 0 GROUP BY lanes")?;
    let mut damaged = Ok(());
    let waiting = statement.query_map([], count)?.map_while(|found| found.map_err(|error| damaged = Err(error)).ok());
    let loads = lanes::loads(waiting.flatten().map(|(group, pending)| (group, pending, 0)).chain(running));
    damaged.map(|()| loads)
}

/// `None`: of a job whose record was damaged when its lanes were to be read.
fn count(row: &Row<'_>) -> rusqlite::Result<Option<(Group, u64)>> {
    let group = row.get::<_, Option<Vec<u8>>>(0)?.and_then(|bytes| Group::from_bytes(&bytes));
    Ok(group.zip(Some(row.get::<_, i64>(1)?.unsigned_abs())))
}
