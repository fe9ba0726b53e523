//! C10: what a module says of itself. Nobody has looked at it before the host does.

use super::guests::Own;
use super::*;

/// In place of what `functions` says, and what the refusal must name.
const SAID: [(&str, &str, &str); 8] = [
    ("without end", "(loop $for-ever (br $for-ever))", "timed-out"),
    ("more than there can be", "(i32.store (i32.const 260) (i32.const 0x7fffffff))", "functions_failed"),
    (
        "more than there may be",
        "(i32.store (i32.const 256) (i32.const 70000)) (i32.store (i32.const 260) (i32.const 1500))",
        "functions",
    ),
    ("a name that clears a screen", "(i32.store8 (i32.const 32) (i32.const 0x1b))", "functions_invalid"),
    ("no name", "(i32.store (i32.const 1028) (i32.const 0))", "functions_invalid"),
    (
        "a name without end",
        "(i32.store (i32.const 1024) (i32.const 0)) (i32.store (i32.const 1028) (i32.const 131072))",
        "functions",
    ),
    ("a name that is not UTF-8", "(i32.store8 (i32.const 32) (i32.const 0xff))", "functions_failed"),
    (
        "a schema that is no JSON",
        "(i32.store8 (i32.const 1040) (i32.const 1)) (i32.store (i32.const 1044) (i32.const 48)) (i32.store (i32.const 1048) (i32.const 10))",
        "functions_invalid",
    ),
];

fn saying(code: &str) -> Bytes {
    let text = Own::default().text();
    let answer = "    (i32.const 256))\n";
    let (before, after) = text.split_once(answer).expect("the scaffold ends `functions` so");
    au_tests::guest::component(&format!("{before}{code}\n{answer}{after}"))
}

#[tokio::test]
async fn a_module_that_describes_what_cannot_be_is_refused_and_not_kept() {
    let local = guest::local(config()).await;
    with_canary(&local, async {
        for (what, code, named) in SAID {
            let refused = local.add_module(saying(code)).await.expect_err(what).to_string();
            assert!(refused.contains(named), "{what}: {refused}");
            assert!(!refused.chars().any(char::is_control), "{what}: {refused:?}");
        }
    })
    .await;
    assert_eq!(local.list_modules().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_schema_that_is_deep_beyond_measure_is_refused_or_harmless() {
    // Sixty thousand brackets that open.
    let code = "(drop (memory.grow (i32.const 2))) (memory.fill (i32.const 70000) (i32.const 91) (i32.const 60000))
        (i32.store8 (i32.const 1040) (i32.const 1)) (i32.store (i32.const 1044) (i32.const 70000))
        (i32.store (i32.const 1048) (i32.const 60000))";
    let local = guest::local(config()).await;
    let refused = with_canary(&local, local.add_module(saying(code))).await.unwrap_err().to_string();
    assert!(refused.contains("functions_invalid"), "{refused}");
}

#[tokio::test]
async fn a_module_that_says_too_much_while_it_is_asked_is_cut_short() {
    let code = "(loop $again (call $log (i32.const 2) (i32.const 48) (i32.const 10)) (br $again))";
    let local = guest::local(config()).await;
    let refused = with_canary(&local, local.add_module(saying(code))).await.unwrap_err().to_string();
    assert!(refused.contains("timed-out"), "{refused}");
}
