//! X2, X19: guests that never get as far as their function, and guests that leave by another door.

use std::sync::Arc;

use au_host::registry::{Function, Registry};
use au_host::{Clock, FailureKind, ModuleRef};
use tempfile::TempDir;

use super::guests::Own;
use super::*;

/// A host with a guest that cannot be described, which is why its function has to be said.
pub(crate) async fn host_of_undescribed(config: LocalConfig, wasm: Bytes) -> (Local, Request, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let local = guest::local_at(folder.path(), config).await;
    let registry = Arc::new(Registry::open(&folder.path().join("modules"), guest::compiler()).unwrap());
    let go = Function { name: "go".into(), summary: String::new(), input_schema: None, output_schema: None };
    let added = registry.add(wasm, Clock::system().now(), async |_| Ok(vec![go])).await.unwrap();
    let request = Request { module: ModuleRef::Digest(added.digest), ..ask("go", 0) };
    (local, request, folder)
}

fn endless_start() -> Bytes {
    let fields = "(func $begin (loop $for-ever (br $for-ever))) (start $begin)";
    Own { fields, ..Own::default() }.plain()
}

#[tokio::test]
async fn a_start_function_without_end_is_ended_by_the_deadline() {
    // X2
    let (local, mut request, _folder) = host_of_undescribed(config(), endless_start()).await;
    request.sandbox.timeout = Some(Duration::from_millis(300));
    with_canary(&local, async {
        let failure = failure(&local, request).await;
        assert_eq!(failure.kind, FailureKind::TimedOut, "{failure}");
    })
    .await;
}

#[tokio::test]
async fn a_start_function_without_end_is_ended_by_a_cancel() {
    // X2
    let (local, request, _folder) = host_of_undescribed(config(), endless_start()).await;
    let handle = local.host().submit(request).await.unwrap();
    with_canary(&local, async {
        until(&handle, Status::Running).await;
        handle.cancel("enough").await.unwrap();
        assert_eq!(handle.wait(LONG).await.unwrap().status, Status::Cancelled);
    })
    .await;
}

#[tokio::test]
async fn a_start_function_without_end_runs_out_of_fuel() {
    // X1, X2
    let (local, mut request, _folder) = host_of_undescribed(config(), endless_start()).await;
    request.sandbox.fuel = Some(100_000);
    assert_eq!(failure(&local, request).await.kind, FailureKind::OutOfFuel);
}

#[tokio::test]
async fn a_module_whose_start_never_ends_is_refused_when_it_is_added() {
    // X2
    let local = guest::local(config()).await;
    let refused = with_canary(&local, local.add_module(endless_start())).await.unwrap_err();
    assert!(refused.to_string().contains("functions_failed"), "{refused}");
    assert!(refused.to_string().contains("timed-out"), "{refused}");
    assert_eq!(local.list_modules().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_guest_that_exits_has_failed_whatever_its_code() {
    // X19
    let imports = r#"(import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))"#;
    let wasm = Own { imports, body: "(call $exit (local.get $number))", ..Own::default() }.wasi();
    let (local, request) = host_with(wasm).await;
    with_canary(&local, async {
        for code in [0, 1, 255, u32::MAX] {
            let failure = failure(&local, numbered(&request, code)).await;
            assert_eq!(failure.kind, FailureKind::Failed, "{code}: {failure}");
            assert!(failure.message.contains("exit code"), "{failure}");
        }
    })
    .await;
}
