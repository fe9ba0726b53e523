//! The least that durable jobs can cost: a bare call between two records in a log, which one thread writes and syncs for all who
//! wait. No lists, no time to live, no recovery, no limits: what our jobs are measured against.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use crate::bare::Bare;

/// Most records that one sync holds.
const BATCH: usize = 8192;

struct Record {
    bytes: Vec<u8>,
    kept: oneshot::Sender<()>,
}

/// Runs jobs, and keeps each twice.
#[derive(Clone)]
pub(crate) struct Prototype {
    bare: Bare,
    log: mpsc::Sender<Record>,
}

impl Prototype {
    pub(crate) fn new(folder: &Path, bare: Bare) -> Self {
        let (log, records) = mpsc::channel(BATCH);
        let file = File::create(folder.join("log")).expect("a file");
        // It ends when the last who writes has gone.
        std::thread::spawn(move || write(&file, records));
        Self { bare, log }
    }

    /// One job, from submit to result: durable before it runs, and before it is told.
    pub(crate) async fn job(&self, input: Arc<[u8]>) -> Vec<u8> {
        self.keep(input.to_vec()).await;
        let output = self.bare.echo(&input);
        self.keep(output.clone()).await;
        output
    }

    async fn keep(&self, bytes: Vec<u8>) {
        let (kept, told) = oneshot::channel();
        assert!(self.log.send(Record { bytes, kept }).await.is_ok(), "the log is there");
        told.await.expect("it is kept");
    }
}

fn write(mut file: &File, mut records: mpsc::Receiver<Record>) {
    let (mut batch, mut bytes) = (Vec::new(), Vec::new());
    while records.blocking_recv_many(&mut batch, BATCH) > 0 {
        bytes.clear();
        for record in &batch {
            bytes.extend((record.bytes.len() as u32).to_le_bytes());
            bytes.extend(&record.bytes);
        }
        file.write_all(&bytes).expect("room");
        file.sync_data().expect("a disk");
        for record in batch.drain(..) {
            record.kept.send(()).expect("somebody waits");
        }
    }
}
