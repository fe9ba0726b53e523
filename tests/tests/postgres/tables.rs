//! What is in the tables.

use au_host::store::Query;
use au_host::{Error, Job, KeyHolds, Payload};
use au_tests::postgres::server;
use au_tests::store::jobs::{self, NOW, take};
use futures::future::join_all;

use crate::opened;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_payload_is_in_chunks_beside_its_job_and_goes_with_it() {
    let Some(server) = server() else { return };
    let url = server.database();
    let store = opened(&url).await;
    let worker = jobs::worker();
    let bytes: Vec<u8> = (0..64 << 20).map(|number: u32| number.to_le_bytes()[1] ^ number.to_le_bytes()[2]).collect();
    let mut spec = jobs::spec();
    spec.input = Payload::new("a/b", bytes.clone()).unwrap();
    store.insert(&Job::new(spec)).await.unwrap();
    let job = store.take(&take(worker, 1)).await.unwrap().started.remove(0);
    assert!(job.spec.input.bytes()[..] == bytes[..]);
    store.advance(job.spec.id, &jobs::finished(&job, worker, jobs::output(bytes))).await.unwrap();
    assert_eq!(server.sql(&url, "SELECT count(*) FROM au_host.chunk"), "128");
    // Written but for its chunks, a refused one leaves none.
    assert!(store.insert(&job).await.is_err());
    assert_eq!(server.sql(&url, "SELECT count(*) FROM au_host.chunk"), "128");
    store.remove(&[job.spec.id]).await.unwrap();
    let left = "SELECT (SELECT count(*) FROM au_host.chunk) + (SELECT count(*) FROM au_host.job) + (SELECT count(*) FROM au_host.tag)";
    assert_eq!(server.sql(&url, left), "0");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_record_is_set_aside_and_its_neighbours_are_taken() {
    let Some(server) = server() else { return };
    let url = server.database();
    let store = opened(&url).await;
    let all = [jobs::job(), jobs::job(), jobs::job()];
    for job in &all {
        store.insert(job).await.unwrap();
    }
    let (state, columns) = (all[0].spec.id, all[1].spec.id);
    server.sql(&url, &format!("UPDATE au_host.job SET state = '\\x0102' WHERE id = '{state}'"));
    server.sql(&url, &format!("UPDATE au_host.job SET priority = 7 WHERE id = '{columns}'"));
    let taken = store.take(&take(jobs::worker(), 5)).await.unwrap();
    assert_eq!(taken.started.iter().map(|job| job.spec.id).collect::<Vec<_>>(), [all[2].spec.id]);
    assert_eq!(taken.next_due, None);
    for damaged in [state, columns] {
        assert!(matches!(store.get(damaged, NOW).await.unwrap_err(), Error::Corrupt { .. }));
    }
    let list = Query::List { filter: Default::default(), before: None, limit: 9, now: NOW };
    assert_eq!(store.scan(&list).await.unwrap().len(), 1);
    assert_eq!(store.remove(&[state, columns]).await.unwrap(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_server_cannot_do_of_a_batch_is_refused_by_itself_and_the_others_are_done() {
    let Some(server) = server() else { return };
    let url = server.database();
    let store = opened(&url).await;
    server.sql(
        &url,
        "CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            RAISE EXCEPTION 'no space left' USING ERRCODE = '53100'; END $$;
         CREATE TRIGGER spoil BEFORE INSERT ON au_host.job FOR EACH ROW WHEN (NEW.priority = 13)
            EXECUTE FUNCTION public.spoil()",
    );
    let job = |number: i32| {
        jobs::job_with(|options| {
            options.priority = number;
            options.key = jobs::key(&number.to_string(), KeyHolds::WhileKept);
        })
    };
    let all: Vec<_> = (0..50).map(job).collect();
    let answers = join_all(all.iter().map(|job| store.insert(job))).await;
    for (job, answer) in all.iter().zip(answers) {
        if job.spec.options.priority == 13 {
            assert!(matches!(answer.unwrap_err(), Error::StorageFull { .. }));
        } else {
            answer.unwrap();
        }
    }
    assert_eq!(server.sql(&url, "SELECT count(*) FROM au_host.job"), "49");
    assert_eq!(server.sql(&url, "SELECT count(*) FROM au_host.key"), "49");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_met_others_is_tried_again() {
    let Some(server) = server() else { return };
    let url = server.database();
    let store = opened(&url).await;
    // A deadlock, five times: a sequence counts on, though the transaction is undone.
    server.sql(
        &url,
        "CREATE SEQUENCE public.times;
         CREATE FUNCTION meet() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            IF nextval('public.times') <= 5 THEN RAISE EXCEPTION 'met' USING ERRCODE = '40P01'; END IF; RETURN NULL; END $$;
         CREATE TRIGGER meet AFTER INSERT OR UPDATE ON au_host.job FOR EACH STATEMENT EXECUTE FUNCTION public.meet()",
    );
    let job = jobs::job();
    store.insert(&job).await.unwrap();
    server.sql(&url, "SELECT setval('public.times', 1)");
    let started = store.take(&take(jobs::worker(), 1)).await.unwrap().started;
    assert_eq!(started[0].state.version, 2);
}
