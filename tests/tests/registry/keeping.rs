//! What a registry does with modules that are as they should be.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use au_host::registry::{Compiler, Function, Kind, ModuleInfo, Registry};
use au_host::{Digest, Error, ModuleRef, Result};
use wasmtime::Engine;

use super::*;

#[tokio::test]
async fn a_module_that_was_added_is_described_listed_and_ready_to_run() {
    let dir = folder();
    let registry = open(dir.path());
    let described =
        Function { name: "answer".into(), summary: "All of it.".into(), input_schema: None, output_schema: None };
    let info = registry.add(answer(), NOW, async |_| Ok(vec![described.clone()])).await.unwrap();
    assert_eq!((info.kind, info.digest, info.added), (Kind::Component, Digest::of(&answer()), NOW));
    assert_eq!(info.functions, [described]);

    let again = open(dir.path());
    assert_eq!(again.info(info.digest).unwrap(), info);
    assert_eq!(again.list().unwrap()[0].info, info);
    assert_eq!(again.bytes(info.digest).unwrap(), answer());
    again.component(&engine(), PLAIN, info.digest).unwrap();
}

#[tokio::test]
async fn every_kind_is_told_by_what_it_imports_and_exports() {
    let dir = folder();
    let registry = open(dir.path());
    for (text, kind) in [
        (r#"(component (instance $i) (export "au:compute/guest@0.1.0" (instance $i)))"#, Kind::Compute),
        (r#"(component (instance $i) (export "wasi:cli/run@0.2.3" (instance $i)))"#, Kind::Command),
        ("(component)", Kind::Component),
        ("(module)", Kind::Core),
        (r#"(module (import "wasi_snapshot_preview1" "proc_exit" (func (param i32))))"#, Kind::Preview1),
    ] {
        assert_eq!(add(&registry, wat(text)).await.unwrap().kind, kind, "{text}");
    }
}

#[tokio::test]
async fn the_same_bytes_twice_change_nothing() {
    let dir = folder();
    let registry = open(dir.path());
    let first = add(&registry, numbers()).await.unwrap();
    let describe = async |_| -> Result<Vec<Function>> { panic!("it is known already") };
    let second = registry.add(numbers(), NOW.plus(Duration::from_secs(9)), describe).await.unwrap();
    assert_eq!(first, second);
}

#[tokio::test]
async fn a_module_that_cannot_be_described_is_not_added() {
    let dir = folder();
    let registry = open(dir.path());
    let ready = registry.clone();
    let failed = registry
        .add(answer(), NOW, async move |info: ModuleInfo| {
            ready.component(&engine(), PLAIN, info.digest)?;
            Err(Error::refused("it says nothing"))
        })
        .await;
    assert!(matches!(failed, Err(Error::Refused { .. })));
    let digest = Digest::of(&answer());
    assert!(matches!(registry.info(digest), Err(Error::NotFound { .. })));
    assert!(matches!(registry.component(&engine(), PLAIN, digest), Err(Error::NotFound { .. })));
    assert!(registry.list().unwrap().is_empty());
}

#[tokio::test]
async fn an_alias_moves_goes_and_suggests() {
    let dir = folder();
    let registry = open(dir.path());
    let (one, two) = (add(&registry, numbers()).await.unwrap(), add(&registry, answer()).await.unwrap());
    registry.alias(&name("math"), one.digest).unwrap();
    assert_eq!(registry.resolve(&name("math").into()).unwrap(), one.digest);
    registry.alias(&name("math"), two.digest).unwrap();
    assert_eq!(open(dir.path()).resolve(&name("math").into()).unwrap(), two.digest);
    let Err(Error::NotFound { nearest, .. }) = registry.resolve(&name("maths").into()) else { panic!("it was found") };
    assert_eq!(nearest.as_deref(), Some("math"));
    registry.unalias(&name("math")).unwrap();
    assert!(matches!(registry.unalias(&name("math")), Err(Error::NotFound { .. })));
    let nobody = ModuleRef::Digest(Digest::of(b"nobody"));
    assert!(matches!(registry.resolve(&nobody), Err(Error::NotFound { .. })));
    assert!(registry.alias(&name("nobody"), Digest::of(b"nobody")).is_err());
}

#[tokio::test]
async fn a_name_is_followed_at_once_wherever_another_process_points_it() {
    let dir = folder();
    let (registry, other) = (open(dir.path()), open(dir.path()));
    let (one, two) = (add(&registry, numbers()).await.unwrap(), add(&registry, answer()).await.unwrap());
    let math = name("math");
    registry.alias(&math, one.digest).unwrap();
    // Old enough for its file to be known by its times.
    tokio::time::sleep(Duration::from_millis(3100)).await;
    for turn in 0..200 {
        let to = if turn % 2 == 0 { two.digest } else { one.digest };
        registry.resolve(&math.clone().into()).unwrap();
        other.alias(&math, to).unwrap();
        assert_eq!(registry.resolve(&math.clone().into()).unwrap(), to, "turn {turn}");
    }
    other.unalias(&math).unwrap();
    assert!(registry.resolve(&math.into()).is_err());
}

#[tokio::test]
async fn a_removed_module_takes_its_aliases_and_code_along() {
    let dir = folder();
    let registry = open(dir.path());
    let info = add(&registry, numbers()).await.unwrap();
    registry.alias(&name("gone"), info.digest).unwrap();
    registry.remove(info.digest).unwrap();
    assert!(matches!(registry.remove(info.digest), Err(Error::NotFound { .. })));
    assert!(matches!(registry.resolve(&name("gone").into()), Err(Error::NotFound { .. })));
    assert!(registry.module(&engine(), PLAIN, info.digest).is_err());
    assert_eq!(code_files(dir.path()), Vec::<PathBuf>::new());
}

#[tokio::test]
async fn processes_that_share_a_folder_see_each_others_modules() {
    let dir = folder();
    let (one, two) = (open(dir.path()), open(dir.path()));
    let (a, b) = tokio::join!(add(&one, numbers()), add(&two, numbers()));
    assert_eq!(a.unwrap(), b.unwrap());
    assert_eq!(one.list().unwrap(), two.list().unwrap());
}

#[tokio::test]
async fn code_for_another_profile_is_compiled_when_it_is_asked_for() {
    let dir = folder();
    let registry = open(dir.path());
    let info = add(&registry, numbers()).await.unwrap();
    for profile in CodeProfile::all() {
        let engine = Engine::new(&profile.config()).unwrap();
        registry.module(&engine, profile, info.digest).unwrap();
    }
    assert_eq!(code_files(dir.path()).len(), CodeProfile::all().len());
}

#[tokio::test]
async fn opening_is_quick_and_changes_nothing() {
    let dir = folder();
    let registry = open(dir.path());
    add(&registry, numbers()).await.unwrap();
    let key = fs::read(dir.path().join("cache/key")).unwrap();
    let started = Instant::now();
    for _ in 0..100 {
        open(dir.path());
    }
    assert!(started.elapsed() < Duration::from_secs(2), "100 times took {:?}", started.elapsed());
    assert_eq!(fs::read(dir.path().join("cache/key")).unwrap(), key);
}

#[tokio::test]
async fn trusted_code_may_be_compiled_in_this_process() {
    let dir = folder();
    let registry = Arc::new(Registry::open(dir.path(), Compiler::InProcess).unwrap());
    let info = add(&registry, numbers()).await.unwrap();
    open(dir.path()).module(&engine(), PLAIN, info.digest).unwrap();
}
