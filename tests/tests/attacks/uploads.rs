//! C1 to C6, C8 to C11 at the front door: what is refused is refused by its name, and harmless jobs go on beside it.

use std::sync::Arc;

use au_host::Error;
use wasmtime::Engine;

use super::guests::Own;
use super::process::Folder;
use super::*;

fn code(refused: &Error) -> &str {
    let Error::Module { code, .. } = refused else { panic!("{refused}") };
    code
}

/// So many loops in each other over so many locals: cheap to send, and dear to compile.
fn loops(loops: usize, locals: usize) -> Bytes {
    let body = format!(
        "{} {} {}",
        "(local i32)".repeat(locals),
        (0..loops)
            .map(|n| format!("loop local.get {0} i32.const 1 i32.add local.set {0}\n", n % locals))
            .collect::<String>(),
        "local.get 0 br_if 0 end\n".repeat(loops),
    );
    Own { fields: &format!("(func $dear {body})"), ..Own::default() }.plain()
}

/// A guest whose code takes a second or so to make, and no more than is allowed.
pub(crate) fn slow() -> Bytes {
    loops(400, 400)
}

/// A guest that passes the scan and needs more memory to compile than 300 MiB.
pub(crate) fn hungry() -> Bytes {
    loops(700, 800)
}

#[tokio::test]
async fn machine_code_is_refused_under_any_name_and_never_run() {
    // C2
    let folder = Folder::with(&[]).await;
    let engine = Engine::default();
    let core = wat::parse_str("(module)").unwrap();
    let component = wat::parse_str("(component)").unwrap();
    let compiled = [engine.precompile_module(&core).unwrap(), engine.precompile_component(&component).unwrap()];
    for (compiled, name) in compiled.into_iter().zip(["innocent.wasm", "innocent.cwasm"]) {
        let file = folder.path().with_file_name(name);
        std::fs::write(&file, compiled).unwrap();
        for words in [vec!["module", "add"], vec!["run"], vec!["run", "--ephemeral"]] {
            let said = folder.run(&[&words[..], &[file.to_str().unwrap()]].concat());
            assert_eq!(said.status.code(), Some(4), "{said:?}");
            assert!(String::from_utf8_lossy(&said.stderr).contains("precompiled_refused"), "{said:?}");
        }
    }
}

#[tokio::test]
async fn text_is_refused_and_told_how_to_become_a_module() {
    // C3
    let folder = Folder::with(&[]).await;
    for (name, text) in [("text.wasm", "(module)"), ("text.wat", "(component)"), ("blank.wasm", "  \n ;; (module)")] {
        let file = folder.path().with_file_name(name);
        std::fs::write(&file, text).unwrap();
        let said = folder.run(&["module", "add", file.to_str().unwrap()]);
        assert_eq!(said.status.code(), Some(4), "{name}: {said:?}");
    }
}

#[tokio::test]
async fn what_says_it_is_a_guest_and_is_none_is_refused() {
    // C4
    let local = guest::local(config()).await;
    for text in [
        r#"(component (instance $i) (export "au:compute/guest@0.1.0" (instance $i)))"#,
        r#"(component (core module $m) (export "au:compute/guest@0.1.0" (core module $m)))"#,
        r#"(component (component $c) (export "au:compute/guest@0.1.0" (component $c)))"#,
        r#"(component
            (core module $m (func (export "f") (result i32) i32.const 1))
            (core instance $m (instantiate $m))
            (func $f (result u32) (canon lift (core func $m "f")))
            (instance $i (export "call" (func $f)) (export "functions" (func $f)))
            (export "au:compute/guest@0.1.0" (instance $i)))"#,
    ] {
        let refused = local.add_module(wat::parse_str(text).unwrap().into()).await.unwrap_err();
        assert!(["module_kind_mismatch", "functions_failed", "module_invalid"].contains(&code(&refused)), "{refused}");
    }
    assert_eq!(local.list_modules().await.unwrap().len(), 1, "none of them was kept");
}

#[tokio::test]
async fn what_is_nested_too_often_or_too_deeply_is_refused() {
    // C4
    let local = guest::local(config()).await;
    let many = format!("(component {})", "(core module)".repeat(1_000));
    let deep = format!("{}{}", "(component ".repeat(90), ")".repeat(90));
    for (text, expected) in [(many, "limit:modules"), (deep, "limit:")] {
        let refused = local.add_module(wat::parse_str(&text).unwrap().into()).await.unwrap_err();
        assert!(code(&refused).starts_with(expected), "{refused}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_bombs_at_once_disturb_no_job() {
    // C5, C6
    let local = Arc::new(guest::local(config()).await);
    with_canary(&local, async {
        let adds = (0..50).map(|n| {
            let local = local.clone();
            // Each is another, or the verdict on the first would do for all. The first few pass the scan.
            tokio::spawn(async move { local.add_module(loops(if n < 4 { 400 } else { 1_000 }, 700 + n)).await })
        });
        for added in futures::future::join_all(adds).await {
            match added.unwrap() {
                Ok(_) | Err(Error::Busy { .. }) => {}
                Err(refused) => assert_eq!(code(&refused), "limit:blocks_by_locals", "{refused}"),
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_file_over_the_limit_is_refused_by_its_size() {
    // C8
    let folder = Folder::with(&[]).await;
    let file = folder.path().with_file_name("large.wasm");
    std::fs::File::create(&file).unwrap().set_len((64 << 20) + 1).unwrap();
    let said = folder.run(&["module", "add", file.to_str().unwrap()]);
    assert_eq!(said.status.code(), Some(4), "{said:?}");
    assert!(String::from_utf8_lossy(&said.stderr).contains("module_too_large"), "{said:?}");
}

#[tokio::test]
async fn each_proposal_that_is_off_is_refused_by_its_name() {
    // C9
    let local = guest::local(config()).await;
    for (name, fields) in [
        ("gc", "(type (struct (field i32)))"),
        ("exceptions", "(tag $t) (func (throw $t))"),
        ("memory64", "(memory $wide i64 1)"),
        ("threads", "(memory $shared 1 1 shared)"),
        ("relaxed_simd", "(func (param v128) (drop (i8x16.relaxed_swizzle (local.get 0) (local.get 0))))"),
        ("tail_call", "(func $f return_call $f)"),
        ("stack_switching", "(type $f (func)) (type $c (cont $f)) (tag $t) (func (suspend $t))"),
        ("custom_page_sizes", "(memory $odd 1 (pagesize 1))"),
    ] {
        let module = wat::parse_str(format!("(module {fields})")).unwrap();
        let refused = local.add_module(module.into()).await.unwrap_err();
        assert_eq!(code(&refused), format!("unsupported_feature:{name}"), "{refused}");
    }
}

#[tokio::test]
async fn a_guest_that_asks_for_what_no_host_has_is_refused_and_told_what() {
    // C11
    let local = guest::local(config()).await;
    let packages = [
        "package evil:host@1.0.0; interface open { open: func(path: string) -> u32; }",
        "package test:guest; world guest { include au:compute/compute@0.1.0; import evil:host/open@1.0.0; }",
    ];
    let imports = r#"(import "evil:host/open@1.0.0" "open" (func $open (param i32 i32) (result i32)))"#;
    let text = Own { imports, body: "(drop (call $open (i32.const 0) (i32.const 0)))", ..Own::default() }.text();
    let wasm = au_tests::guest::Parts { packages: &packages, ..au_tests::guest::Parts::default() }.component(&text);
    let refused = local.add_module(wasm).await.unwrap_err();
    assert_eq!(code(&refused), "import_unknown", "{refused}");
    assert!(refused.to_string().contains("evil:host/open"), "{refused}");
}

#[tokio::test]
async fn a_guest_that_was_cut_is_no_guest_wherever_it_was_cut() {
    // C1: the whole catalogue of mutants is in host/src/registry/compiler.rs.
    let local = guest::local(config()).await;
    let whole = guest::guest();
    for cut in (0..whole.len()).step_by(whole.len() / 50) {
        match local.add_module(whole.slice(..cut)).await {
            Err(refused) => assert_eq!(code(&refused), "module_invalid", "cut at {cut}: {refused}"),
            // Between two sections: a component by itself, which cannot be called.
            Ok(info) => assert!(info.functions.is_empty(), "cut at {cut}: {info:?}"),
        }
    }
}
