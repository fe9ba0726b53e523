//! S6: what is kept was damaged. Each damage costs what it hit, and no start is refused for one record.

use std::fs;
use std::path::Path;

use au_host::store::Filter;
use au_host::{Error, JobId, Takes};
use rusqlite::Connection;

use super::*;

/// A folder with so many finished jobs, one that waits for ever, and large inputs in files; nobody has it open.
async fn folder(jobs: u32) -> (tempfile::TempDir, Vec<JobId>) {
    let folder = tempfile::tempdir().unwrap();
    let local = guest::local_at(folder.path(), config()).await;
    let mut ids = Vec::new();
    for number in 0..jobs {
        let handle =
            local.host().submit(with(&ask("echo", 0), vec![u8::try_from(number % 200).unwrap(); 40_000])).await;
        let handle = handle.unwrap();
        handle.wait(LONG).await.unwrap();
        ids.push(handle.id());
    }
    local.close(Duration::ZERO).await.unwrap();
    (folder, ids)
}

/// Opens it, and says which of the jobs are damaged; all others must be whole, and new ones must run.
async fn damaged(dir: &Path, ids: &[JobId]) -> Vec<usize> {
    let local = Local::open(dir, config()).await.expect("a start is not refused for one record");
    let mut damaged = Vec::new();
    for (number, id) in ids.iter().enumerate() {
        match local.host().handle(*id).result(LONG).await {
            Ok(output) => assert_eq!(output.bytes()[..], vec![u8::try_from(number % 200).unwrap(); 40_000]),
            Err(Error::Corrupt { .. }) => damaged.push(number),
            Err(error) => panic!("job {number}: {}", error.chain()),
        }
    }
    let listed = local.host().list(Filter::default(), None, 1_000).await.unwrap();
    assert!(listed.len() >= ids.len() - damaged.len(), "{} of {}", listed.len(), ids.len());
    sing(&local, 4).await;
    local.close(Duration::ZERO).await.unwrap();
    damaged
}

fn database(dir: &Path) -> Connection {
    Connection::open(dir.join("jobs.db")).unwrap()
}

fn blob(connection: &Connection, column: &str, id: JobId) -> Vec<u8> {
    let sql = format!("SELECT {column} FROM job WHERE id = ?1");
    connection.query_row(&sql, [id.as_bytes()], |row| row.get(0)).unwrap()
}

fn put(connection: &Connection, column: &str, id: JobId, bytes: &[u8]) {
    let sql = format!("UPDATE job SET {column} = ?2 WHERE id = ?1");
    assert_eq!(connection.execute(&sql, rusqlite::params![id.as_bytes(), bytes]).unwrap(), 1);
}

#[tokio::test]
async fn a_record_that_was_cut_changed_or_emptied_costs_one_job_only() {
    let (folder, ids) = folder(3).await;
    for column in ["spec", "state"] {
        let whole = blob(&database(folder.path()), column, ids[1]);
        let mut wrong: Vec<Vec<u8>> = vec![Vec::new(), vec![0; whole.len()], vec![0xff; whole.len()], vec![7; 5_000]];
        wrong.extend((0..whole.len()).step_by(whole.len() / 6 + 1).map(|cut| whole[..cut].to_vec()));
        wrong.extend((0..whole.len()).step_by(whole.len() / 12 + 1).map(|at| {
            let mut flipped = whole.clone();
            flipped[at] ^= 0x10;
            flipped
        }));
        wrong.push([whole.clone(), b"more".to_vec()].concat());
        // A version that is not ours is the first byte of a record.
        wrong.push([&[200], &whole[1..]].concat());
        for bytes in wrong {
            put(&database(folder.path()), column, ids[1], &bytes);
            assert_eq!(damaged(folder.path(), &ids).await, [1], "{column} {bytes:?}");
            put(&database(folder.path()), column, ids[1], &whole);
        }
    }
    assert_eq!(damaged(folder.path(), &ids).await, [0_usize; 0], "whole again");
}

#[tokio::test]
async fn a_payload_that_was_cut_changed_or_removed_costs_one_job_only() {
    let (folder, ids) = folder(3).await;
    let payloads = folder.path().join("payloads");
    let of = |id: JobId| {
        let names = fs::read_dir(&payloads).unwrap().map(|entry| entry.unwrap().path());
        names.filter(|path| path.to_string_lossy().contains(&id.to_string())).collect::<Vec<_>>()
    };
    for path in of(ids[1]) {
        let whole = fs::read(&path).unwrap();
        let mut flipped = whole.clone();
        flipped[20_000] ^= 1;
        let longer = [whole.clone(), vec![0]].concat();
        for bytes in [
            Some(Vec::new()),
            Some(whole[..10].to_vec()),
            Some(vec![0; whole.len()]),
            Some(flipped),
            Some(longer),
            None,
        ] {
            match &bytes {
                Some(bytes) => fs::write(&path, bytes).unwrap(),
                None => fs::remove_file(&path).unwrap(),
            }
            assert_eq!(damaged(folder.path(), &ids).await, [1], "{path:?} {:?}", bytes.map(|bytes| bytes.len()));
            fs::write(&path, &whole).unwrap();
        }
    }
}

#[tokio::test]
async fn a_job_that_waits_and_is_damaged_holds_no_other_up() {
    let folder = tempfile::tempdir().unwrap();
    let local = guest::local_at(folder.path(), LocalConfig { takes: Takes::Nothing, ..config() }).await;
    let mut waiting = Vec::new();
    for number in 0..10 {
        waiting.push(local.host().submit(ask("echo", number)).await.unwrap().id());
    }
    local.close(Duration::ZERO).await.unwrap();
    for id in &waiting[..5] {
        put(&database(folder.path()), "spec", *id, b"nonsense");
    }
    let local = Local::open(folder.path(), config()).await.unwrap();
    for (number, id) in waiting.iter().enumerate() {
        match local.host().handle(*id).wait(LONG).await {
            Ok(job) => assert_eq!((job.status, number >= 5), (Status::Completed, true)),
            Err(error) => assert_eq!((error.class().code, number < 5), ("corrupt", true)),
        }
    }
}

#[tokio::test]
async fn a_page_of_zeros_costs_what_was_on_it_and_never_the_process() {
    let (folder, ids) = folder(40).await;
    let path = folder.path().join("jobs.db");
    drop(database(folder.path()).query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())));
    let whole = fs::read(&path).unwrap();
    let mut opened = 0;
    for page in 1..whole.len() / 4096 {
        let mut zeroed = whole.clone();
        zeroed[page * 4096..(page + 1) * 4096].fill(0);
        fs::write(&path, zeroed).unwrap();
        // The page may hold what is needed to open anything at all; then it is said which file is damaged.
        match Local::open(folder.path(), LocalConfig { takes: Takes::Nothing, ..config() }).await {
            Ok(local) => {
                opened += 1;
                for id in &ids {
                    // Damaged, gone with the page, or whole: never another's.
                    if let Ok(output) = local.host().handle(*id).result(Duration::ZERO).await {
                        assert_eq!(output.len(), 40_000);
                    }
                }
                local.close(Duration::ZERO).await.unwrap();
            }
            Err(error) => assert!(error.chain().contains("jobs.db"), "{}", error.chain()),
        }
        for other in ["jobs.db-wal", "jobs.db-shm"] {
            let _ = fs::remove_file(folder.path().join(other));
        }
    }
    assert!(opened > 0);
    fs::write(&path, &whole).unwrap();
    assert_eq!(damaged(folder.path(), &ids).await, [0_usize; 0]);
}

#[tokio::test]
async fn a_database_that_is_none_is_said_to_be_damaged_with_what_to_do() {
    for bytes in [b"not a database, but long enough to look at".repeat(200), vec![0xff; 8192]] {
        let (folder, _) = folder(1).await;
        for old in ["jobs.db-wal", "jobs.db-shm"] {
            // The log, if it is there, is a whole database by itself.
            let _ = fs::remove_file(folder.path().join(old));
        }
        fs::write(folder.path().join("jobs.db"), bytes).unwrap();
        let error = Local::open(folder.path(), config()).await.expect_err("nothing can be read");
        assert_eq!(error.class().code, "corrupt");
        assert!(error.to_string().contains("recover"), "{error}");
    }
}

#[tokio::test]
async fn a_database_of_a_later_version_is_left_alone() {
    let (folder, _) = folder(1).await;
    database(folder.path()).pragma_update(None, "user_version", 99).unwrap();
    let before = fs::read(folder.path().join("jobs.db")).unwrap();
    let error = Local::open(folder.path(), config()).await.expect_err("it cannot be understood");
    assert!(error.chain().contains("newer"), "{}", error.chain());
    assert_eq!(fs::read(folder.path().join("jobs.db")).unwrap(), before);
}

#[tokio::test]
async fn a_database_of_an_earlier_version_is_opened_and_has_what_it_lacked() {
    let (folder, ids) = folder(2).await;
    let local = Local::open(folder.path(), config()).await.unwrap();
    let request = au_host::Request { principal: Some("acme".into()), ..with(&ask("echo", 0), vec![7; 100]) };
    local.host().submit(request).await.unwrap().wait(LONG).await.unwrap();
    let held = local.host().store().held("acme").await.unwrap();
    assert_eq!((held.jobs.completed, held.stored), (1, 200));
    let later = Some(au_host::Clock::system().now().plus(LONG * 100));
    let waits = au_host::Request { queue: Some("later".into()), run_at: later, ..ask("echo", 0) };
    local.host().submit(waits).await.unwrap();
    let loads = local.host().store().loads().await.unwrap();
    assert_eq!((loads.len(), &*loads[0].queue, loads[0].pending), (1, "later", 1));
    local.close(Duration::ZERO).await.unwrap();
    let before =
        "DROP TRIGGER tenant_insert; DROP TRIGGER tenant_update; DROP TRIGGER tenant_delete; DROP TABLE tenant;
        DROP INDEX job_pending_of; DROP INDEX job_running; ALTER TABLE job DROP COLUMN lanes;
        CREATE INDEX job_running ON job (worker, id) WHERE status = 1; ALTER TABLE job DROP COLUMN principal; ALTER TABLE job DROP COLUMN bytes;
        DROP TABLE note; PRAGMA user_version = 1";
    database(folder.path()).execute_batch(before).unwrap();
    assert_eq!(damaged(folder.path(), &ids).await, [0_usize; 0]);
    let local = Local::open(folder.path(), config()).await.unwrap();
    assert_eq!(local.host().store().held("acme").await.unwrap(), held);
    assert_eq!(local.host().store().loads().await.unwrap(), loads, "its lanes are read off its record");
    local.host().store().put_note("a", b"b").await.unwrap();
    assert_eq!(local.host().store().notes("a", 1).await.unwrap()[0].bytes, b"b");
}

#[tokio::test]
async fn a_database_counts_by_triggers_only_once_it_has_a_tenant() {
    let (folder, _) = folder(1).await;
    let triggers = || {
        let count = "SELECT count(*) FROM sqlite_schema WHERE type = 'trigger'";
        database(folder.path()).query_row(count, [], |row| row.get::<_, i64>(0)).unwrap()
    };
    assert_eq!(triggers(), 0);
    // Version 3 had them everywhere.
    let before = "CREATE TRIGGER tenant_insert AFTER INSERT ON job BEGIN SELECT 1; END; PRAGMA user_version = 3";
    database(folder.path()).execute_batch(before).unwrap();
    let local = Local::open(folder.path(), config()).await.unwrap();
    assert_eq!(triggers(), 0);
    let request = au_host::Request { principal: Some("acme".into()), ..ask("echo", 0) };
    for _ in 0..2 {
        local.host().submit(request.clone()).await.unwrap().wait(LONG).await.unwrap();
    }
    assert_eq!((triggers(), local.host().store().held("acme").await.unwrap().jobs.completed), (3, 2));
    local.close(Duration::ZERO).await.unwrap();
    database(folder.path()).pragma_update(None, "user_version", 3).unwrap();
    let local = Local::open(folder.path(), config()).await.unwrap();
    local.host().submit(request).await.unwrap().wait(LONG).await.unwrap();
    assert_eq!((triggers(), local.host().store().held("acme").await.unwrap().jobs.completed), (3, 3));
}

#[tokio::test]
async fn what_a_crash_left_half_written_is_swept_and_what_is_foreign_is_left() {
    // R9, A27
    let (folder, ids) = folder(2).await;
    let dead = au_host::WorkerId::new(au_host::Timestamp::from_micros(1));
    let half = folder.path().join("payloads").join(format!("{}.{dead}.0.new", ids[0]));
    fs::write(&half, "half").unwrap();
    let foreign =
        ["notes.txt", "job.tmp", "job.new", "jobs.part~"].map(|name| folder.path().join("payloads").join(name));
    for path in &foreign {
        fs::write(path, "somebody's").unwrap();
    }
    fs::write(folder.path().join("workers").join(dead.to_string()), "").unwrap();
    assert_eq!(damaged(folder.path(), &ids).await, [0_usize; 0]);
    assert!(!half.exists() && foreign.iter().all(|path| path.exists()));
    // Neither is a job; one more than there were ran above.
    let local = Local::open(folder.path(), config()).await.unwrap();
    assert_eq!(local.host().list(Filter::default(), None, 100).await.unwrap().len(), ids.len() + 1);
}
