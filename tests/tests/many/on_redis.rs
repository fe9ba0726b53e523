//! On Redis.

use au_tests::redis::{Server, is_there};

use super::*;

#[test]
fn the_job_of_a_host_that_is_killed_runs_elsewhere() {
    if is_there("redis: the job of a host that is killed") {
        let server = Server::start();
        killed(&server.url());
    }
}

#[test]
fn the_late_outcome_of_a_host_that_was_paused_is_refused() {
    if is_there("redis: the late outcome of a host that was paused") {
        let server = Server::start();
        paused(&server.url());
    }
}

#[test]
fn of_jobs_on_hosts_that_are_killed_and_paused_at_random_none_is_lost_and_none_ends_twice() {
    if is_there("redis: jobs on hosts that are killed and paused") {
        let server = Server::start();
        chaos(&server.url());
    }
}

#[test]
fn a_host_that_is_asked_to_drain_takes_nothing_new_and_ends() {
    if is_there("redis: a host that is asked to drain") {
        let server = Server::start();
        drained(&server.url());
    }
}

#[test]
fn hosts_wait_for_a_server_that_is_killed_and_lose_nothing() {
    if is_there("redis: hosts wait for a server that is killed") {
        let mut server = Server::start();
        let url = server.url();
        interrupted(&url, || {
            server.kill();
            std::thread::sleep(Duration::from_secs(2));
            server.again();
        });
    }
}

#[test]
fn the_doctor_says_what_a_write_survives_and_that_a_server_is_away() {
    if is_there("redis: the doctor") {
        let mut server = Server::start();
        let folder = Folder::new();
        has(&folder.run(["doctor", "--store", &server.url()]).succeeded().out, "survives a power cut");
        server.kill();
        let ran = folder.run(["doctor", "--store", &server.url()]).ended(5);
        has(&ran.out, "BAD  store");
    }
}
