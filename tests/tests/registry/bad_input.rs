//! What is refused, and how it is said: rows C1 to C4 and C7 to C11 of the catalogue of attacks.

use std::time::{Duration, Instant};

use au_host::registry::ScanLimits;

use super::*;

#[tokio::test]
async fn what_is_not_webassembly_is_refused_with_what_it_is() {
    // C1
    assert_eq!(refused("").await.0, "module_invalid");
    assert_eq!(refused(vec![0xff, 0xad]).await.0, "module_invalid");
    let (code, why) = refused(answer().slice(..answer().len() - 7)).await;
    assert_eq!(code, "module_invalid");
    assert!(why.contains("offset"), "{why}");
    // C2
    let precompiled = engine().precompile_module(&numbers()).unwrap();
    assert_eq!(refused(precompiled).await.0, "precompiled_refused");
    // C3
    let (code, why) = refused(include_str!("../../fixtures/numbers.wat")).await;
    assert_eq!(code, "text_refused");
    assert!(why.contains("wat2wasm"), "{why}");
    // C7, of which uploads know nothing yet: packed modules are not unpacked.
    assert!(refused(vec![0x1f, 0x8b, 8, 0]).await.1.contains("gzip"));
}

#[tokio::test]
async fn invalid_code_is_refused_with_its_offset_and_not_compiled_again() {
    let dir = folder();
    let registry = open(dir.path());
    let invalid = wat("(module (func (result i32) i64.const 1))");
    let (code, why) = refusal(add(&registry, invalid.clone()).await);
    assert_eq!(code, "module_invalid");
    assert!(why.contains("offset 0x"), "{why}");
    let started = Instant::now();
    assert_eq!(refusal(add(&registry, invalid).await), (code, why));
    assert!(started.elapsed() < Duration::from_millis(50), "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_module_over_the_size_limit_is_refused() {
    let dir = folder();
    let limits = ScanLimits { bytes: 100, ..ScanLimits::default() };
    let registry = Arc::new(Registry::open(dir.path(), child()).unwrap().scanning_with(limits));
    let (code, why) = refusal(add(&registry, vec![0; 101].into()).await);
    assert_eq!((code.as_str(), why.as_str()), ("module_too_large", "it has 101 bytes, and 100 are allowed"));
}

#[tokio::test]
async fn a_core_module_is_not_a_component() {
    // C4
    let dir = folder();
    let registry = open(dir.path());
    let (core, component) = (add(&registry, numbers()).await.unwrap(), add(&registry, answer()).await.unwrap());
    let kind = |error| matches!(error, Error::Module { code, .. } if code == "module_kind_mismatch");
    // Not for a while is the code in the cache what decides: it has the wrong kind too.
    assert!(kind(registry.component(&engine(), PLAIN, core.digest).unwrap_err()));
    assert!(kind(registry.module(&engine(), PLAIN, component.digest).unwrap_err()));
}

#[tokio::test]
async fn a_proposal_that_is_off_is_refused_by_name() {
    // C9
    assert_eq!(refused(wat("(module (memory i64 1))")).await.0, "unsupported_feature:memory64");
    assert_eq!(refused(wat("(module (memory 1 1 shared))")).await.0, "unsupported_feature:threads");
    assert_eq!(refused(wat("(module (memory 1) (memory 1))")).await.0, "limit:memories");
}

#[tokio::test]
async fn names_from_a_module_reach_nobody_raw() {
    // C10
    let dir = folder();
    let registry = open(dir.path());
    let long = "x".repeat(90_000);
    let module = format!(r#"(module (import "\1b[31m" "a\07" (func)) (import "m" "{long}" (func)))"#);
    let info = add(&registry, wat(&module)).await.unwrap();
    assert_eq!(info.imports[0], r"\u{1b}[31m::a\u{7}");
    assert!(info.imports[1].len() < 300);
}

#[tokio::test]
async fn an_import_nobody_has_is_listed_and_left_to_the_backend() {
    // C11
    let dir = folder();
    let info = add(&open(dir.path()), wat(include_str!("../../fixtures/evil-import.wat"))).await.unwrap();
    assert_eq!(info.imports, ["evil:host/open@1.0.0"]);
}
