//! An engine that is full is waited for: that there is no room is not the fault of a guest, and costs no attempt.

use std::sync::Arc;

use au_host::backend::wasm::{WasmBackend, WasmConfig};
use au_host::registry::{ModuleInfo, Registry};
use au_host::{Attempt, Backend, Clock, Context, Digest, Events, JobId, Level, OCTETS, Payload, Progress, Sandbox};
use au_tests::guest;
use tokio::sync::Semaphore;

use crate::{SOON, in_time, now};

/// Counts what an attempt says of its progress.
#[derive(Debug)]
struct Began(Arc<Semaphore>);

impl Events for Began {
    fn log(&self, _level: Level, _message: String) {}

    fn progress(&self, _progress: Progress) {
        self.0.add_permits(1);
    }
}

/// `progress` with an input of 1 says how far it is, and goes on until it is cancelled.
fn attempt(module: Digest, function: &str) -> Attempt {
    let input = Payload::new(OCTETS, vec![1, 0, 0, 0]).unwrap();
    let (job, sandbox) = (JobId::new(now()), Sandbox::default());
    Attempt {
        job,
        number: 1,
        module,
        function: function.into(),
        input,
        sandbox,
        labels: Default::default(),
        module_name: None,
        hops: 0,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_that_finds_its_engine_full_waits_until_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let registry = Arc::new(Registry::open(folder.path(), guest::compiler()).unwrap());
    // Four places have sixteen tables; this guest takes more than four.
    let config = WasmConfig { attempts: 4, threads: 1, ..WasmConfig::default() };
    let backend = Arc::new(WasmBackend::new(registry.clone(), config).unwrap());
    let large = guest::with_fields(&"(table 1 funcref)".repeat(3));
    let describe = async |info: ModuleInfo| backend.describe(&info).await;
    let module = registry.add(large, Clock::system().now(), describe).await.unwrap().digest;

    let began = Arc::new(Semaphore::new(0));
    let mut spinning = Vec::new();
    for _ in 0..3 {
        let context = Context { events: Arc::new(Began(Arc::clone(&began))), ..Context::default() };
        let (backend, cancel) = (Arc::clone(&backend), context.cancel.clone());
        let running = async move { backend.execute(attempt(module, "progress"), &context).await.unwrap().outcome };
        spinning.push((tokio::spawn(running), cancel));
        in_time("the beginning", began.acquire()).await.unwrap().forget();
    }
    let (context, late) = (Context::default(), attempt(module, "echo"));
    let mut late = std::pin::pin!(backend.execute(late, &context));
    assert!(tokio::time::timeout(SOON, &mut late).await.is_err(), "there was room after all, or no patience");
    for (running, cancel) in spinning {
        cancel.cancel();
        // It may end as cancelled, or by itself when it is told.
        drop(in_time("the end of a long one", running).await.unwrap());
    }
    let report = in_time("the late one", late).await.unwrap();
    assert_eq!(report.outcome.unwrap().bytes()[..], [1, 0, 0, 0]);
}
