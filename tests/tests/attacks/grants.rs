//! X14 to X16, X18: what a guest reaches with a grant, and without one.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use au_host::DirGrant;
use tempfile::TempDir;

use super::guests::Own;
use super::*;

/// What the guest of this file does with a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deed {
    Read,
    ReadNoLink,
    Write,
    Cut,
    RenameTo,
    RenameFrom,
    LinkFrom,
    LinkTo,
    Symlink,
    Unlink,
    MakeFolder,
}

use Deed::{Cut, LinkFrom, LinkTo, MakeFolder, Read, ReadNoLink, RenameFrom, RenameTo, Symlink, Unlink, Write};

/// Does the deed that the number says with the path after it. Gives the error number, and what it read.
fn visitor() -> Bytes {
    let imports = r#"
        (import "wasi_snapshot_preview1" "path_open" (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "path_rename" (func $rename (param i32 i32 i32 i32 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "path_link" (func $link (param i32 i32 i32 i32 i32 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "path_symlink" (func $symlink (param i32 i32 i32 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "path_unlink_file" (func $unlink (param i32 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "path_create_directory" (func $mkdir (param i32 i32 i32) (result i32)))"#;
    let fields = r#"(data (i32.const 2200) "inside.txt") (data (i32.const 2220) "taken")
        (func $answer (param i32) (i32.store (i32.const 640) (local.get 0)))"#;
    // Rights: 2 to read, 64 to write. Flags of opening: 1 makes it, 8 cuts it.
    let open = |follow: u8, flags: u8, rights: u8| {
        format!(
            "(call $open (i32.const 3) (i32.const {follow}) (local.get $i) (local.get $j) (i32.const {flags})
                (i64.const {rights}) (i64.const 0) (i32.const 0) (i32.const 600))"
        )
    };
    let [path, inside, taken] =
        ["(local.get $i) (local.get $j)", "(i32.const 2200) (i32.const 10)", "(i32.const 2220) (i32.const 5)"];
    let read = |open: &str| {
        format!(
            "(call $answer {open}) (if (i32.eqz (i32.load (i32.const 640))) (then (call $answer
                (call $read (i32.load (i32.const 600)) (i32.const 2048) (i32.const 1) (i32.const 604)))
                (local.set $len (i32.add (i32.const 4) (i32.load (i32.const 604))))))"
        )
    };
    let deeds = [
        (Read, read(&open(1, 0, 2))),
        (ReadNoLink, read(&open(0, 0, 2))),
        (
            Write,
            format!(
                "(call $answer {}) (if (i32.eqz (i32.load (i32.const 640))) (then (call $answer
                    (call $write (i32.load (i32.const 600)) (i32.const 2056) (i32.const 1) (i32.const 604)))))",
                open(1, 9, 64)
            ),
        ),
        (Cut, format!("(call $answer {})", open(1, 8, 66))),
        (RenameTo, format!("(call $answer (call $rename (i32.const 3) {inside} (i32.const 3) {path}))")),
        (RenameFrom, format!("(call $answer (call $rename (i32.const 3) {path} (i32.const 3) {taken}))")),
        (LinkFrom, format!("(call $answer (call $link (i32.const 3) (i32.const 0) {path} (i32.const 3) {taken}))")),
        (LinkTo, format!("(call $answer (call $link (i32.const 3) (i32.const 0) {inside} (i32.const 3) {path}))")),
        (Symlink, format!("(call $answer (call $symlink {path} (i32.const 3) {taken}))")),
        (Unlink, format!("(call $answer (call $unlink (i32.const 3) {path}))")),
        (MakeFolder, format!("(call $answer (call $mkdir (i32.const 3) {path}))")),
    ];
    let cases: String = deeds
        .iter()
        .map(|(deed, code)| format!("(if (i32.eq (local.get $number) (i32.const {})) (then {code}))\n", *deed as u32))
        .collect();
    let body = format!(
        "(local.set $i (i32.add (local.get $at) (i32.const 4))) (local.set $j (i32.sub (local.get $len) (i32.const 4)))
        (i32.store (i32.const 2048) (i32.const 644)) (i32.store (i32.const 2052) (i32.const 64))
        (i32.store (i32.const 2056) (i32.const 2220)) (i32.store (i32.const 2060) (i32.const 5))
        (local.set $at (i32.const 640)) (local.set $len (i32.const 4)) {cases}"
    );
    Own { imports, fields, body: &body }.wasi()
}

/// A folder that is granted, one file in it, a file beside it that is not, and links from the one to the other.
struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let place = Self { folder };
        fs::create_dir_all(place.granted().join("sub")).unwrap();
        fs::write(place.granted().join("inside.txt"), "inside").unwrap();
        fs::write(place.secret(), "secret").unwrap();
        for (name, target) in [("out", "../secret.txt"), ("up", ".."), ("dangling", "../made.txt"), ("round", "round")]
        {
            symlink(target, place.granted().join(name)).unwrap();
        }
        symlink(place.secret(), place.granted().join("straight")).unwrap();
        symlink("/", place.granted().join("root")).unwrap();
        place
    }

    fn granted(&self) -> PathBuf {
        self.folder.path().join("granted")
    }

    fn secret(&self) -> PathBuf {
        self.folder.path().join("secret.txt")
    }

    fn grant(&self, request: &Request, write: bool) -> Request {
        let mut request = request.clone();
        request.sandbox.grants.dirs = vec![DirGrant { host: self.granted(), guest: "/".into(), write }];
        request
    }

    /// Everything outside of the granted folder is as it was.
    fn untouched(&self, what: &str) {
        let mut names: Vec<_> = names(self.folder.path());
        names.sort();
        assert_eq!(names, ["granted", "secret.txt"], "{what}");
        assert_eq!(fs::read_to_string(self.secret()).unwrap(), "secret", "{what}");
        use std::os::unix::fs::MetadataExt as _;
        assert_eq!(fs::metadata(self.secret()).unwrap().nlink(), 1, "{what}");
    }
}

fn names(folder: &Path) -> Vec<String> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// The input that asks for a deed.
fn asking(deed: Deed, path: &str) -> Vec<u8> {
    [(deed as u32).to_le_bytes().as_slice(), path.as_bytes()].concat()
}

async fn does(local: &Local, request: &Request, deed: Deed, path: &str) -> (u32, Vec<u8>) {
    let answer = output(local, with(request, asking(deed, path))).await;
    let (error, rest) = answer.split_first_chunk().unwrap();
    (u32::from_le_bytes(*error), rest.to_vec())
}

const ALL: [Deed; 11] =
    [Read, ReadNoLink, Write, Cut, RenameTo, RenameFrom, LinkFrom, LinkTo, Symlink, Unlink, MakeFolder];

#[tokio::test]
async fn no_path_leads_out_of_a_granted_folder() {
    // X15
    let (local, request) = host_with(visitor()).await;
    let place = Place::new();
    let request = place.grant(&request, true);
    let (secret, above) = (place.secret(), place.folder.path().file_name().unwrap().to_str().unwrap().to_owned());
    let paths = [
        "../secret.txt",
        "./../secret.txt",
        "sub/../../secret.txt",
        "up/secret.txt",
        "sub/../up/secret.txt",
        "up/granted/../secret.txt",
        "../granted/../secret.txt",
        "root/etc/passwd",
        secret.to_str().unwrap(),
        &format!("up/../{above}/secret.txt"),
        "..",
        "../",
        "/",
    ];
    for path in paths {
        // What a symbolic link says is only looked at when it is followed.
        for deed in ALL.into_iter().filter(|deed| *deed != Symlink) {
            let (error, read) = does(&local, &request, deed, path).await;
            assert!(error != 0 && read.is_empty(), "{deed:?} {path} went through");
            place.untouched(&format!("{deed:?} {path}"));
        }
    }
}

#[tokio::test]
async fn no_link_leads_out_of_a_granted_folder() {
    // X15
    let (local, request) = host_with(visitor()).await;
    let place = Place::new();
    let request = place.grant(&request, true);
    for path in ["out", "out/", "straight", "dangling", "dangling/", "round", "sub/../out"] {
        for deed in [Read, ReadNoLink, Write, Cut] {
            let (error, read) = does(&local, &request, deed, path).await;
            assert!(error != 0 && read.is_empty(), "{deed:?} {path} went through");
            place.untouched(&format!("{deed:?} {path}"));
        }
    }
    for target in ["../secret.txt", place.secret().to_str().unwrap()] {
        // Whether it may be made or not: it may not be followed.
        let (_, _) = does(&local, &request, Symlink, target).await;
        assert_ne!(does(&local, &request, Read, "taken").await.0, 0, "{target}");
        let _ = fs::remove_file(place.granted().join("taken"));
    }
    place.untouched("all of it");
}

#[tokio::test]
async fn a_folder_that_is_granted_to_read_cannot_be_changed() {
    // X15
    let (local, request) = host_with(visitor()).await;
    let place = Place::new();
    let mut before = names(&place.granted());
    before.sort();
    let to_read = place.grant(&request, false);
    assert_eq!(does(&local, &to_read, Read, "inside.txt").await, (0, b"inside".to_vec()));
    for deed in ALL.into_iter().filter(|deed| ![Read, ReadNoLink].contains(deed)) {
        for path in ["inside.txt", "new.txt", "sub/new.txt"] {
            assert_ne!(does(&local, &to_read, deed, path).await.0, 0, "{deed:?} {path}");
        }
        let mut after = names(&place.granted());
        after.sort();
        assert_eq!(after, before, "{deed:?}");
        assert_eq!(fs::read_to_string(place.granted().join("inside.txt")).unwrap(), "inside", "{deed:?}");
    }
    // The same to write, or the above would prove nothing.
    let to_write = place.grant(&request, true);
    assert_eq!(does(&local, &to_write, Write, "new.txt").await.0, 0);
    assert_eq!(fs::read_to_string(place.granted().join("new.txt")).unwrap(), "taken");
    assert_eq!(does(&local, &to_write, Cut, "inside.txt").await.0, 0);
    assert_eq!(does(&local, &to_write, RenameFrom, "new.txt").await.0, 0);
}

/// Gives so many random bytes of those it drew, and fails if it may not.
fn gambler() -> Bytes {
    let imports = r#"(import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))"#;
    let body = "(drop (memory.grow (i32.const 1000)))
        (if (call $random (i32.const 131072) (local.get $number)) (then unreachable))
        (local.set $at (i32.const 131072)) (local.set $len (i32.const 32))";
    Own { imports, body, ..Own::default() }.wasi()
}

#[tokio::test]
async fn more_random_bytes_than_anybody_needs_fail_the_guest() {
    // X14
    let (local, mut request) = host_with(gambler()).await;
    with_canary(&local, async {
        for granted in [false, true] {
            request.sandbox.grants.random = granted;
            output(&local, numbered(&request, 1 << 16)).await;
            for count in [2 << 20, 60 << 20, u32::MAX] {
                failure(&local, numbered(&request, count)).await;
            }
        }
    })
    .await;
}

#[tokio::test]
async fn random_bytes_are_the_same_each_time_unless_they_are_granted() {
    // X18
    let (local, mut request) = host_with(gambler()).await;
    let first = output(&local, numbered(&request, 32)).await;
    assert_eq!(output(&local, numbered(&request, 32)).await, first);
    request.sandbox.grants.random = true;
    let granted = output(&local, numbered(&request, 32)).await;
    assert_ne!(granted, first);
    assert_ne!(output(&local, numbered(&request, 32)).await, granted);
}

/// Looks for everything it was not granted. Gives counts, error numbers and times.
fn snoop() -> Bytes {
    let imports = r#"
        (import "wasi_snapshot_preview1" "environ_sizes_get" (func $environ (param i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "environ_get" (func $names (param i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "args_sizes_get" (func $args (param i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "fd_prestat_get" (func $prestat (param i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "clock_time_get" (func $time (param i32 i64 i32) (result i32)))"#;
    let body = "(drop (call $environ (i32.const 640) (i32.const 600))) (drop (call $args (i32.const 644) (i32.const 600)))
        (i32.store (i32.const 648) (call $prestat (i32.const 3) (i32.const 600)))
        (drop (call $time (i32.const 0) (i64.const 1) (i32.const 656))) (drop (call $time (i32.const 1) (i64.const 1) (i32.const 664)))
        (drop (call $names (i32.const 4096) (i32.const 8192)))
        (loop $again
          (drop (call $names (i32.const 4096) (i32.const 8192)))
          (local.set $i (i32.add (local.get $i) (i32.const 1))) (br_if $again (i32.lt_u (local.get $i) (local.get $number))))
        (memory.copy (i32.const 672) (i32.const 8192) (i32.const 32))
        (local.set $at (i32.const 640)) (local.set $len (i32.const 64))";
    Own { imports, body, ..Own::default() }.wasi()
}

#[tokio::test]
async fn without_a_grant_a_guest_finds_nothing_of_the_host() {
    // X16, X18
    assert!(std::env::vars_os().count() > 0, "there is something to find");
    let (local, mut request) = host_with(snoop()).await;
    let mut nothing = [0; 64];
    nothing[8] = 8; // EBADF: there is no granted folder.
    assert_eq!(output(&local, request.clone()).await, nothing);
    request.sandbox.grants.env.insert("ONE".into(), "1".into());
    request.sandbox.grants.clock = true;
    let granted = output(&local, request).await;
    assert_eq!((granted[0], &granted[32..38]), (1, &b"ONE=1\0"[..]));
    assert_ne!(granted[16..24], [0; 8], "it may know the time");
}

#[tokio::test]
async fn a_hundred_thousand_looks_at_the_environment_disturb_nobody() {
    // X14
    let (local, mut request) = host_with(snoop()).await;
    for name in 0..100 {
        request.sandbox.grants.env.insert(format!("NAME{name}"), "x".repeat(20));
    }
    with_canary(&local, async {
        let job = local.host().submit(numbered(&request, 100_000)).await.unwrap().wait(LONG).await.unwrap();
        assert!(job.status.is_finished(), "{job:?}");
    })
    .await;
}
