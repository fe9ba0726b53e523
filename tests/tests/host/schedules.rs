//! What a host makes of schedules, by a clock that the test moves: hours pass at once.

use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use au_host::store::Filter;
use au_host::{
    Clock, Cron, Error, Host, IdempotencyKey, KeyHolds, Missed, Overlap, Quota, Quotas, Request, Result, Schedule,
    ScheduleInfo, ScheduleName, Status, Store, Summary, Takes, Timestamp,
};

use crate::hooked::Hooks;
use crate::puppet::Puppet;
use crate::{SOON, ask, builder, hooked, memory, until};

const HOUR: Duration = Duration::from_secs(3600);

/// Half past twelve, until it is moved.
#[derive(Clone)]
struct Time(Arc<AtomicI64>);

impl Time {
    fn new() -> Self {
        Self(Arc::new(AtomicI64::new(at("2026-06-01T12:30:00Z").as_micros())))
    }

    fn set(&self, text: &str) {
        self.0.store(at(text).as_micros(), Ordering::SeqCst);
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::SeqCst))
    }

    fn clock(&self) -> Clock {
        let time = self.clone();
        Clock::manual(move || time.now())
    }
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn name() -> ScheduleName {
    "hourly".parse().unwrap()
}

fn hourly(function: &str, time: &Time) -> Schedule {
    Schedule::new(Cron::new("0 * * * *", "UTC", time.now()).unwrap(), ask(function))
}

async fn host(store: &Arc<dyn Store>, time: &Time) -> Host {
    builder(Arc::clone(store), &Puppet::new()).clock(time.clock()).lease(100 * HOUR).build().await.unwrap()
}

/// The jobs that came of schedules, oldest first.
async fn jobs(host: &Host) -> Vec<Summary> {
    let filter = Filter { labels: vec![("schedule".into(), "hourly".into())], ..Filter::default() };
    let mut jobs = host.list(filter, None, 1000).await.unwrap();
    jobs.reverse();
    jobs
}

fn times(jobs: &[Summary]) -> Vec<String> {
    jobs.iter().map(|job| job.options.run_at.to_string()[11..16].to_owned()).collect()
}

/// Waits until something became of the time at this hour.
async fn told(host: &Host, hour: &str) -> ScheduleInfo {
    let at = at(&format!("2026-06-01T{hour}:00:00Z"));
    let schedules = host.schedules(None);
    until(&format!("{hour} o'clock"), async || {
        schedules.get(&name()).await.unwrap().last.is_some_and(|last| last.at == at)
    })
    .await;
    schedules.get(&name()).await.unwrap()
}

#[tokio::test]
async fn a_job_comes_at_each_time_of_a_schedule_and_none_before_the_first() {
    let (store, time) = (memory(), Time::new());
    let host = host(&store, &time).await;
    let kept = host.schedules(None).put(&name(), hourly("echo", &time)).await.unwrap();
    assert_eq!(kept.next, Some(at("2026-06-01T13:00:00Z")));
    time.set("2026-06-01T12:59:59.999Z");
    tokio::time::sleep(SOON).await;
    assert!(jobs(&host).await.is_empty());
    time.set("2026-06-01T13:00:00Z");
    let info = told(&host, "13").await;
    assert_eq!(info.next, Some(at("2026-06-01T14:00:00Z")));
    time.set("2026-06-01T14:00:07Z");
    told(&host, "14").await;
    let found = jobs(&host).await;
    assert_eq!(times(&found), ["13:00", "14:00"]);
    assert_eq!(info.last.unwrap().job, Some(found[0].id));
    let output = host.handle(found[1].id).result(crate::LONG).await.unwrap();
    assert_eq!(output.bytes()[..], *b"[7]", "its input is that of the schedule");
}

#[tokio::test]
async fn of_times_that_passed_while_nobody_was_there_the_last_is_made_up_for() {
    let (store, time) = (memory(), Time::new());
    let asks = builder(Arc::clone(&store), &Puppet::new()).clock(time.clock()).takes(Takes::Nothing);
    asks.build().await.unwrap().schedules(None).put(&name(), hourly("echo", &time)).await.unwrap();
    time.set("2026-06-01T17:10:00Z");
    let host = host(&store, &time).await;
    told(&host, "17").await;
    time.set("2026-06-01T18:00:01Z");
    told(&host, "18").await;
    assert_eq!(times(&jobs(&host).await), ["17:00", "18:00"]);
}

#[tokio::test]
async fn times_that_passed_while_nobody_was_there_are_skipped_where_that_was_asked_for() {
    let (store, time) = (memory(), Time::new());
    let asks = builder(Arc::clone(&store), &Puppet::new()).clock(time.clock()).takes(Takes::Nothing);
    let schedule = Schedule { missed: Missed::Skip, ..hourly("echo", &time) };
    asks.build().await.unwrap().schedules(None).put(&name(), schedule).await.unwrap();
    time.set("2026-06-01T17:10:00Z");
    let host = host(&store, &time).await;
    let info = told(&host, "17").await;
    assert!(info.last.unwrap().skipped.unwrap().contains("nobody was there"));
    time.set("2026-06-01T18:00:59Z");
    told(&host, "18").await;
    assert_eq!(times(&jobs(&host).await), ["18:00"]);
}

#[tokio::test]
async fn a_time_at_which_the_job_before_still_runs_is_skipped_where_that_was_asked_for() {
    let (store, time) = (memory(), Time::new());
    let host = host(&store, &time).await;
    let schedule = Schedule { overlap: Overlap::Skip, ..hourly("for-ever", &time) };
    host.schedules(None).put(&name(), schedule).await.unwrap();
    time.set("2026-06-01T13:00:01Z");
    let first = told(&host, "13").await.last.unwrap().job.unwrap();
    skips(&host, &time, &["14"]).await;
    host.handle(first).cancel("enough").await.unwrap();
    host.handle(first).wait(crate::LONG).await.unwrap();
    time.set("2026-06-01T15:00:01Z");
    told(&host, "15").await;
    assert_eq!(times(&jobs(&host).await), ["13:00", "15:00"]);
}

/// Skips each of these hours because the job before has not finished.
async fn skips(host: &Host, time: &Time, hours: &[&str]) {
    for hour in hours {
        time.set(&format!("2026-06-01T{hour}:00:01Z"));
        let last = told(host, hour).await.last.unwrap();
        assert!(last.skipped.unwrap_or_default().contains("had not finished"), "{hour}: {:?}", last.job);
    }
}

#[tokio::test]
async fn however_many_times_are_skipped_a_job_that_still_runs_is_alone() {
    let (store, time) = (memory(), Time::new());
    let host = host(&store, &time).await;
    let schedule = Schedule { overlap: Overlap::Skip, ..hourly("for-ever", &time) };
    host.schedules(None).put(&name(), schedule).await.unwrap();
    time.set("2026-06-01T13:00:01Z");
    let first = told(&host, "13").await.last.unwrap().job.unwrap();
    skips(&host, &time, &["14", "15", "16"]).await;
    assert_eq!(times(&jobs(&host).await), ["13:00"]);
    host.handle(first).cancel("enough").await.unwrap();
    host.handle(first).wait(crate::LONG).await.unwrap();
    time.set("2026-06-01T17:00:01Z");
    told(&host, "17").await;
    skips(&host, &time, &["18", "19"]).await;
    assert_eq!(times(&jobs(&host).await), ["13:00", "17:00"]);
}

#[tokio::test]
async fn a_job_that_a_host_of_before_wrote_down_is_waited_for_through_times_that_were_missed_too() {
    let (store, time) = (memory(), Time::new());
    let host = host(&store, &time).await;
    let schedule = Schedule { overlap: Overlap::Skip, missed: Missed::Skip, ..hourly("for-ever", &time) };
    host.schedules(None).put(&name(), schedule).await.unwrap();
    time.set("2026-06-01T13:00:01Z");
    let first = told(&host, "13").await.last.unwrap().job.unwrap();
    let before = serde_json::json!({ "last": { "at": at("2026-06-01T13:00:00Z"), "job": first, "skipped": null }, "trouble": null });
    store.put_note("scheduled/-/hourly", &serde_json::to_vec(&before).unwrap()).await.unwrap();
    time.set("2026-06-01T15:30:00Z");
    assert!(told(&host, "15").await.last.unwrap().skipped.unwrap().contains("nobody was there"));
    skips(&host, &time, &["16", "17"]).await;
    assert_eq!(times(&jobs(&host).await), ["13:00"]);
}

#[tokio::test]
async fn a_paused_schedule_submits_nothing_and_goes_on_with_the_next_time_when_it_is_resumed() {
    let (store, time) = (memory(), Time::new());
    let host = host(&store, &time).await;
    let schedules = host.schedules(None);
    schedules.put(&name(), hourly("echo", &time)).await.unwrap();
    let paused = schedules.pause(&name()).await.unwrap();
    assert_eq!((paused.paused, paused.next), (true, None));
    // Another schedule in its place is paused as well: whoever paused it meant the name.
    assert!(schedules.put(&name(), hourly("echo", &time)).await.unwrap().paused);
    time.set("2026-06-01T14:10:00Z");
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert!(jobs(&host).await.is_empty());
    assert_eq!(schedules.resume(&name()).await.unwrap().next, Some(at("2026-06-01T15:00:00Z")));
    time.set("2026-06-01T15:00:00Z");
    told(&host, "15").await;
    assert_eq!(times(&jobs(&host).await), ["15:00"]);
}

#[tokio::test]
async fn a_schedule_is_run_now_changed_and_removed_and_its_jobs_stay() {
    let (store, time) = (memory(), Time::new());
    let host = host(&store, &time).await;
    let schedules = host.schedules(None);
    schedules.put(&name(), hourly("echo", &time)).await.unwrap();
    let now = schedules.run(&name()).await.unwrap();
    now.result(crate::LONG).await.unwrap();
    assert_eq!(jobs(&host).await.len(), 1);
    let daily = Cron::new("@daily", "Europe/Berlin", time.now()).unwrap();
    schedules.put(&name(), Schedule::new(daily, ask("echo"))).await.unwrap();
    let listed = schedules.list().await.unwrap();
    assert_eq!((listed.len(), listed[0].next), (1, Some(at("2026-06-01T22:00:00Z"))));
    schedules.remove(&name()).await.unwrap();
    assert!(matches!(schedules.remove(&name()).await, Err(Error::NotFound { what: "schedule", .. })));
    assert!(matches!(schedules.get(&name()).await, Err(Error::NotFound { what: "schedule", .. })));
    time.set("2026-06-02T12:00:00Z");
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert_eq!(jobs(&host).await.len(), 1);
}

#[tokio::test]
async fn a_time_whose_job_is_over_the_quota_waits_and_says_why() {
    let (store, time) = (memory(), Time::new());
    let quota = Quota { queued: NonZeroU64::new(1), ..Quota::default() };
    let quotas = Quotas { of: [("own".to_owned(), quota)].into(), ..Quotas::default() };
    let builder = builder(Arc::clone(&store), &Puppet::new()).clock(time.clock()).lease(100 * HOUR).quotas(quotas);
    let host = builder.build().await.unwrap();
    let full = Request { principal: Some("own".into()), run_at: Some(time.now().plus(9 * HOUR)), ..ask("echo") };
    let full = host.submit(full).await.unwrap();
    let schedules = host.schedules(Some("own"));
    schedules.put(&name(), hourly("echo", &time)).await.unwrap();
    assert!(host.schedules(None).list().await.unwrap().is_empty(), "it is the tenant's own");
    time.set("2026-06-01T13:00:00Z");
    until("the reason", async || {
        schedules.get(&name()).await.unwrap().trouble.is_some_and(|why| why.contains("quota"))
    })
    .await;
    full.cancel("room").await.unwrap();
    until("its job", async || schedules.get(&name()).await.unwrap().last.is_some()).await;
    let found = jobs(&host).await;
    assert_eq!((times(&found), schedules.get(&name()).await.unwrap().trouble), (vec!["13:00".to_owned()], None));
    assert_eq!(found[0].options.principal.as_deref(), Some("own"));
}

#[tokio::test]
async fn of_many_hosts_one_submits_each_time() {
    let (store, time) = (memory(), Time::new());
    let mut hosts = Vec::new();
    for _ in 0..4 {
        hosts.push(host(&store, &time).await);
    }
    hosts[0].schedules(None).put(&name(), hourly("echo", &time)).await.unwrap();
    let hours = ["13", "14", "15", "16"];
    for hour in hours {
        time.set(&format!("2026-06-01T{hour}:00:00.1Z"));
        told(&hosts[1], hour).await;
    }
    // All of them have looked once more.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert_eq!(times(&jobs(&hosts[2]).await), hours.map(|hour| format!("{hour}:00")));
}

/// Once the job is kept, that is not written down: the host has died.
struct Dies(Arc<AtomicBool>);

#[async_trait]
impl Hooks for Dies {
    async fn before_put_note(&self, name: &str) -> Result<()> {
        if name.starts_with("scheduled/") && !self.0.load(Ordering::SeqCst) {
            return Err(Error::fault("test", "not written"));
        }
        Ok(())
    }
}

#[tokio::test]
async fn a_job_whose_submit_could_not_be_written_down_is_found_and_not_submitted_again() {
    let (store, time, lives) = (memory(), Time::new(), Arc::new(AtomicBool::new(false)));
    let host = host(&hooked(&store, Dies(Arc::clone(&lives))), &time).await;
    host.schedules(None).put(&name(), hourly("echo", &time)).await.unwrap();
    time.set("2026-06-01T13:00:01Z");
    until("the job", async || !jobs(&host).await.is_empty()).await;
    assert_eq!(host.schedules(None).get(&name()).await.unwrap().last, None);
    lives.store(true, Ordering::SeqCst);
    let info = told(&host, "13").await;
    let found = jobs(&host).await;
    assert_eq!((found.len(), info.last.unwrap().job), (1, Some(found[0].id)));
    assert_eq!(host.handle(found[0].id).wait(crate::LONG).await.unwrap().status, Status::Completed);
}

#[tokio::test]
async fn what_no_schedule_may_have_is_refused_and_a_damaged_one_harms_no_other() {
    let (store, time) = (memory(), Time::new());
    let host = host(&store, &time).await;
    let schedules = host.schedules(None);
    let refused = async |request: Request| {
        let schedule = Schedule { request, ..hourly("echo", &time) };
        schedules.put(&name(), schedule).await.unwrap_err().to_string()
    };
    let key = IdempotencyKey { name: "mine".into(), holds: KeyHolds::WhileKept };
    assert!(refused(Request { key: Some(key), ..ask("echo") }).await.contains("key"));
    assert!(refused(Request { run_at: Some(time.now()), ..ask("echo") }).await.contains("time"));
    assert!(refused(Request { priority: Some(1000), ..ask("echo") }).await.contains("priority"));
    let large = au_host::Payload::json(&"x".repeat(70_000)).unwrap();
    assert!(refused(Request { input: large, ..ask("echo") }).await.contains("65536"));
    assert!(schedules.list().await.unwrap().is_empty());
    for (name, bytes) in [("schedule/-/a", &b"{"[..]), ("schedule/-/b", b"{}\n"), ("schedule/-/NO", b"{}\n")] {
        store.put_note(name, bytes).await.unwrap();
    }
    assert!(matches!(schedules.list().await, Err(Error::Corrupt { .. } | Error::Invalid { .. })));
    schedules.put(&name(), hourly("echo", &time)).await.unwrap();
    time.set("2026-06-01T13:00:00Z");
    told(&host, "13").await;
}
