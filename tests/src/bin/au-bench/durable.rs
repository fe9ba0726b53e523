//! Durable jobs: many at once beside a hand-written log, and one alone beside the disk.

use std::fs::File;
use std::future::Future;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

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
    many(effort, table, &ours, &prototype);
    alone(effort, table, &ours, &prototype);
}

fn many(effort: Effort, table: &mut Table, ours: &Ours, prototype: &Prototype) {
    let count = effort.of_usual(JOBS);
    let input: Arc<[u8]> = ours.by_digest.input.bytes().to_vec().into();
    let [base, jobs] = in_turns(
        effort.of_usual(TURNS),
        [
            &mut || rate(ours, count, || prototype_job(prototype.clone(), input.clone())),
            &mut || rate(ours, count, || job(ours)),
        ],
    );
    let per_second = |sample: &Sample| format!("{:.1} k/s", sample.median() / 1e3);
    let beside = format!("{} beside {} of a bare log with 2 group commits a job", per_second(&jobs), per_second(&base));
    let figure = "durable submit to result, 1,024 in flight (goal 0.5)";
    table.add(Row::ratio(figure, jobs.over(&base), Limit::AtLeast(0.25), beside));
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

fn alone(effort: Effort, table: &mut Table, ours: &Ours, prototype: &Prototype) {
    let folder = tempfile::tempdir().expect("a folder");
    let log = File::create(folder.path().join("log")).expect("a file");
    let input: Arc<[u8]> = ours.by_digest.input.bytes().to_vec().into();
    let turns = effort.of_usual(ALONE);
    let [disk, base, one] = in_turns(
        turns,
        [
            &mut || wall(|| (0..2).for_each(|_| append(&log, &input))).as_secs_f64(),
            &mut || wall(|| ours.runtime.block_on(prototype_job(prototype.clone(), input.clone()))).as_secs_f64(),
            &mut || wall(|| ours.runtime.block_on(job(ours))).as_secs_f64(),
        ],
    );
    let each = |sample: &Sample| shown(sample.median());
    let beside = format!("{} beside {} of two fdatasyncs", each(&one), each(&disk));
    table.add(Row::ratio("one durable job alone", one.over(&disk), Limit::AtMost(1.5), beside));
    let beside = format!("{} beside {} of the bare log", each(&one), each(&base));
    table.add(Row::ratio("the same beside the bare log", one.over(&base), Limit::None, beside));
}

fn append(mut log: &File, record: &[u8]) {
    log.write_all(record).expect("room");
    log.sync_data().expect("a disk");
}
