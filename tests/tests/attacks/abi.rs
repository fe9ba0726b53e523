//! Guests that break the rules of the canonical ABI: what they hand over is not what it says it is.

use au_host::FailureKind;

use super::guests::{Own, doing};
use super::*;

/// What `go` gives back instead of its answer.
const ANSWERS: [(&str, &str); 9] = [
    ("an address outside of its memory", "(return (i32.const -16))"),
    ("an address at the very end of its memory", "(return (i32.const 131068))"),
    ("an address that is not aligned", "(return (i32.const 301))"),
    (
        "an answer that is neither output nor failure",
        "(i32.store8 (i32.const 304) (i32.const 9)) (i32.store8 (i32.const 300) (i32.const 2)) (return (i32.const 300))",
    ),
    (
        "a failure of no kind",
        "(i32.store8 (i32.const 300) (i32.const 1)) (i32.store8 (i32.const 304) (i32.const 3)) (return (i32.const 300))",
    ),
    ("bytes outside of its memory", "(local.set $at (i32.const 65536)) (local.set $len (i32.const 0x7fffffff))"),
    ("bytes that wrap around", "(local.set $at (i32.const -1)) (local.set $len (i32.const -1))"),
    (
        "a content type that is not UTF-8",
        "(i32.store (i32.const 640) (i32.const 0xfffefdfc)) (local.set $kind (i32.const 640)) (local.set $kind-len (i32.const 4))",
    ),
    (
        "a failure that is not UTF-8",
        "(i32.store (i32.const 640) (i32.const 0xfffefdfc)) (i32.store8 (i32.const 300) (i32.const 1)) (i32.store8 (i32.const 304) (i32.const 1)) (i32.store (i32.const 308) (i32.const 640)) (i32.store (i32.const 312) (i32.const 4)) (return (i32.const 300))",
    ),
];

#[tokio::test]
async fn an_answer_that_is_none_fails_the_job_and_nothing_else() {
    // X13
    let cases: String = ANSWERS
        .iter()
        .enumerate()
        .map(|(n, (_, code))| format!("(if (i32.eq (local.get $number) (i32.const {n})) (then {code}))\n"))
        .collect();
    let (local, request) = host_with(doing(&cases)).await;
    with_canary(&local, async {
        for (number, (what, _)) in (0..).zip(ANSWERS) {
            let failure = failure(&local, numbered(&request, number)).await;
            let kinds = [FailureKind::Trap, FailureKind::OutputTooLarge];
            assert!(kinds.contains(&failure.kind), "{what}: {failure}");
            assert!(!failure.message.is_empty(), "{what}");
        }
    })
    .await;
}

#[tokio::test]
async fn room_for_an_input_that_is_not_there_fails_the_job_and_nothing_else() {
    for (what, instead) in [
        ("outside of its memory", "(return (i32.const -65536))"),
        ("at the end of its memory", "(return (i32.const 131071))"),
        ("not aligned", "(return (i32.const 65537))"),
        ("never given", "(loop $for-ever (br $for-ever))"),
        ("given after a call that may not be made then", "(call $log (i32.const 0) (i32.const 48) (i32.const 10))"),
    ] {
        let text = Own::default().text().replace(
            "(local $at i32) (local $end i32)\n",
            &format!("(local $at i32) (local $end i32)\n(if (i32.gt_u (local.get $new) (i32.const 90000)) (then {instead}))\n"),
        );
        let (local, request) = host_with(au_tests::guest::component(&text)).await;
        let mut large = with(&request, vec![7; 100_000]);
        large.sandbox.timeout = Some(Duration::from_millis(300));
        with_canary(&local, async {
            let failure = failure(&local, large).await;
            assert!(matches!(failure.kind, FailureKind::Trap | FailureKind::TimedOut), "{what}: {failure}");
        })
        .await;
    }
}

#[tokio::test]
async fn words_for_the_host_that_are_none_end_the_guest() {
    // X11
    let cases = [
        "(call $log (i32.const 9) (i32.const 48) (i32.const 10))",
        "(call $log (i32.const 1) (i32.const -9) (i32.const 10))",
        "(call $log (i32.const 1) (i32.const 48) (i32.const -1))",
        "(i32.store (i32.const 640) (i32.const 0xfffefdfc)) (call $log (i32.const 1) (i32.const 640) (i32.const 4))",
        "(i32.store (i32.const 640) (i32.const 0xfffefdfc)) (call $progress (f32.const nan) (i32.const 640) (i32.const 4))",
        "(call $current (i32.const -4))",
    ];
    let body: String = (0..cases.len())
        .map(|n| format!("(if (i32.eq (local.get $number) (i32.const {n})) (then {}))\n", cases[n]))
        .collect();
    let (local, request) = host_with(doing(&body)).await;
    with_canary(&local, async {
        for number in 0..6 {
            assert_eq!(failure(&local, numbered(&request, number)).await.kind, FailureKind::Trap, "{number}");
        }
    })
    .await;
}
