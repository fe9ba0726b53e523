//! Stopping: how soon a tight loop ends when it is cancelled, and how short calls fare among endless ones.

use std::sync::Arc;
use std::time::{Duration, Instant};

use au_host::{Context, Event, Events, Level, LocalConfig, Progress, Request};
use au_tests::guest::ask;
use futures::StreamExt;
use futures::future::join_all;
use tokio::sync::Notify;

use crate::call::Ours;
use crate::measure::{Effort, Sample, shown};
use crate::table::{Found, Limit, Row, Table};

const CANCELS: usize = 300;
const JOB_CANCELS: usize = 30;
const ENDLESS: usize = 64;
const CALLS: usize = 3_000;

pub(crate) fn measure(effort: Effort, table: &mut Table) {
    let ours = Ours::open(LocalConfig::default());
    let calls: Sample = (0..effort.of_usual(CANCELS)).map(|_| cancelled_call(&ours)).collect();
    table.add(millis("cancel of a tight loop, p50", calls.median(), Limit::AtMost(1.0), tail(&calls)));
    let jobs: Sample = (0..effort.of_usual(JOB_CANCELS)).map(|_| cancelled_job(&ours)).collect();
    table.add(millis("the same of a durable job, to its kept end, p50", jobs.median(), Limit::None, tail(&jobs)));
    let crowd = in_a_crowd(&ours, effort.of_usual(CALLS));
    table.add(millis(
        "short call beside 64 endless jobs, p99",
        crowd.quantile(0.99),
        Limit::AtMost(10.0),
        tail(&crowd),
    ));
}

fn millis(figure: &'static str, seconds: f64, limit: Limit, beside: String) -> Row {
    Row { figure, found: Found::Value(seconds * 1e3), unit: "ms", limit, beside }
}

fn tail(sample: &Sample) -> String {
    let [p50, p99, most] = [0.5, 0.99, 1.0].map(|share| shown(sample.quantile(share)));
    format!("p50 {p50}, p99 {p99}, longest {most}")
}

/// Hears that the loop has begun.
#[derive(Debug, Default)]
struct Begun(Notify);

impl Events for Begun {
    fn log(&self, _level: Level, _message: String) {}

    fn progress(&self, _progress: Progress) {
        self.0.notify_one();
    }
}

/// Says that it has begun, and never ends.
fn endless() -> Request {
    ask("progress", 1)
}

fn cancelled_call(ours: &Ours) -> f64 {
    let begun = Arc::new(Begun::default());
    let context = Context { events: begun.clone(), ..Context::default() };
    let (host, cancel) = (ours.local.host().clone(), context.cancel.clone());
    ours.runtime.block_on(async {
        let called = tokio::spawn(async move { host.call_in(endless(), &context).await });
        begun.0.notified().await;
        // Past its first slice, it loops where other guests would.
        tokio::time::sleep(Duration::from_millis(5)).await;
        let asked = Instant::now();
        cancel.cancel();
        called.await.expect("it ends").expect("a report").outcome.expect_err("cancelled");
        asked.elapsed().as_secs_f64()
    })
}

fn cancelled_job(ours: &Ours) -> f64 {
    ours.runtime.block_on(async {
        let handle = ours.local.host().submit(endless()).await.expect("it is kept");
        let mut events = handle.events();
        while !matches!(events.next().await.expect("it goes on").expect("an event"), Event::Progress(_)) {}
        let asked = Instant::now();
        handle.cancel("as was planned").await.expect("it runs");
        handle.wait(None).await.expect("it ends");
        asked.elapsed().as_secs_f64()
    })
}

fn in_a_crowd(ours: &Ours, calls: usize) -> Sample {
    let host = ours.local.host();
    ours.runtime.block_on(async {
        let handles = join_all((0..ENDLESS).map(|_| host.submit(ask("spin", 0)))).await;
        let handles: Vec<_> = handles.into_iter().map(|handle| handle.expect("it is kept")).collect();
        let (short, request) = (host.clone(), ours.by_digest.clone());
        let timed = tokio::spawn(async move {
            let mut sample = Sample::default();
            for _ in 0..calls {
                let asked = Instant::now();
                short.call(request.clone()).await.expect("an echo");
                sample.push(asked.elapsed().as_secs_f64());
                // As calls come, not as one guest after the other on a core of its own.
                tokio::task::yield_now().await;
            }
            sample
        });
        let sample = timed.await.expect("it ends");
        for handle in handles {
            handle.cancel("measured").await.expect("it still runs");
            handle.wait(None).await.expect("it ends");
        }
        sample
    })
}
