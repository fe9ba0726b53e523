//! What several hosts do that share a store and nothing else: each has a folder of its own, as on machines of their own.

use std::time::Duration;

use au_host::store::Filter;
use au_host::{
    Clock, Cron, Error, Event, Local, LocalConfig, ModuleRef, OCTETS, Payload, Schedule, ScheduleName, Status, Takes,
};
use futures::StreamExt;
use tempfile::TempDir;

use crate::guest::{self, alias, ask};
use crate::properties;
use crate::store::Open;
use crate::suite::Property;

/// Long enough for anything that ends.
const LONG: Duration = Duration::from_secs(30);

/// What is asked of hosts that share a store.
pub const HOSTS: &[Property<Open>] = properties![
    "a module that was added through one host is called by name through another" => module_by_name,
    "a job that one host keeps, another fetches the module for and runs" => job_of_another,
    "the result of a job is waited for on any host" => result_anywhere,
    "a job is cancelled through any host" => cancelled_anywhere,
    "the events of a job are heard on any host" => events_anywhere,
    "a name moves for all hosts at once" => name_moves,
    "a module removed through one host is gone for others" => removed,
    "a module whose bytes in the store are others is not run" => other_bytes,
    "of hosts that take what is due each job is run by one" => each_once,
    "a key names one job, through whichever host it is submitted" => one_key,
    "a schedule that is kept through one host is submitted by one of all" => scheduled,
];

/// A host, and its folder.
#[allow(dead_code, reason = "the folder goes with it")]
struct Machine(Local, TempDir);

impl Machine {
    async fn new(open: &Open, takes: Takes) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = LocalConfig { slots: Some(4), takes, ..guest::config() };
        Self(Local::on(open(), folder.path(), config).await.unwrap(), folder)
    }
}

async fn module_by_name(open: Open) {
    let (one, other) = (Machine::new(&open, Takes::Everything).await, Machine::new(&open, Takes::Everything).await);
    assert!(matches!(other.0.host().call(ask("echo", 1)).await, Err(Error::NotFound { .. })));
    guest::add_to(&one.0).await;
    assert_eq!(other.0.host().call(ask("echo", 7)).await.unwrap().bytes()[..], 7_u32.to_le_bytes());
    let listed = other.0.list_modules().await.unwrap();
    assert_eq!((listed.len(), &*listed[0].aliases), (1, &[alias()][..]));
    assert_eq!(listed[0].info.functions, one.0.list_modules().await.unwrap()[0].info.functions);
    let Err(Error::NotFound { nearest, .. }) = other.0.module(&"gest".parse().unwrap()).await else { panic!("a typo") };
    assert_eq!(nearest.as_deref(), Some("guest"));
}

async fn job_of_another(open: Open) {
    let asks = Machine::new(&open, Takes::Nothing).await;
    guest::add_to(&asks.0).await;
    let handle = asks.0.host().submit(ask("echo", 9)).await.unwrap();
    assert_eq!(handle.status().await.unwrap(), Status::Pending);
    // It has never seen the module.
    let _runs = Machine::new(&open, Takes::Everything).await;
    assert_eq!(handle.result(LONG).await.unwrap().bytes()[..], 9_u32.to_le_bytes());
}

async fn result_anywhere(open: Open) {
    let (one, other) = (Machine::new(&open, Takes::Everything).await, Machine::new(&open, Takes::Nothing).await);
    guest::add_to(&one.0).await;
    let handle = one.0.host().submit(ask("echo", 3)).await.unwrap();
    assert_eq!(other.0.host().handle(handle.id()).result(LONG).await.unwrap().bytes()[..], 3_u32.to_le_bytes());
}

async fn cancelled_anywhere(open: Open) {
    let (runs, asks) = (Machine::new(&open, Takes::Everything).await, Machine::new(&open, Takes::Nothing).await);
    guest::add_to(&runs.0).await;
    let handle = asks.0.host().submit(ask("spin", 0)).await.unwrap();
    while handle.status().await.unwrap() != Status::Running {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    handle.cancel("from afar").await.unwrap();
    let job = runs.0.host().handle(handle.id()).wait(LONG).await.unwrap();
    assert_eq!((job.status, job.cancelled.as_deref()), (Status::Cancelled, Some("from afar")));
}

async fn events_anywhere(open: Open) {
    let (runs, hears) = (Machine::new(&open, Takes::Own).await, Machine::new(&open, Takes::Nothing).await);
    guest::add_to(&runs.0).await;
    let handle = runs.0.host().submit(ask("progress", 0)).await.unwrap();
    let heard = hears.0.host().handle(handle.id()).events();
    let heard: Vec<_> = tokio::time::timeout(LONG, heard.map(Result::unwrap).collect()).await.unwrap();
    let last =
        heard.iter().rev().find_map(|event| if let Event::Status(job) = event { Some(job.status) } else { None });
    assert_eq!(last, Some(Status::Completed), "{heard:?}");
}

async fn name_moves(open: Open) {
    let (one, other) = (Machine::new(&open, Takes::Everything).await, Machine::new(&open, Takes::Everything).await);
    guest::add_to(&one.0).await;
    let before = other.0.module(&ModuleRef::Name(alias())).await.unwrap().digest;
    let second = other.0.add_module(guest::with_fields("(global $other i32 (i32.const 1))")).await.unwrap();
    other.0.alias(&alias(), second.digest).await.unwrap();
    assert_ne!(before, second.digest);
    assert_eq!(one.0.module(&ModuleRef::Name(alias())).await.unwrap().digest, second.digest);
    one.0.unalias(&alias()).await.unwrap();
    assert!(matches!(other.0.host().call(ask("echo", 1)).await, Err(Error::NotFound { .. })));
    assert!(matches!(one.0.unalias(&alias()).await, Err(Error::NotFound { .. })));
}

async fn removed(open: Open) {
    let (one, other) = (Machine::new(&open, Takes::Everything).await, Machine::new(&open, Takes::Everything).await);
    guest::add_to(&one.0).await;
    let digest = one.0.module(&ModuleRef::Name(alias())).await.unwrap().digest;
    // Not through the one that has its code.
    other.0.remove_module(digest).await.unwrap();
    assert!(matches!(other.0.remove_module(digest).await, Err(Error::NotFound { .. })));
    assert!(matches!(one.0.host().call(ask("echo", 1)).await, Err(Error::NotFound { .. })));
    assert!(one.0.list_modules().await.unwrap().is_empty());
    assert!(matches!(other.0.alias(&alias(), digest).await, Err(Error::NotFound { .. })));
    guest::add_to(&one.0).await;
    assert_eq!(other.0.host().call(ask("echo", 4)).await.unwrap().bytes()[..], 4_u32.to_le_bytes());
}

async fn other_bytes(open: Open) {
    let one = Machine::new(&open, Takes::Nothing).await;
    guest::add_to(&one.0).await;
    let digest = one.0.module(&ModuleRef::Name(alias())).await.unwrap().digest;
    let other = guest::with_fields("(global $other i32 (i32.const 1))");
    one.0.host().store().put_blob(&format!("module/{}", digest.hex()), &other).await.unwrap();
    let two = Machine::new(&open, Takes::Everything).await;
    let refused = two.0.host().call(ask("echo", 1)).await;
    assert!(matches!(refused, Err(Error::Corrupt { .. })), "{refused:?}");
}

async fn each_once(open: Open) {
    let asks = Machine::new(&open, Takes::Nothing).await;
    guest::add_to(&asks.0).await;
    let workers = [(); 3].map(|()| Machine::new(&open, Takes::Everything));
    let workers = futures::future::join_all(workers).await;
    let inputs = (0..120_u32).map(|number| Payload::new(OCTETS, number.to_le_bytes().to_vec()).unwrap());
    let handles = asks.0.host().map(ask("echo", 0), inputs).await.unwrap();
    for (number, handle) in (0_u32..).zip(&handles) {
        assert_eq!(handle.result(LONG).await.unwrap().bytes()[..], number.to_le_bytes());
        assert_eq!(handle.metadata().await.unwrap().attempt, 1);
    }
    let open_jobs = Filter { status: vec![Status::Pending, Status::Running], ..Filter::default() };
    assert!(workers[0].0.host().list(open_jobs, None, 10).await.unwrap().is_empty());
}

async fn one_key(open: Open) {
    let hosts = [Machine::new(&open, Takes::Everything).await, Machine::new(&open, Takes::Everything).await];
    guest::add_to(&hosts[0].0).await;
    for round in 0..10 {
        let submit = |number: usize| {
            let mut request = ask("echo", 5);
            request.key = crate::store::jobs::key(&format!("round {round}"), au_host::KeyHolds::WhileKept);
            let host = hosts[number % 2].0.host().clone();
            async move { host.submit(request).await.unwrap().id() }
        };
        let ids = futures::future::join_all((0..8).map(submit)).await;
        assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    }
}

async fn scheduled(open: Open) {
    let asks = Machine::new(&open, Takes::Nothing).await;
    guest::add_to(&asks.0).await;
    let _workers = [Machine::new(&open, Takes::Everything).await, Machine::new(&open, Takes::Everything).await];
    let (schedules, name) = (asks.0.host().schedules(None), "often".parse::<ScheduleName>().unwrap());
    let each_second = Cron::new("* * * * * *", "UTC", Clock::system().now()).unwrap();
    let mut unknown = Schedule::new(each_second.clone(), ask("ehco", 6));
    assert!(matches!(schedules.put(&name, unknown.clone()).await, Err(Error::NotFound { .. })));
    unknown.request = ask("echo", 6);
    schedules.put(&name, unknown).await.unwrap();
    let filter = || Filter { labels: vec![("schedule".into(), "often".into())], ..Filter::default() };
    let jobs = async || asks.0.host().list(filter(), None, 100).await.unwrap();
    while jobs().await.len() < 3 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    schedules.remove(&name).await.unwrap();
    let jobs = jobs().await;
    let mut times: Vec<_> = jobs.iter().map(|job| job.options.run_at).collect();
    times.dedup();
    assert_eq!(times.len(), jobs.len(), "no second has two: {times:?}");
    for job in &jobs {
        let output = asks.0.host().handle(job.id).result(LONG).await.unwrap();
        assert_eq!(output.bytes()[..], 6_u32.to_le_bytes());
    }
}
