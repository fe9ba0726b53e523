//! X7: one instruction that takes long. Epochs are looked at between instructions, not within one.

use au_host::FailureKind;

use super::guests::{Own, doing};
use super::*;

/// Nearly all of the memory an attempt gets that asks for none.
const GROW: &str = "(drop (memory.grow (i32.const 2000)))";

fn bulk() -> Vec<(&'static str, Bytes)> {
    let endless = |what: &str| format!("{GROW} (loop $for-ever {what} (br $for-ever))");
    let fill = doing(&endless("(memory.fill (i32.const 70000) (i32.const 7) (i32.const 131000000))"));
    let copy = doing(&endless("(memory.copy (i32.const 70000) (i32.const 70001) (i32.const 131000000))"));
    let fields = "(table $table 20000 funcref)";
    let body = endless("(table.fill $table (i32.const 0) (ref.func $go) (i32.const 20000))");
    let tables = Own { fields, body: &body, ..Own::default() }.plain();
    vec![("memory.fill", fill), ("memory.copy", copy), ("table.fill", tables)]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_loop_of_bulk_instructions_is_ended_by_a_cancel() {
    let local = guest::local(config()).await;
    for (what, wasm) in bulk() {
        let handle = local.host().submit(go(&local, wasm).await).await.unwrap();
        with_canary(&local, async {
            until(&handle, Status::Running).await;
            handle.cancel(what).await.unwrap();
            cancelled_within(LATE, &handle).await;
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_loop_of_bulk_instructions_is_ended_by_the_deadline() {
    let local = guest::local(config()).await;
    for (what, wasm) in bulk() {
        let mut request = go(&local, wasm).await;
        request.sandbox.timeout = Some(Duration::from_millis(300));
        with_canary(&local, async {
            let job = failed(&local, request).await;
            assert_eq!(job.failure.as_ref().unwrap().kind, FailureKind::TimedOut, "{what}");
            stopped_within(LATE, &job);
        })
        .await;
    }
}
