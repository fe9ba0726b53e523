//! Durable jobs: many at once beside a hand-written log, and one alone beside the disk.

use std::fs::File;
use std::future::Future;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use au_host::LocalConfig;
use au_tests::guest;
use futures::future::join_all;

use crate::bare::Bare;
use crate::call::Ours;
use crate::measure::{Effort, Sample, in_turns, shown, wall};
use crate::prototype::Prototype;
use crate::table::{Limit, Row, Table};

const IN_FLIGHT: usize = 1024;
/// Jobs of one turn.
const JOBS: usize = 20_000;
const TURNS: usize = 10;
const ALONE: usize = 400;

pub(crate) fn measure(effort: Effort, table: &mut Table) {
    let ours = Ours::open(LocalConfig::default());
    let folder = tempfile::tempdir().expect("a folder");
    let prototype = Prototype::new(folder.path(), Bare::new(&guest::guest()));
    let wide = Ours::open(LocalConfig { slots: Some(IN_FLIGHT), ..LocalConfig::default() });
    many(effort, table, [&ours, &wide], &prototype);
    alone(effort, table, &ours);
}

fn many(effort: Effort, table: &mut Table, [ours, wide]: [&Ours; 2], prototype: &Prototype) {
    let count = effort.of_usual(JOBS);
    let input: Arc<[u8]> = ours.by_digest.input.bytes().to_vec().into();
    let [base, jobs, wide] = in_turns(
        effort.of_usual(TURNS),
        [
            &mut || rate(ours, count, || prototype_job(prototype.clone(), input.clone())),
            &mut || rate(ours, count, || job(ours)),
            &mut || rate(wide, count, || job(wide)),
        ],
    );
    let per_second = |sample: &Sample| format!("{:.1} k/s", sample.median() / 1e3);
    let base_rate = per_second(&base);
    let beside =
        |jobs: &Sample| format!("{} beside {base_rate} of a bare log with 2 group commits a job", per_second(jobs));
    let figure = "durable submit to result, 1,024 in flight (goal 0.5)";
    table.add(Row::ratio(figure, jobs.over(&base), Limit::AtLeast(0.25), beside(&jobs)));
    let figure = "the same in a host with 1,024 slots";
    table.add(Row::ratio(figure, wide.over(&base), Limit::None, beside(&wide)));
}

/// Jobs per second while so many are under way.
fn rate<F: Future<Output = ()> + Send + 'static>(ours: &Ours, count: usize, job: impl Fn() -> F + Copy + Send) -> f64 {
    let begun = AtomicUsize::new(0);
    let one_after_the_other = || async {
        while begun.fetch_add(1, Ordering::Relaxed) < count {
            // A task of its own, so that both cores are used.
            ours.runtime.spawn(job()).await.expect("it ends");
        }
    };
    let took = wall(|| {
        ours.runtime.block_on(join_all((0..IN_FLIGHT).map(|_| one_after_the_other())));
    });
    count as f64 / took.as_secs_f64()
}

async fn prototype_job(prototype: Prototype, input: Arc<[u8]>) {
    assert_eq!(prototype.job(input.clone()).await, *input);
}

fn job(ours: &Ours) -> impl Future<Output = ()> + Send + use<> {
    let (host, request) = (ours.local.host().clone(), ours.by_digest.clone());
    async move {
        let handle = host.submit(request).await.expect("it is kept");
        handle.result(None).await.expect("an echo");
    }
}

fn alone(effort: Effort, table: &mut Table, ours: &Ours) {
    let folder = tempfile::tempdir().expect("a folder");
    let log = File::create(folder.path().join("log")).expect("a file");
    let record = ours.by_digest.input.bytes().clone();
    let [disk, one] = in_turns(
        effort.of_usual(ALONE),
        [&mut || wall(|| (0..2).for_each(|_| append(&log, &record))).as_secs_f64(), &mut || timed(ours)],
    );
    let beside = format!("{} beside {} of two fdatasyncs", shown(one.median()), shown(disk.median()));
    table.add(Row::ratio("one durable job alone", one.over(&disk), Limit::AtMost(1.5), beside));
}

/// How long a job takes that is submitted where programs are: on the runtime.
fn timed(ours: &Ours) -> f64 {
    let job = job(ours);
    let timed = ours.runtime.spawn(async move {
        let began = Instant::now();
        job.await;
        began.elapsed().as_secs_f64()
    });
    ours.runtime.block_on(timed).expect("it ends")
}

fn append(mut log: &File, record: &[u8]) {
    log.write_all(record).expect("room");
    log.sync_data().expect("a disk");
}
