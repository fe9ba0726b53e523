//! The command line and a server as somebody has them who has configured nothing, or only a token.

use std::net::TcpListener;
use std::process::{Command, Output, Stdio};

use au_tests::guest;
use reqwest::Method;

use super::program::{Folder, Program, program};
use super::*;

/// A server that asks for a token, and one of its tenant `acme`.
fn guarded(settings: &str) -> (Folder, Program, String) {
    let folder = Folder::new();
    std::fs::write(folder.path().join("data/au-host.toml"), settings).unwrap();
    let token = folder.out(&["token", "create", "laptop", "--tenant", "acme"]).trim().to_owned();
    let server = folder.serve(&[]);
    (folder, server, token)
}

/// A command that asks the server, with this token.
fn asked(folder: &Folder, server: &Program, token: Option<&str>, words: &[&str]) -> Output {
    let mut command = folder.bare(Command::new(program()));
    // Nothing may touch this folder but the server.
    command.env("AU_DATA", folder.path().join("nowhere")).args(["--host", &server.url]).args(words);
    command.envs(token.map(|token| ("AU_TOKEN", token))).output().unwrap()
}

#[track_caller]
fn ended(output: &Output, code: i32) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let (out, said) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{out}{said}");
    (out, said)
}

#[tokio::test]
async fn a_token_in_the_environment_is_all_that_commands_need_of_a_host_that_wants_one() {
    let (folder, server, token) = guarded("");
    let ask = |words: &[&str]| asked(&folder, &server, Some(&token), words);
    assert_eq!(ended(&ask(&["run", "guest", "echo", "7"]), 0).0, "[7]\n");
    std::fs::write(folder.path().join("3.bin"), 3_u32.to_le_bytes()).unwrap();
    let id = ended(&ask(&["submit", "guest", "log", "-i", "3.bin"]), 0).0.trim().to_owned();
    // Until the job has finished, which events tell.
    assert_eq!(ended(&ask(&["logs", "-f", &id]), 0).0.matches("red").count(), 3);
    assert!(ended(&ask(&["list"]), 0).0.contains(&id));
    for wrong in [None, Some("au_of_another_host"), Some(&token[..token.len() - 1])] {
        for words in [&["run", "guest", "echo", "7"][..], &["logs", "-f", &id], &["list"]] {
            let (out, said) = ended(&asked(&folder, &server, wrong, words), 4);
            assert!(out.is_empty() && said.contains("AU_TOKEN"), "{words:?}: {out}{said}");
            assert!(wrong.is_none_or(|wrong| !said.contains(wrong)), "a token is never said: {said}");
        }
    }
}

#[tokio::test]
async fn a_quota_that_is_used_up_is_the_exit_code_4_over_http_as_here() {
    let (folder, server, token) = guarded("[quota]\nqueued = 1\n");
    let submit = || asked(&folder, &server, Some(&token), &["submit", "guest", "echo", "7", "--delay", "1h"]);
    ended(&submit(), 0);
    let (_, said) = ended(&submit(), 4);
    assert!(said.contains("tenant acme has used up its quota") && said.contains("queued = 1"), "{said}");
}

#[tokio::test]
async fn serve_without_a_word_works_at_once_in_a_home_with_nothing_in_it() {
    let home = tempfile::tempdir().unwrap();
    let mut command = Command::new(program());
    command.current_dir(home.path()).env_clear().env("HOME", home.path()).stdin(Stdio::null()).arg("serve");
    // Its port may be another's just now.
    if TcpListener::bind("127.0.0.1:8282").is_err() {
        command.args(["--listen", "127.0.0.1:0"]);
    }
    let server = Program::started(&mut command);
    let put = server.ask(Method::PUT, "/v1/modules/guest").body(guest::guest()).send().await.unwrap();
    assert_eq!(put.status(), 201);
    let call = server.ask(Method::POST, "/v1/call/guest/echo").body("[7]").send().await.unwrap();
    assert_eq!(call.text().await.unwrap(), "[7]");
    let id = server.submit("echo", "[8]").await.unwrap();
    assert_eq!(json(server.get(&format!("/v1/jobs/{id}?wait=1m")).await, 200)["status"], "completed");
    assert!(home.path().join(".local/share/au-host/jobs.db").exists());
}
