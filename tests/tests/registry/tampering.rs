//! Files of the registry that somebody changed: row S7 of the catalogue of attacks.

use std::os::unix::fs::{PermissionsExt as _, symlink};

use super::*;

#[tokio::test]
async fn code_that_was_changed_moved_or_cut_is_compiled_again() {
    let dir = folder();
    let registry = open(dir.path());
    let info = add(&registry, numbers()).await.unwrap();
    let other = add(&registry, wat("(module)")).await.unwrap();
    let path = code_file(dir.path(), info.digest);
    let whole = fs::read(&path).unwrap();
    let foreign = fs::read(code_file(dir.path(), other.digest)).unwrap();
    let flipped = |at: usize| {
        let mut code = whole.clone();
        code[at] ^= 0x10;
        code
    };
    let damaged = [
        flipped(0),
        flipped(whole.len() / 2),
        flipped(whole.len() - 1),
        flipped(whole.len() - 33),
        whole[..whole.len() / 2].to_vec(),
        [whole.clone(), vec![0]].concat(),
        foreign,
        engine().precompile_module(&numbers()).unwrap(),
        Vec::new(),
    ];
    for code in damaged {
        fs::write(&path, &code).unwrap();
        registry.module(&engine(), PLAIN, info.digest).unwrap();
        assert_eq!(fs::read(&path).unwrap(), whole, "code for code: the compiler is deterministic");
    }
}

#[tokio::test]
async fn code_behind_a_link_or_writable_by_others_is_compiled_again() {
    let dir = folder();
    let registry = open(dir.path());
    let info = add(&registry, numbers()).await.unwrap();
    let path = code_file(dir.path(), info.digest);
    let elsewhere = dir.path().join("elsewhere");
    fs::rename(&path, &elsewhere).unwrap();
    symlink(&elsewhere, &path).unwrap();
    registry.module(&engine(), PLAIN, info.digest).unwrap();
    assert!(fs::symlink_metadata(&path).unwrap().is_file());

    fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
    registry.module(&engine(), PLAIN, info.digest).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn code_sealed_with_another_key_is_compiled_again() {
    let dir = folder();
    let info = add(&open(dir.path()), numbers()).await.unwrap();
    let before = fs::read(code_file(dir.path(), info.digest)).unwrap();
    fs::remove_file(dir.path().join("cache/key")).unwrap();
    open(dir.path()).module(&engine(), PLAIN, info.digest).unwrap();
    assert_ne!(fs::read(code_file(dir.path(), info.digest)).unwrap(), before);
}

#[test]
fn a_folder_that_others_can_write_is_not_opened() {
    for part in ["", "modules", "cache", "aliases", "verdicts", "locks"] {
        let dir = folder();
        open(dir.path());
        fs::set_permissions(dir.path().join(part), fs::Permissions::from_mode(0o777)).unwrap();
        let error = Registry::open(dir.path(), child()).unwrap_err();
        assert!(matches!(&error, Error::Refused { why } if why.contains("other users")), "{part}: {error}");
    }
}

#[test]
fn a_cache_behind_a_link_is_not_opened() {
    let (dir, elsewhere) = (folder(), folder());
    open(dir.path());
    fs::rename(dir.path().join("cache"), elsewhere.path().join("cache")).unwrap();
    symlink(elsewhere.path().join("cache"), dir.path().join("cache")).unwrap();
    assert!(matches!(Registry::open(dir.path(), child()), Err(Error::Refused { .. })));
}

#[test]
fn a_key_that_others_can_read_is_not_used() {
    let dir = folder();
    open(dir.path());
    fs::set_permissions(dir.path().join("cache/key"), fs::Permissions::from_mode(0o644)).unwrap();
    assert!(matches!(Registry::open(dir.path(), child()), Err(Error::Refused { .. })));
}

#[tokio::test]
async fn bytes_that_were_changed_are_said_to_be_damaged_and_healed_by_adding_them_again() {
    let dir = folder();
    let registry = open(dir.path());
    let info = add(&registry, numbers()).await.unwrap();
    let path = dir.path().join("modules").join(format!("{}.wasm", info.digest.hex()));
    fs::write(&path, b"other").unwrap();
    assert!(matches!(registry.bytes(info.digest), Err(Error::Corrupt { .. })));
    add(&registry, numbers()).await.unwrap();
    assert_eq!(registry.bytes(info.digest).unwrap(), numbers());
}

#[tokio::test]
async fn one_damaged_record_hides_no_other() {
    let dir = folder();
    let registry = open(dir.path());
    let (bad, good) = (add(&registry, numbers()).await.unwrap(), add(&registry, answer()).await.unwrap());
    fs::write(dir.path().join("modules").join(format!("{}.json", bad.digest.hex())), b"{").unwrap();
    assert!(matches!(registry.info(bad.digest), Err(Error::Corrupt { .. })));
    let listed: Vec<_> = registry.list().unwrap().into_iter().map(|listed| listed.info.digest).collect();
    assert_eq!(listed, [good.digest]);
}

#[tokio::test]
async fn a_compiler_that_is_not_there_or_not_ours_is_our_fault_not_the_modules() {
    for program in ["/nonexistent/au-host", "/bin/false", "/bin/true"] {
        let dir = folder();
        let registry = Arc::new(Registry::open(dir.path(), Compiler::Child(program.into())).unwrap());
        assert!(matches!(add(&registry, numbers()).await, Err(Error::Fault { .. })), "{program}");
        add(&open(dir.path()), numbers()).await.expect("no verdict was kept");
    }
}
