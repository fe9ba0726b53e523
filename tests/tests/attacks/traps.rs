//! X3, X8, X9: whatever a guest does that WebAssembly forbids ends it, and nothing else, and says what it was.

use au_host::FailureKind;

use super::guests::{Own, doing};
use super::*;

/// What each is in code, what its failure says, and in which order: the number of a trap is its place here.
const TRAPS: [(&str, &str); 16] = [
    ("unreachable", "unreachable"),
    ("(drop (i32.load (i32.const -4)))", "out of bounds memory access"),
    ("(i64.store (i32.const -1) (i64.const 1))", "out of bounds memory access"),
    ("(memory.fill (i32.const 0) (i32.const 0) (i32.const -1))", "out of bounds memory access"),
    ("(memory.copy (i32.const -9) (i32.const 0) (i32.const 99))", "out of bounds memory access"),
    ("(memory.init $bytes (i32.const 0) (i32.const 0) (i32.const 99))", "out of bounds memory access"),
    ("(drop (table.get $table (i32.const 99)))", "out of bounds table access"),
    ("(table.fill $table (i32.const 0) (ref.null func) (i32.const 99))", "out of bounds table access"),
    ("(drop (call_indirect $table (type $number) (i32.const 99)))", "out of bounds table access"),
    ("(drop (call_indirect $table (type $number) (i32.const 0)))", "uninitialized element"),
    ("(drop (call_indirect $table (type $number) (i32.const 1)))", "indirect call type mismatch"),
    ("(drop (i32.div_u (i32.const 1) (i32.const 0)))", "divide by zero"),
    ("(drop (i64.rem_s (i64.const 1) (i64.const 0)))", "divide by zero"),
    ("(drop (i32.div_s (i32.const 0x80000000) (i32.const -1)))", "integer overflow"),
    ("(drop (i32.trunc_f64_s (f64.const 1e300)))", "integer overflow"),
    ("(drop (i64.trunc_f32_u (f32.const nan)))", "invalid conversion to integer"),
];

#[tokio::test]
async fn every_kind_of_trap_is_told_by_name_and_with_the_function_it_was_in() {
    // X8
    let (mut fields, mut body) = (
        r#"(type $number (func (result i32)))
        (table $table 2 funcref) (elem (i32.const 1) $go) (data $bytes "four")"#
            .to_owned(),
        String::new(),
    );
    for (number, (code, _)) in TRAPS.iter().enumerate() {
        fields += &format!("(func $forbidden-{number} {code})\n");
        body += &format!("(if (i32.eq (local.get $number) (i32.const {number})) (then (call $forbidden-{number})))\n");
    }
    let (local, request) = host_with(Own { fields: &fields, body: &body, ..Own::default() }.plain()).await;
    with_canary(&local, async {
        for (number, (_, word)) in (0..).zip(TRAPS) {
            let failure = failure(&local, numbered(&request, number)).await;
            assert_eq!(failure.kind, FailureKind::Trap, "{failure}");
            assert!(failure.message.contains(word), "{number}: {failure}");
            assert_eq!(failure.trace.first(), Some(&format!("forbidden-{number}")), "{failure:?}");
            assert!(failure.trace.len() <= 20);
        }
    })
    .await;
}

#[tokio::test]
async fn a_trap_in_the_depths_tells_the_innermost_twenty_functions() {
    // X8
    let fields = "(func $deeper (param i32) (if (i32.eqz (local.get 0)) (then unreachable))
        (call $deeper (i32.sub (local.get 0) (i32.const 1))))";
    let (local, request) =
        host_with(Own { fields, body: "(call $deeper (local.get $number))", ..Own::default() }.plain()).await;
    let failure = failure(&local, numbered(&request, 1000)).await;
    assert_eq!(failure.trace, ["deeper"; 20]);
}

#[tokio::test]
async fn a_host_function_called_near_the_end_of_the_stack_works_or_the_guest_overflows() {
    // X3, X9: `current` calls back into the guest for room for its answer, there where hardly any stack is left.
    let fields = r#"(func $deeper (param i32) (call $log (i32.const 0) (i32.const 48) (i32.const 10))
        (call $current (i32.const 704)) (call $deeper (i32.add (local.get 0) (i32.const 1))))"#;
    let wasm = Own { fields, body: "(call $deeper (i32.const 0))", ..Own::default() }.plain();
    let (local, request) = host_with(wasm).await;
    with_canary(&local, async {
        for stack in [64 << 10, 512 << 10, 4 << 20] {
            let mut request = request.clone();
            (request.sandbox.stack, request.sandbox.log_lines) = (Some(stack), Some(10));
            let failure = failure(&local, request).await;
            assert_eq!(failure.kind, FailureKind::StackOverflow, "{failure}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_guest_that_recurses_through_wide_frames_overflows_its_own_stack_only() {
    // X3
    let locals = "(local i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64)";
    let sets: String = (0..16).map(|n| format!("(local.set {n} (i64.load (i32.const {})))\n", n * 8)).collect();
    let sums: String =
        (0..16).map(|n| format!("(global.set $sum (i64.xor (global.get $sum) (local.get {n})))\n")).collect();
    let fields = format!("(global $sum (mut i64) (i64.const 0)) (func $wide {locals} {sets} (call $wide) {sums})");
    let (local, request) = host_with(Own { fields: &fields, body: "(call $wide)", ..Own::default() }.plain()).await;
    with_canary(&local, async {
        for _ in 0..20 {
            assert_eq!(failure(&local, request.clone()).await.kind, FailureKind::StackOverflow);
        }
    })
    .await;
}

#[tokio::test]
async fn a_trap_keeps_the_log_that_was_written_before_it() {
    // X8
    let wasm = doing("(call $log (i32.const 2) (i32.const 48) (i32.const 10)) unreachable");
    let (local, request) = host_with(wasm).await;
    let handle = local.host().submit(request).await.unwrap();
    assert_eq!(handle.wait(LONG).await.unwrap().status, Status::Failed);
    assert_eq!(handle.logs(0, 9).await.unwrap()[0].message, "some words");
}
