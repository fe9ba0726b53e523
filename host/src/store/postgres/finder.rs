//! Finds jobs by their ids: what is asked for while one read is under way is read by the next, all at once.
//!
//! A thousand who wait for a thousand jobs would else be a thousand round trips, a few at a time.

use std::collections::HashMap;

use tokio::sync::{mpsc, oneshot};
use tokio_postgres::Row;

use super::fault;
use super::lines::Lines;
use super::row::{self, Whole, head, job_id, job_uuid};
use crate::error::{Error, Result};
use crate::id::JobId;
use crate::store::record::{self, Checked, Record};

/// Most records that one read finds.
const RECORDS: usize = 1024;
/// The same with payloads, of which each may have two of those that are in its row: some megabytes in all.
const WHOLES: usize = 64;

/// Finds what each of many asks for.
#[derive(Debug)]
pub(super) struct Finder {
    records: mpsc::Sender<Asked<Record>>,
    wholes: mpsc::Sender<Asked<Whole>>,
}

/// A job, and somebody who waits for it; `None`: there is none.
#[derive(Debug)]
struct Asked<T> {
    id: JobId,
    reply: oneshot::Sender<Result<Option<Checked<T>>>>,
}

impl Finder {
    pub(super) fn start(lines: &Lines) -> Self {
        let records = concat!("SELECT ", head!(), " FROM job WHERE id = ANY($1)");
        let wholes = concat!("SELECT ", head!(), ", input, output FROM job WHERE id = ANY($1)");
        Self {
            records: begin(lines.clone(), records, RECORDS, row::read),
            wholes: begin(lines.clone(), wholes, WHOLES, row::read_whole),
        }
    }

    /// The record of a job; its payloads are not touched.
    pub(super) async fn record(&self, id: JobId) -> Result<Record> {
        ask(&self.records, id).await
    }

    /// The same, with the payloads that are in its row.
    pub(super) async fn whole(&self, id: JobId) -> Result<Whole> {
        ask(&self.wholes, id).await
    }
}

async fn ask<T>(queue: &mpsc::Sender<Asked<T>>, id: JobId) -> Result<T> {
    let (reply, answer) = oneshot::channel();
    queue.send(Asked { id, reply }).await.map_err(|_| Error::ShuttingDown)?;
    let found = answer.await.map_err(|_| Error::ShuttingDown)??;
    found.ok_or_else(|| Error::not_found("job", id))?.map_err(record::corrupt)
}

fn begin<T: Send + 'static>(
    lines: Lines,
    sql: &'static str,
    most: usize,
    read: fn(&Row) -> Result<Checked<T>>,
) -> mpsc::Sender<Asked<T>> {
    let (asks, mut queue) = mpsc::channel(most);
    // It ends when the queue does.
    drop(tokio::spawn(async move {
        let mut asked = Vec::new();
        while queue.recv_many(&mut asked, most).await > 0 {
            find(&lines, sql, read, &mut asked).await;
        }
    }));
    asks
}

/// Answers all; whoever asked may have gone by then.
async fn find<T>(lines: &Lines, sql: &'static str, read: fn(&Row) -> Result<Checked<T>>, asked: &mut Vec<Asked<T>>) {
    let ids: Vec<_> = asked.iter().map(|asked| job_uuid(asked.id)).collect();
    let rows = match lines.read(sql, &[&ids]).await {
        Ok(rows) => rows,
        Err(error) => {
            asked.drain(..).for_each(|asked| drop(asked.reply.send(Err(fault::repeated(&error)))));
            return;
        }
    };
    let rows: HashMap<_, _> = rows.iter().filter_map(|row| Some((job_id(row, 0).ok()?, row))).collect();
    for Asked { id, reply } in asked.drain(..) {
        drop(reply.send(rows.get(&id).map(|row| read(row)).transpose()));
    }
}
