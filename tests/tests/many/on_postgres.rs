//! On PostgreSQL.

use au_tests::postgres::{Server, server};

use super::*;

fn store() -> Option<String> {
    server().map(Server::database)
}

#[test]
fn the_job_of_a_host_that_is_killed_runs_elsewhere() {
    store().iter().for_each(|store| killed(store));
}

#[test]
fn the_late_outcome_of_a_host_that_was_paused_is_refused() {
    store().iter().for_each(|store| paused(store));
}

#[test]
fn of_jobs_on_hosts_that_are_killed_and_paused_at_random_none_is_lost_and_none_ends_twice() {
    store().iter().for_each(|store| chaos(store));
}

#[test]
fn a_host_that_is_asked_to_drain_takes_nothing_new_and_ends() {
    store().iter().for_each(|store| drained(store));
}

#[test]
fn hosts_wait_for_a_database_that_is_stopped_and_lose_nothing() {
    let Some(server) = Server::start(true) else { return };
    interrupted(&server.database(), || {
        server.kill();
        std::thread::sleep(Duration::from_secs(2));
        server.again();
    });
}
