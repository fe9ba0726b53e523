//! X14, S5: a guest that opens files and closes none. The first preview of WASI stops at 128, so it asks the second itself.

use std::fs;
use std::path::Path;

use au_host::{DirGrant, FailureKind};
use au_tests::guest::Parts;

use super::guests::Own;
use super::process::{Folder, Host};
use super::*;

/// As much of `wasi:filesystem` as the guest uses.
const FILES: &str = "package wasi:filesystem@0.2.0;
interface types {
  enum error-code { access, would-block, already, bad-descriptor, busy, deadlock, quota, exist, file-too-large,
    illegal-byte-sequence, in-progress, interrupted, invalid, io, is-directory, loop, too-many-links, message-size,
    name-too-long, no-device, no-entry, no-lock, insufficient-memory, insufficient-space, not-directory, not-empty,
    not-recoverable, unsupported, no-tty, no-such-device, overflow, not-permitted, pipe, read-only, invalid-seek,
    text-file-busy, cross-device }
  flags descriptor-flags { read, write, file-integrity-sync, data-integrity-sync, requested-write-sync, mutate-directory }
  flags path-flags { symlink-follow }
  flags open-flags { create, directory, exclusive, truncate }
  resource descriptor {
    open-at: func(path-flags: path-flags, path: string, open-flags: open-flags, %flags: descriptor-flags) -> result<descriptor, error-code>;
  }
}
interface preopens { use types.{descriptor}; get-directories: func() -> list<tuple<descriptor, string>>; }";
const WORLD: &str = "package test:guest; world guest { include au:compute/compute@0.1.0;
  import wasi:filesystem/types@0.2.0; import wasi:filesystem/preopens@0.2.0; }";

/// Opens a file until it may not any more, and gives how often it could; or goes on trying for ever, when the number is 1.
fn hoarder() -> Bytes {
    let imports = r#"
        (import "wasi:filesystem/preopens@0.2.0" "get-directories" (func $directories (param i32)))
        (import "wasi:filesystem/types@0.2.0" "[method]descriptor.open-at" (func $open (param i32 i32 i32 i32 i32 i32 i32)))"#;
    let body = "(call $directories (i32.const 640)) (local.set $i (i32.load (i32.load (i32.const 640))))
        (loop $more
          (call $open (local.get $i) (i32.const 0) (i32.const 608) (i32.const 4) (i32.const 0) (i32.const 1) (i32.const 656))
          (local.set $j (i32.add (local.get $j) (i32.eqz (i32.load8_u (i32.const 656)))))
          (br_if $more (i32.or (local.get $number) (i32.eqz (i32.load8_u (i32.const 656))))))
        (i32.store (i32.const 640) (local.get $j)) (local.set $at (i32.const 640)) (local.set $len (i32.const 4))";
    let text = Own { imports, fields: r#"(data (i32.const 608) "file")"#, body }.text();
    Parts { packages: &[FILES, WORLD], ..Parts::default() }.component(&text)
}

/// How many files this process has open below a folder.
fn open_below(process: &str, folder: &Path) -> usize {
    let open = fs::read_dir(format!("/proc/{process}/fd")).unwrap().flatten();
    open.filter_map(|fd| fs::read_link(fd.path()).ok()).filter(|path| path.starts_with(folder)).count()
}

fn granted() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), "inside").unwrap();
    folder
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hoard_of_open_files_ends_at_a_limit_and_is_closed_with_the_guest() {
    let (local, mut request) = host_with(hoarder()).await;
    let granted = granted();
    let grant = DirGrant { host: granted.path().to_owned(), guest: "/".into(), write: false };
    request.sandbox.grants.dirs = vec![grant];
    with_canary(&local, async {
        for _ in 0..3 {
            let job = local.host().submit(numbered(&request, 0)).await.unwrap();
            let Err(au_host::Error::Failed(failure)) = job.result(LONG).await else {
                panic!("it opened all it wanted")
            };
            assert_eq!(failure.kind, FailureKind::Trap, "{failure}");
            assert!(failure.message.contains("no free keys"), "{failure}");
            assert_eq!(open_below("self", granted.path()), 0, "files stay open");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_that_hoards_open_files_leaves_enough_to_the_host() {
    if !has("prlimit") {
        return skip("prlimit is not there");
    }
    let (folder, granted) = (Folder::with(&[("hoarder", hoarder())]).await, granted());
    let (asked, large) = (folder.path().with_file_name("asked"), folder.path().with_file_name("large"));
    fs::write(&asked, 1_u32.to_le_bytes()).unwrap();
    // An input that is a file of its own, so that the host must open one for it.
    fs::write(&large, vec![0; 100_000]).unwrap();
    let local = folder.look().await;
    let dir = format!("{}=/", granted.path().display());
    let hoarders: Vec<_> = (0..4)
        .map(|_| {
            local.host().handle(folder.submit(&["hoarder", "go", "--dir", &dir, "--input", asked.to_str().unwrap()]))
        })
        .collect();
    // As many as most systems give a process that asks for no more.
    let host = Host::start(&mut folder.through(&["prlimit", "--nofile=1024"], &["work", "--slots", "8"]));
    for hoarder in &hoarders {
        while hoarder.metadata().await.unwrap().attempt == 0 {
            tokio::time::sleep(BREATH).await;
        }
    }
    for _ in 0..20 {
        let canary = local.host().handle(folder.submit(&["guest", "echo", "--input", large.to_str().unwrap()]));
        let job = canary.wait(LONG).await.unwrap();
        assert_eq!(
            job.status,
            Status::Completed,
            "{job:?}; {} are open",
            open_below(&host.id().to_string(), granted.path())
        );
    }
}
