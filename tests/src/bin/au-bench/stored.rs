//! Reads of a store with many jobs beside one with few: neither a status nor a page of a list may cost more.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use au_host::store::file::FileStore;
use au_host::store::{Durability, Filter, Inserted, Query};
use au_host::{
    Digest, Failure, FailureKind, Job, JobId, OCTETS, Options, Owner, Payload, Report, Retry, Sandbox, Spec, State,
    Status, Store, Timestamp, Usage, WorkerId,
};
use futures::StreamExt;
use tokio::runtime::Runtime;

use crate::measure::{Effort, Sample, in_turns, shown, wall};
use crate::table::{Limit, Row, Table};

const FEW: usize = 10_000;
const TURNS: usize = 200;
/// Reads of one turn.
const READS: usize = 50;
const PAGE: usize = 50;
/// Of a hundred times as many jobs, an index is one level deeper; a scan would take a hundred times as long.
const FLAT: f64 = 2.0;
const INSERTS_AT_ONCE: usize = 4096;
const DAWN: i64 = 1_795_370_000_000_000;

pub(crate) fn measure(effort: Effort, table: &mut Table) {
    let many = if effort == Effort::Quick { 10 * FEW } else { 100 * FEW };
    let runtime = Runtime::new().expect("a runtime");
    let folder = tempfile::tempdir().expect("a folder");
    let few = runtime.block_on(Kept::fill(&folder.path().join("few"), FEW));
    let many = runtime.block_on(Kept::fill(&folder.path().join("many"), many));
    for read in [Read::Status, Read::NewestPage, Read::PageInTheMiddle, Read::PageOfFailed] {
        let timed = |kept: &Kept, from| wall(|| runtime.block_on(kept.reads(read, from))).as_secs_f64();
        let mut turn = (0..).step_by(READS);
        let mut from = || turn.next().unwrap_or(0);
        let places: Vec<usize> = (0..2 * effort.of_usual(TURNS) + 2).map(|_| from()).collect();
        let (mut of_few, mut of_many) = (places.iter(), places.iter().rev());
        let [base, ours] = in_turns(
            effort.of_usual(TURNS),
            [&mut || timed(&few, *of_few.next().expect("enough")), &mut || {
                timed(&many, *of_many.next().expect("enough"))
            }],
        );
        let each = |sample: &Sample| shown(sample.median() / READS as f64);
        let beside = format!("{} of {} jobs beside {} of {}", each(&ours), many.ids.len(), each(&base), few.ids.len());
        table.add(Row::ratio(read.figure(), ours.over(&base), Limit::AtMost(FLAT), beside));
    }
}

#[derive(Clone, Copy)]
enum Read {
    Status,
    NewestPage,
    PageInTheMiddle,
    PageOfFailed,
}

impl Read {
    fn figure(self) -> &'static str {
        match self {
            Self::Status => "status of one of 1 M jobs, beside 10 k",
            Self::NewestPage => "newest page of a list",
            Self::PageInTheMiddle => "page in the middle of a list",
            Self::PageOfFailed => "page of the failed jobs",
        }
    }
}

struct Kept {
    store: Arc<FileStore>,
    ids: Vec<JobId>,
    now: Timestamp,
}

impl Kept {
    /// A store with so many finished jobs, one in ten of them failed.
    async fn fill(folder: &Path, count: usize) -> Self {
        let open = || FileStore::open(folder, Durability::Os).expect("a store");
        let store = Arc::new(open());
        let mut ids = Vec::with_capacity(count);
        let jobs = (0..count).map(|number| {
            let job = finished(number);
            ids.push(job.spec.id);
            let store = store.clone();
            async move { assert_eq!(store.insert(&job).await.expect("it is kept"), Inserted::New) }
        });
        futures::stream::iter(jobs).for_each_concurrent(INSERTS_AT_ONCE, |insert| insert).await;
        drop(store);
        Self { store: Arc::new(open()), ids, now: at(count) }
    }

    async fn reads(&self, read: Read, from: usize) {
        for number in from..from + READS {
            let id = self.somewhere(number);
            match read {
                Read::Status => assert!(self.store.peek(id, self.now).await.expect("it is there").status.is_finished()),
                Read::NewestPage => self.page(None, Vec::new()).await,
                Read::PageInTheMiddle => self.page(Some(id), Vec::new()).await,
                Read::PageOfFailed => self.page(Some(id), vec![Status::Failed]).await,
            }
        }
    }

    /// Another job each time, without order, and none of the oldest, below which there would be no whole page.
    fn somewhere(&self, number: usize) -> JobId {
        let oldest = PAGE * 11;
        let spread = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 16;
        self.ids[oldest + spread % (self.ids.len() - oldest)]
    }

    async fn page(&self, before: Option<JobId>, status: Vec<Status>) {
        let filter = Filter { status, ..Filter::default() };
        let page = self.store.scan(&Query::List { filter, before, limit: PAGE, now: self.now }).await;
        assert_eq!(page.expect("a page").len(), PAGE);
    }
}

/// When job number so and so was made: one a millisecond.
fn at(number: usize) -> Timestamp {
    Timestamp::from_micros(DAWN).plus(Duration::from_millis(number as u64))
}

fn finished(number: usize) -> Job {
    let created = at(number);
    let payload = Payload::new(OCTETS, vec![b'x'; 200]).expect("a payload");
    let options = Options {
        sandbox: Sandbox::default(),
        retry: Retry::default(),
        run_at: created,
        priority: 0,
        ttl: Some(Duration::from_secs(86_400)),
        key: None,
        principal: None,
        labels: [("batch".to_owned(), (number / 1000).to_string())].into(),
        module_name: Some("guest".into()),
        webhook: None,
        trace: None,
        trace_state: None,
        queue: None,
        concurrency_key: None,
    };
    let id = JobId::new(created);
    let input = payload.clone();
    let spec = Spec { id, created, module: Digest::of(b"guest"), function: "echo".into(), input, options };
    let worker = WorkerId::new(created);
    let outcome =
        if number.is_multiple_of(10) { Err(Failure::new(FailureKind::Failed, "as was planned")) } else { Ok(payload) };
    let report = Report { outcome, usage: Usage::default() };
    let started = State::new(&spec).start(&spec, worker, Owner::Alive, created).expect("it is due");
    let state = started.finish(&spec, worker, report, created).expect("it runs");
    Job { spec, state }
}
