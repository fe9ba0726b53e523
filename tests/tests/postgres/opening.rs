//! How the store is opened, and when it is not.

use au_host::Error;
use au_host::store::{Durability, open};
use au_tests::postgres::{PASSWORD, Server, server};
use au_tests::store::jobs::{self, NOW};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::future::join_all;

use crate::opened;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eight_hosts_that_come_at_once_make_the_tables_once() {
    let Some(server) = server() else { return };
    let url = server.database();
    let host = |_| {
        let url = url.clone();
        tokio::spawn(async move { opened(&url).await })
    };
    let stores: Vec<_> = join_all((0..8).map(host)).await.into_iter().map(Result::unwrap).collect();
    let job = jobs::job();
    stores[0].insert(&job).await.unwrap();
    for store in &stores {
        assert_eq!(store.get(job.spec.id, NOW).await.unwrap(), job);
    }
    assert_eq!(server.sql(&url, "SELECT count(*) || ' ' || max(version) FROM au_host.version"), "1 2");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tables_of_a_newer_version_are_refused_and_left_alone() {
    let Some(server) = server() else { return };
    let url = server.database();
    drop(opened(&url).await);
    server.sql(&url, "UPDATE au_host.version SET version = 99");
    let error = open(&url, Durability::Fsync).await.unwrap_err();
    assert!(error.chain().contains("has version 99") && error.chain().contains("newer au-host"), "{}", error.chain());
    assert_eq!(server.sql(&url, "SELECT version FROM au_host.version"), "99");
    server.sql(&url, "UPDATE au_host.version SET version = 2");
    opened(&url).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tables_of_an_earlier_version_are_brought_up_with_the_lanes_of_what_has_not_finished() {
    let Some(server) = server() else { return };
    let url = server.database();
    let store = opened(&url).await;
    let job = jobs::job_with(|options| options.queue = Some("mail".into()));
    store.insert(&job).await.unwrap();
    store.insert(&jobs::running(jobs::job(), jobs::worker())).await.unwrap();
    let loads = store.loads().await.unwrap();
    assert_eq!(loads.len(), 2, "{loads:?}");
    drop(store);
    server.sql(
        &url,
        "DROP INDEX au_host.job_pending_of; ALTER TABLE au_host.job DROP COLUMN lanes;
         CREATE INDEX job_pending_of ON au_host.job (principal, priority DESC, due, id) WHERE status = 0;
         UPDATE au_host.version SET version = 1",
    );
    assert_eq!(opened(&url).await.loads().await.unwrap(), loads);
    assert_eq!(server.sql(&url, "SELECT version FROM au_host.version"), "2");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_takes_connections_and_never_says_a_word_is_given_up() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("postgres://{}/x", silent.local_addr().unwrap());
    let error = open(&url, Durability::Fsync).await.unwrap_err();
    assert!(error.chain().contains("did not answer within 10s"), "{}", error.chain());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_who_may_make_nothing_may_use_tables_that_are_there() {
    let Some(server) = server() else { return };
    let url = server.database_by_socket();
    drop(opened(&url).await);
    let name = server.sql(&url, "SELECT current_database()");
    let grant = format!(
        "CREATE USER {name}; GRANT USAGE ON SCHEMA au_host TO {name};
         GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA au_host TO {name}"
    );
    server.sql(&url, &grant);
    let store = opened(&url.replace("//au@", &format!("//{name}@"))).await;
    let job = jobs::job();
    store.insert(&job).await.unwrap();
    assert_eq!(store.take(&jobs::take(jobs::worker(), 1)).await.unwrap().started.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_with_a_url_is_said_without_its_password() {
    let Some(server) = server() else { return };
    let url = server.database();
    let wrong = [
        (url.replace(PASSWORD, "s3cret-not"), "password authentication failed"),
        (url.replace("127.0.0.1", "no-such-host.invalid"), "no-such-host.invalid"),
        (url.replace("/test_", "/none_"), "does not exist"),
        (url.replace("sslmode=disable", "sslmode=require"), "TLS"),
        ("postgres://au:s3cret@127.0.0.1:1/x".to_owned(), "refused"),
        ("postgre://au:s3cret@127.0.0.1:1/x".to_owned(), "postgre"),
    ];
    for (wrong, says) in wrong {
        let error = open(&wrong, Durability::Fsync).await.unwrap_err();
        let text = format!("{} {error:?}", error.chain());
        assert!(text.contains(says), "{wrong}: {text}");
        assert!(!text.contains("s3cret"), "{text}");
        let sort = matches!(error, Error::Fault { .. } | Error::Invalid { .. });
        assert!(sort, "{error:?}");
    }
    let store = opened(&url).await;
    assert!(!format!("{store:?}").contains("s3cret"), "{store:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_schemas_of_one_database_know_nothing_of_each_other() {
    let Some(server) = server() else { return };
    let url = server.database();
    let (one, other) = (opened(&url).await, opened(&format!("{url}&schema=other_host")).await);
    let job = jobs::job();
    one.insert(&job).await.unwrap();
    assert!(matches!(other.get(job.spec.id, NOW).await.unwrap_err(), Error::NotFound { .. }));
    assert!(other.take(&jobs::take(jobs::worker(), 1)).await.unwrap().started.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commits_wait_for_the_disk_unless_told_otherwise_even_where_the_server_is_told_otherwise() {
    let Some(server) = server() else { return };
    let url = server.database();
    let name = server.sql(&url, "SELECT current_database()");
    server.sql(&url, &format!("ALTER DATABASE {name} SET synchronous_commit TO off"));
    // A job of this very transaction remembers under which setting it was written.
    drop(opened(&url).await);
    server.sql(
        &url,
        "CREATE TABLE seen (setting text);
         CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            INSERT INTO public.seen VALUES (current_setting('synchronous_commit')); RETURN NULL; END $$;
         CREATE TRIGGER see AFTER INSERT ON au_host.job FOR EACH STATEMENT EXECUTE FUNCTION public.see()",
    );
    for (durability, setting) in [(Durability::Fsync, "on"), (Durability::Os, "off")] {
        let store = open(&url, durability).await.unwrap();
        store.insert(&jobs::job()).await.unwrap();
        assert_eq!(server.sql(&url, "SELECT setting FROM seen"), setting);
        server.sql(&url, "DELETE FROM seen");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tls_is_used_where_there_is_some_and_checked_where_it_is_required() {
    let Some(server) = Server::start(false) else { return };
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let url = server.database().replace("127.0.0.1", "localhost").replace("?sslmode=disable", "");
    let data = server.sql(&url, "SHOW data_directory");
    for (file, pem) in [("server.crt", made.cert.pem()), ("server.key", made.signing_key.serialize_pem())] {
        let text = STANDARD.encode(pem);
        server.sql(&url, &format!("COPY (SELECT '{text}') TO PROGRAM 'umask 077; base64 -d > {data}/{file}'"));
    }
    server.sql(&url, "ALTER SYSTEM SET ssl = on");
    tokio::task::block_in_place(|| {
        server.stop();
        server.again();
    });
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    std::fs::write(&file, made.cert.pem()).unwrap();
    let own = format!("sslmode=require&sslrootcert={}", file.display());
    let sealed = "SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name LIKE 'au-host %'";
    for (mode, is_sealed) in [("", true), ("sslmode=prefer", true), (own.as_str(), true), ("sslmode=disable", false)] {
        let store = opened(&format!("{url}?{mode}")).await;
        store.insert(&jobs::job()).await.unwrap();
        assert_eq!(server.sql(&url, sealed), if is_sealed { "t" } else { "f" }, "{mode}");
        drop(store);
        while server.sql(&url, "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'au-host %'") != "0" {
        }
    }
    let stranger = open(&format!("{url}?sslmode=require"), Durability::Fsync).await.unwrap_err().chain();
    assert!(stranger.contains("certificate"), "{stranger}");
    let misnamed = format!("{}?{own}", url.replace("localhost", "127.0.0.1"));
    let misnamed = open(&misnamed, Durability::Fsync).await.unwrap_err().chain();
    assert!(misnamed.contains("certificate"), "{misnamed}");
}
