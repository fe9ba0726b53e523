//! Servers that will not do.

use au_host::Error;
use au_host::store::Durability;
use au_host::store::redis::persistence;
use au_tests::redis::Server;
use au_tests::store::jobs;

use super::{needs_redis, refusal, store};

fn assert_refused(error: &Error, words: &[&str]) {
    assert!(matches!(error, Error::Refused { .. }), "{error:?}");
    for word in words {
        assert!(error.chain().contains(word), "{word:?} is not in {:?}", error.chain());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_may_evict_is_refused_with_the_command_that_mends_it() {
    needs_redis!();
    let server = Server::start();
    for durability in [Durability::Fsync, Durability::Os] {
        assert_eq!(server.ask(&["config", "set", "maxmemory-policy", "allkeys-lru"]), "OK");
        let error = refusal(&server.url(), durability).await;
        assert_refused(&error, &["allkeys-lru", "CONFIG SET maxmemory-policy noeviction"]);
        assert_eq!(server.ask(&["config", "set", "maxmemory-policy", "noeviction"]), "OK");
        store(&server.url()).await.ready().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_does_not_sync_each_write_is_refused_unless_less_is_asked_for() {
    needs_redis!();
    let server = Server::start();
    let url = server.url();
    assert_eq!(server.ask(&["config", "set", "no-appendfsync-on-rewrite", "yes"]), "OK");
    let sometimes = refusal(&url, Durability::Fsync).await;
    assert_refused(&sometimes, &["CONFIG SET no-appendfsync-on-rewrite no"]);
    assert_eq!(server.ask(&["config", "set", "no-appendfsync-on-rewrite", "no"]), "OK");
    assert_eq!(server.ask(&["config", "set", "appendfsync", "everysec"]), "OK");
    let lazy = refusal(&url, Durability::Fsync).await;
    assert_refused(&lazy, &["appendfsync everysec", "CONFIG SET appendfsync always", "durability = os"]);
    assert!(persistence(&url).await.unwrap().promise().contains("last second"));
    assert_eq!(server.ask(&["config", "set", "appendonly", "no"]), "OK");
    let none = refusal(&url, Durability::Fsync).await;
    assert_refused(&none, &["append-only", "CONFIG SET appendonly yes"]);
    assert!(!persistence(&url).await.unwrap().appendonly);
    au_host::store::open(&url, Durability::Os).await.unwrap().insert(&jobs::job()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_refused_and_repeated_nowhere() {
    needs_redis!();
    let server = Server::with(&["--appendonly", "yes", "--appendfsync", "always", "--requirepass", "right"]);
    let url = server.tcp(":right@");
    let opened = store(&url).await;
    assert!(!format!("{opened:?}").contains("right"), "{opened:?}");
    for who in [":swordfish@", "me:swordfish@", ""] {
        let error = refusal(&server.tcp(who), Durability::Fsync).await;
        assert_refused(&error, &["user and password"]);
        assert!(!format!("{error:?} {}", error.chain()).contains("swordfish"), "{error:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_not_there_is_named_with_what_to_check() {
    needs_redis!();
    let mut server = Server::start();
    let urls = [server.url(), server.tcp(":swordfish@")];
    server.kill();
    for url in urls {
        let error = refusal(&url, Durability::Fsync).await;
        assert!(matches!(error, Error::Fault { .. }), "{error:?}");
        let text = error.chain();
        assert!(text.contains("cannot be reached") && text.contains("check that it runs"), "{text}");
        assert!(!text.contains("swordfish"), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_is_refused_and_one_that_becomes_one_is_not_ready() {
    needs_redis!();
    let (primary, replica) = (Server::start(), Server::start());
    let url = replica.url();
    let open = store(&url).await;
    let port = primary.port().to_string();
    assert_eq!(replica.ask(&["replicaof", "127.0.0.1", &port]), "OK");
    assert_refused(&refusal(&url, Durability::Fsync).await, &["replica", "primary"]);
    let unready = open.ready().await.unwrap_err().chain();
    assert!(unready.contains("replica"), "{unready}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_of_a_cluster_without_all_slots_is_refused() {
    needs_redis!();
    let server = Server::with(&["--appendonly", "yes", "--appendfsync", "always", "--cluster-enabled", "yes"]);
    let url = server.url();
    assert_refused(&refusal(&url, Durability::Fsync).await, &["cluster"]);
    assert_eq!(server.ask(&["cluster", "addslotsrange", "0", "16383"]), "OK");
    // It notices itself, and says when.
    while !server.ask(&["cluster", "info"]).contains("cluster_state:ok") {
        tokio::task::yield_now().await;
    }
    let store = store(&url).await;
    store.insert(&jobs::job()).await.unwrap();
    assert_eq!(store.take(&jobs::take(jobs::worker(), 1)).await.unwrap().started.len(), 1, "all keys are in one slot");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_config_get_is_forbidden_the_store_opens_all_the_same() {
    needs_redis!();
    let server = Server::start();
    let rule = ["acl", "setuser", "managed", "on", ">pw", "~*", "&*", "+@all", "-config"];
    assert_eq!(server.ask(&rule), "OK");
    let url = server.tcp("managed:pw@");
    store(&url).await.insert(&jobs::job()).await.unwrap();
    let persistence = persistence(&url).await.unwrap();
    assert_eq!((persistence.appendonly, persistence.appendfsync.clone()), (true, None));
    assert!(persistence.promise().contains("cannot be told"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_server_takes_no_job_and_says_so_and_jobs_it_has_can_be_ended_and_removed() {
    needs_redis!();
    let server = Server::start();
    let store = store(&server.url()).await;
    let worker = jobs::worker();
    let job = jobs::running(jobs::job(), worker);
    store.insert(&job).await.unwrap();
    assert_eq!(server.ask(&["config", "set", "maxmemory", "1mb"]), "OK");
    let full =
        |error: Error| assert!(matches!(&error, Error::StorageFull { why } if why.contains("maxmemory")), "{error:?}");
    full(store.insert(&jobs::job()).await.unwrap_err());
    full(store.insert(&super::large(1 << 20)).await.unwrap_err());
    full(store.ready().await.unwrap_err());
    store.advance(job.spec.id, &jobs::finished(&job, worker, jobs::output("x"))).await.unwrap();
    assert_eq!(store.remove(&[job.spec.id]).await.unwrap(), 1);
    assert_eq!(server.ask(&["config", "set", "maxmemory", "0"]), "OK");
    store.ready().await.unwrap();
    store.insert(&jobs::job()).await.unwrap();
}
