//! What is said of hosts elsewhere that are not there, or are none.

use std::io::{Read, Write};
use std::net::TcpListener;

use super::*;

/// Answers every request with these bytes.
fn answering(answer: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            drop(stream.read(&mut [0; 4096]));
            drop(stream.write_all(answer.as_bytes()));
        }
    });
    url
}

#[test]
fn a_host_that_is_not_there_is_told_in_three_lines() {
    let folder = Folder::new();
    let error = folder.run(["--host", "http://127.0.0.1:1", "list"]).failed(5);
    has(&error, "error: http://127.0.0.1:1 cannot be reached");
    has(&error, "why: Connection refused");
    has(&error, "au-host serve");
    has(&folder.run(["--host", "unix:nowhere", "list"]).failed(5), "No such file");
}

#[test]
fn a_url_that_is_none_is_told_as_such() {
    let folder = Folder::new();
    for url in ["127.0.0.1:8282", "ftp://a", "http://"] {
        has(&folder.run(["--host", url, "list"]).failed(2), "is not a URL such as");
    }
}

#[test]
fn what_is_no_au_host_is_told_as_such() {
    let folder = Folder::new();
    let url = answering("HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\nconnection: close\r\n\r\nno");
    has(&folder.run(["--host", &url, "list"]).failed(3), "no answer of an au-host");
}

#[test]
fn who_is_not_known_or_may_not_is_told_to_give_a_token() {
    let folder = Folder::new();
    for (status, url) in [
        (
            401,
            answering(
                "HTTP/1.1 401 X\r\ncontent-length: 75\r\nconnection: close\r\n\r\n{\"code\":\"no_token\",\"title\":\"no token\",\"status\":401,\"detail\":\"who are you?\"}",
            ),
        ),
        (
            403,
            answering(
                "HTTP/1.1 403 X\r\ncontent-length: 75\r\nconnection: close\r\n\r\n{\"code\":\"no_scope\",\"title\":\"no scope\",\"status\":403,\"detail\":\"who are you?\"}",
            ),
        ),
    ] {
        let error = folder.run(["--host", &url, "list"]).failed(4);
        has(&error, "why: who are you?");
        has(&error, "AU_TOKEN");
        assert!(status > 400);
    }
}

#[test]
fn what_works_on_a_folder_refuses_a_host_elsewhere() {
    let folder = Folder::new();
    has(&folder.run(["work", "--host", "http://127.0.0.1:1"]).failed(2), "works on a data folder");
    has(&folder.run(["serve", "--host", "http://127.0.0.1:1"]).failed(2), "works on a data folder");
}

#[test]
fn tokens_and_secrets_are_those_of_the_host_elsewhere_for_who_has_a_token() {
    let folder = Folder::filled();
    has(&folder.run(["token", "create", "first", "--scope", "admin"]).failed(4), "made where the host runs");
    has(&folder.run(["webhook", "secret"]).failed(4), "where it runs");
    let mut here = bare(folder.0.path());
    here.args(["token", "create", "first", "--scope", "admin"]).env("AU_DATA", folder.data());
    let admin = Ran::of(&mut here).succeeded().line();
    let run = |words: &[&str]| Ran::of(folder.command(words.iter().copied()).env("AU_TOKEN", &admin));
    let made = run(&["token", "create", "laptop", "--tenant", "acme", "--expires", "30d"]).succeeded();
    assert!(made.line().starts_with("au_"), "{}", made.out);
    has(&run(&["token", "list"]).succeeded().out, "acme");
    let secret = run(&["webhook", "secret", "--tenant", "acme"]).succeeded().line();
    assert!(secret.starts_with("whsec_"), "{secret}");
    assert_ne!(run(&["webhook", "secret", "--tenant", "acme", "--rotate"]).succeeded().line(), secret);
    let mut own = folder.command(["webhook", "secret"]);
    let own = Ran::of(own.env("AU_TOKEN", made.line())).succeeded().line();
    assert_eq!(own, run(&["webhook", "secret", "--tenant", "acme"]).succeeded().line());
    run(&["token", "rm", "laptop"]).succeeded();
    has(&Ran::of(folder.command(["list"]).env("AU_TOKEN", made.line())).failed(4), "unknown here");
}

#[test]
fn what_has_expired_is_for_the_server_to_remove_and_what_is_old_for_whoever_asks() {
    let folder = Folder::filled();
    has(&folder.run(["cleanup"]).failed(4), "by itself");
    folder.run(["run", "guest", "echo"]).succeeded();
    assert_eq!(folder.run(["cleanup", "--older-than", "0s"]).succeeded().out, "removed 1\n");
    assert!(folder.list().is_empty());
}

#[test]
fn the_host_may_be_named_in_the_settings() {
    let folder = Folder::filled();
    let settings = folder.write("there.toml", format!("host = \"unix:{}\"\n", folder.path("socket").display()));
    let mut command = bare(folder.0.path());
    command.args(["module", "list", "--data", "other", "--config", settings.to_str().unwrap()]);
    has(&Ran::of(&mut command).succeeded().out, "guest");
    assert!(!folder.path("other").exists());
}

#[test]
fn doctor_asks_the_host() {
    let folder = Folder::filled();
    let ran = folder.run(["doctor"]).succeeded();
    for about in ["version", "host         unix:", "store", "modules      2", "jobs"] {
        has(&ran.out, &format!("ok   {about}"));
    }
}
