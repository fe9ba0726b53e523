//! X11, X12: guests that say too much, or what would harm a terminal.

use au_host::store::Filter;

use super::guests::{Own, doing};
use super::process::Folder;
use super::*;

/// Writes so many times what is at 70,000, which is `$fill` of bytes; to stderr.
fn writer(fill: &str, length: u32) -> Bytes {
    let imports = r#"(import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))"#;
    let body = format!(
        "(drop (memory.grow (i32.const 20))) {fill}
        (i32.store (i32.const 2048) (i32.const 70000)) (i32.store (i32.const 2052) (i32.const {length}))
        (loop $again
          (drop (call $write (i32.const 2) (i32.const 2048) (i32.const 1) (i32.const 644)))
          (local.tee $i (i32.add (local.get $i) (i32.const 1)))
          (br_if $again (i32.lt_u (local.get $number))))"
    );
    Own { imports, body: &body, ..Own::default() }.wasi()
}

async fn logged(local: &Local, request: Request) -> (Summary, Vec<String>) {
    let handle = local.host().submit(request).await.unwrap();
    let job = handle.wait(LONG).await.unwrap();
    let lines = handle.logs(0, 100_000).await.unwrap();
    (job, lines.into_iter().map(|entry| entry.message).collect())
}

#[tokio::test]
async fn a_hundred_megabytes_without_an_end_of_line_are_cut_at_the_limit() {
    // X11
    let wasm = writer("(memory.fill (i32.const 70000) (i32.const 120) (i32.const 1000000))", 1_000_000);
    let (local, request) = host_with(wasm).await;
    with_canary(&local, async {
        let (job, lines) = logged(&local, numbered(&request, 100)).await;
        assert_eq!(job.status, Status::Completed, "{job:?}");
        let bytes: usize = lines.iter().map(String::len).sum();
        assert!(bytes <= 1 << 20, "{bytes}");
        assert!(job.usage.log_dropped > 1_000, "{:?}", job.usage);
    })
    .await;
}

#[tokio::test]
async fn a_million_lines_are_cut_at_the_limit_and_counted() {
    // X11
    let body = "(loop $again (call $log (i32.const 2) (i32.const 48) (i32.const 10))
        (local.tee $i (i32.add (local.get $i) (i32.const 1))) (br_if $again (i32.lt_u (local.get $number))))";
    let (local, request) = host_with(doing(body)).await;
    with_canary(&local, async {
        let (job, lines) = logged(&local, numbered(&request, 1_000_000)).await;
        assert_eq!((job.status, lines.len()), (Status::Completed, 10_000));
        assert_eq!(job.usage.log_dropped, 990_000);
    })
    .await;
}

#[tokio::test]
async fn what_is_not_text_is_made_text_and_its_last_line_is_kept_without_an_end() {
    // X11
    let fill = "(i32.store (i32.const 70000) (i32.const 0x410aff41))";
    let (local, request) = host_with(writer(fill, 4)).await;
    let (job, lines) = logged(&local, numbered(&request, 1)).await;
    assert_eq!((job.status, &*lines), (Status::Completed, &["A\u{fffd}".to_owned(), "A".into()][..]));
}

#[tokio::test]
async fn a_flood_of_progress_is_few_writes_and_its_last_word_is_kept() {
    // X12
    let body = "(loop $again
          (call $progress (f32.div (f32.convert_i32_u (local.get $i)) (f32.const 2000000)) (i32.const 48) (i32.const 4))
          (local.tee $i (i32.add (local.get $i) (i32.const 1)))
          (br_if $again (i32.lt_u (local.get $number))))
        (call $progress (f32.const 0.75) (i32.const 53) (i32.const 5))";
    let (local, request) = host_with(doing(body)).await;
    with_canary(&local, async {
        let job = local.host().submit(numbered(&request, 1_000_000)).await.unwrap().wait(LONG).await.unwrap();
        let progress = job.progress.clone().unwrap();
        assert_eq!((progress.done, &*progress.note), (0.75, "words"));
        let seconds = job.timings().duration.unwrap().as_secs();
        // Two to insert and finish, and ten a second in between.
        assert!(job.version <= 4 + 11 * (seconds + 1), "{} writes in {seconds} s", job.version);
    })
    .await;
}

#[tokio::test]
async fn nothing_a_guest_says_reaches_a_terminal_raw() {
    // X11, C10: log, progress, output, failure, each with an escape in it.
    let fields = r#"(data (i32.const 48) "\1b[2J\07red\0d")"#;
    let fail = "(i32.store8 (i32.const 300) (i32.const 1)) (i32.store8 (i32.const 304) (i32.const 1))
        (i32.store (i32.const 308) (i32.const 48)) (i32.store (i32.const 312) (i32.const 10)) (return (i32.const 300))";
    let body = format!(
        "(call $log (i32.const 4) (i32.const 48) (i32.const 10))
        (call $progress (f32.const 0.5) (i32.const 48) (i32.const 10)) {fail}"
    );
    let folder = Folder::with(&[("rude", Own { fields, body: &body, ..Own::default() }.plain())]).await;
    let ran = folder.run(&["run", "rude"]);
    assert_eq!(ran.status.code(), Some(1), "{ran:?}");
    let filter = Filter::default();
    let id = folder.look().await.host().list(filter, None, 1).await.unwrap()[0].id.to_string();
    for words in [vec!["logs", &id], vec!["status", &id], vec!["result", &id], vec!["list"]] {
        let said = folder.run(&words);
        let all = [said.stdout, said.stderr, ran.stdout.clone(), ran.stderr.clone()].concat();
        assert!(all.iter().all(|byte| *byte == b'\n' || !byte.is_ascii_control()), "{words:?}: {all:?}");
    }
}
