//! Where the bytes of payloads are: small ones in the row of their job, large ones in chunks beside it, written in the same
//! transaction.

use bytes::{Bytes, BytesMut};
use tokio_postgres::Row;

use super::lines::Lines;
use super::row::{self, Whole};
use super::session::{Step, params};
use crate::error::Result;
use crate::id::JobId;
use crate::job::Job;
use crate::payload::Payload;
use crate::store::codec::Damage;
use crate::store::record::{self, Stored};

/// Largest payload that is kept in its row.
const INLINE: u64 = 32 * 1024;
/// Bytes of a chunk.
pub(super) const CHUNK: usize = 1 << 20;

/// Which payload of a job.
#[derive(Clone, Copy, Debug)]
pub(super) enum Part {
    Input,
    Output,
}

impl Part {
    fn code(self) -> i16 {
        match self {
            Self::Input => 0,
            Self::Output => 1,
        }
    }
}

/// A payload on its way into the store.
#[derive(Clone, Debug)]
pub(super) struct Placed {
    pub(super) stored: Stored,
    bytes: Bytes,
}

impl Placed {
    pub(super) fn new(payload: &Payload) -> Self {
        Self { stored: Stored::new(payload, None), bytes: payload.bytes().clone() }
    }

    /// What its row holds of it.
    pub(super) fn inline(&self) -> Option<Vec<u8>> {
        (!self.is_large()).then(|| self.bytes.to_vec())
    }

    pub(super) fn is_large(&self) -> bool {
        self.stored.length > INLINE
    }

    pub(super) fn length(&self) -> usize {
        self.bytes.len()
    }

    /// What writes the rest of it.
    pub(super) fn chunks(&self, id: JobId, part: Part) -> Vec<Step> {
        if !self.is_large() {
            return Vec::new();
        }
        let chunk = |(number, bytes): (usize, &[u8])| {
            let number = i32::try_from(number).unwrap_or(i32::MAX);
            Step::bound(
                "INSERT INTO chunk (id, part, number, bytes) VALUES ($1, $2, $3, $4)",
                params![row::job_uuid(id), part.code(), number, bytes.to_vec()],
            )
        };
        self.bytes.chunks(CHUNK).enumerate().map(chunk).collect()
    }
}

/// The job of a row, with its payloads from wherever they are.
pub(super) async fn load(lines: &Lines, whole: Whole) -> Result<Job> {
    let Whole { record, input, output } = whole;
    let id = record.spec().id;
    let corrupt = |damage| record::corrupt((id, damage));
    let input = read(lines, id, Part::Input, &record.input, input).await?.map_err(corrupt)?;
    let output = match &record.output {
        Some(stored) => Some(read(lines, id, Part::Output, stored, output).await?.map_err(corrupt)?),
        None => None,
    };
    Ok(record.into_job(input, output))
}

async fn read(
    lines: &Lines,
    id: JobId,
    part: Part,
    stored: &Stored,
    inline: Option<Bytes>,
) -> Result<std::result::Result<Payload, Damage>> {
    if let Some(bytes) = inline {
        return Ok(stored.payload(bytes));
    }
    let rows = lines
        .read(
            "SELECT bytes FROM chunk WHERE id = $1 AND part = $2 ORDER BY number",
            &[&row::job_uuid(id), &part.code()],
        )
        .await?;
    if rows.is_empty() {
        return Ok(Err(Damage::new("its payload is missing")));
    }
    join(&rows).map(|bytes| stored.payload(bytes))
}

/// The bytes of the first column of all rows.
pub(super) fn join(rows: &[Row]) -> Result<Bytes> {
    let mut joined = BytesMut::new();
    for row in rows {
        joined.extend_from_slice(row::column(row, 0)?);
    }
    Ok(joined.freeze())
}
