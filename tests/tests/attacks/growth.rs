//! X1, X4, X5, X6: guests that want more than there is for them.

use au_host::FailureKind;

use super::guests::{Own, doing};
use super::*;

#[tokio::test]
async fn a_guest_that_is_refused_memory_is_told_so_and_may_go_on() {
    // X4
    let body = "(loop $more (br_if $more (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))
        (i32.store (i32.const 640) (memory.size)) (local.set $at (i32.const 640)) (local.set $len (i32.const 4))";
    let (local, mut request) = host_with(doing(body)).await;
    request.sandbox.memory = Some(4 << 20);
    assert_eq!(output(&local, request).await, 64_u32.to_le_bytes());
}

#[tokio::test]
async fn a_guest_that_is_refused_a_larger_table_is_told_so_and_may_go_on() {
    // X5
    let fields = "(table $table 0 funcref)";
    let body = "(loop $more (br_if $more (i32.ne (table.grow $table (ref.null func) (i32.const 100)) (i32.const -1))))
        (i32.store (i32.const 640) (table.size $table)) (local.set $at (i32.const 640)) (local.set $len (i32.const 4))";
    let (local, mut request) = host_with(Own { fields, body, ..Own::default() }.plain()).await;
    request.sandbox.table_elements = Some(1_000);
    assert_eq!(output(&local, request).await, 1_000_u32.to_le_bytes());
}

#[tokio::test(flavor = "multi_thread")]
async fn many_that_grow_and_touch_all_they_can_get_disturb_nobody() {
    // X4
    let local = guest::local(config()).await;
    with_canary(&local, async {
        let jobs = (0..16).map(async |_| {
            let mut request = ask("grow", 0);
            request.sandbox.memory = Some(32 << 20);
            let failure = failure(&local, request).await;
            assert_eq!(failure.kind, FailureKind::OutOfMemory, "{failure}");
        });
        futures::future::join_all(jobs).await;
    })
    .await;
}

#[tokio::test]
async fn what_a_module_begins_with_is_held_under_the_limits_too() {
    // X6
    let local = guest::local(config()).await;
    let large = Own::default().text().replace("(memory (export \"memory\") 2)", "(memory (export \"memory\") 4000)");
    let wide = Own { fields: "(table 60000 funcref)", ..Own::default() }.text();
    for (text, limit) in [(large, "memory"), (wide, "table_elements")] {
        let refused = local.add_module(au_tests::guest::component(&text)).await.unwrap_err().to_string();
        assert!(refused.contains("functions_failed") && refused.contains(limit), "{limit}: {refused}");
    }
}

#[tokio::test]
async fn what_no_memory_could_hold_is_refused_before_it_is_tried() {
    // X6
    let local = guest::local(config()).await;
    for (fields, code) in [
        ("(memory 1)".repeat(99), "limit:memories"),
        ("(table 10000000 funcref)".to_owned(), "limit:table_elements"),
        ("(table 1 funcref)".repeat(100), "limit:tables"),
        ("(global i64 (i64.const 0))".repeat(100_000), "limit:globals"),
    ] {
        let text = Own { fields: &fields, ..Own::default() }.text();
        let refused = local.add_module(au_tests::guest::component(&text)).await.unwrap_err().to_string();
        assert!(refused.contains(code), "{refused}");
    }
}

#[tokio::test]
async fn an_endless_loop_ends_by_its_deadline_and_by_its_fuel() {
    // X1
    let local = guest::local(config()).await;
    with_canary(&local, async {
        let (mut timed, mut metered) = (ask("spin", 0), ask("spin", 0));
        timed.sandbox.timeout = Some(Duration::from_millis(200));
        metered.sandbox.fuel = Some(10_000_000);
        assert_eq!(failure(&local, timed).await.kind, FailureKind::TimedOut);
        assert_eq!(failure(&local, metered).await.kind, FailureKind::OutOfFuel);
    })
    .await;
}
