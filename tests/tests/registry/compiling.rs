//! What is dear to compile, and how little of it there is at once: rows C5 and C6 of the catalogue of attacks, and X6.

use std::time::{Duration, Instant};

use au_host::registry::{ScanLimits, prescan};

use super::watch::Watch;
use super::*;

#[test]
fn a_bomb_is_refused_before_anything_is_compiled() {
    // C5, X6
    for (bomb, limit) in bombs::all() {
        let started = Instant::now();
        let refused = prescan(&bomb, &ScanLimits::default());
        let took = started.elapsed();
        let Err(Error::Module { code, why }) = refused else { panic!("{limit} passed") };
        assert_eq!(code, format!("limit:{limit}"), "{why}");
        assert!(took < Duration::from_secs(1), "{limit} took {took:?}");
    }
}

#[test]
fn every_limit_of_the_scan_has_a_bomb() {
    let stopped: Vec<_> = bombs::all().into_iter().map(|(_, limit)| limit).collect();
    // That of the whole file's bytes has a name of its own, and a test: `a_module_over_the_size_limit_is_refused`.
    let without: Vec<_> =
        bombs::limits().into_iter().filter(|limit| *limit != "bytes" && !stopped.contains(limit)).collect();
    assert!(without.is_empty(), "{without:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bomb_that_passes_the_scan_dies_in_one_child_and_is_remembered() {
    // C5, C6
    let dir = folder();
    let wide = ScanLimits { blocks_by_locals: u64::MAX, ..ScanLimits::default() };
    let watch = Watch::start(dir.path());
    let registry = Arc::new(Registry::open(dir.path(), watch.compiler()).unwrap().scanning_with(wide));
    let bomb = Bytes::from(bombs::loops(3_000, 3_000));
    let adds: Vec<_> = (0..50)
        .map(|_| {
            let (registry, bomb) = (registry.clone(), bomb.clone());
            tokio::spawn(async move { refusal(add(&registry, bomb).await).0 })
        })
        .collect();
    for added in adds {
        let code = added.await.unwrap();
        assert!(["compile_timeout", "compile_oom"].contains(&code.as_str()), "{code}");
    }
    let (most, starts) = watch.stop();
    assert_eq!((most, starts), (1, 1), "children at once, and in all");

    let started = Instant::now();
    let (code, _) = refusal(add(&registry, bomb.clone()).await);
    assert!(started.elapsed() < Duration::from_millis(50), "{code} took {:?}", started.elapsed());
    add(&registry, numbers()).await.expect("a bomb leaves nothing behind");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_modules_one_compiles_some_wait_and_the_rest_are_told_to_come_later() {
    // C6
    let dir = folder();
    let watch = Watch::start(dir.path());
    let registry = Arc::new(Registry::open(dir.path(), watch.compiler()).unwrap());
    let adds: Vec<_> = (0..50)
        .map(|n| {
            let registry = registry.clone();
            let module = wat(&format!("(module (func (result i32) i32.const {n}))"));
            tokio::spawn(async move { add(&registry, module).await })
        })
        .collect();
    let (mut added, mut busy) = (0, 0);
    for result in adds {
        match result.await.unwrap() {
            Ok(_) => added += 1,
            Err(Error::Busy { .. }) => busy += 1,
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(added + busy, 50);
    assert!(added >= 17, "{added} were added");
    assert!(watch.stop().0 <= 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_compiler_by_a_path_from_here_is_found_although_it_runs_elsewhere() {
    let Compiler::Child(program) = Compiler::find().unwrap() else { panic!("it is a program") };
    let here = std::env::current_dir().unwrap().canonicalize().unwrap();
    let up = "../".repeat(here.components().count() - 1);
    let relative = Path::new(&up).join(program.canonicalize().unwrap().strip_prefix("/").unwrap());
    let dir = folder();
    let registry = Arc::new(Registry::open(dir.path(), Compiler::Child(relative)).unwrap());
    add(&registry, answer()).await.unwrap();
}
