//! `/v1/modules` and `/v1/aliases`.

use std::path::{Path, PathBuf};
use std::process::Command;

use au_tests::{guest, machine};
use reqwest::Method;

use super::served::Served;
use super::*;

/// Another module than the one that is there.
fn other() -> bytes::Bytes {
    guest::with_fields("(global $other i32 (i32.const 7))")
}

#[tokio::test]
async fn an_upload_is_a_module_that_can_be_called() {
    let served = Served::new().await;
    let put =
        served.ask(Method::PUT, "/v1/modules?name=other").header("content-type", "application/wasm").body(other());
    let answer = served.send(put).await;
    let place = answer.header("location").to_owned();
    let added = json(answer, 201);
    assert_eq!(added["name"], "other");
    assert_eq!(place, format!("/v1/modules/{}", added["module"]["digest"].as_str().unwrap()));
    assert_eq!(served.post("/v1/call/other/echo", OCTETS, "abcd").await.text(), "abcd");
    // The same once more changes nothing; in the path a name is a name too.
    assert_eq!(served.send(served.ask(Method::PUT, "/v1/modules").body(other())).await.status, 200);
    assert_eq!(served.send(served.ask(Method::PUT, "/v1/modules/third").body(other())).await.status, 200);
    let listed = json(served.get("/v1/modules").await, 200);
    assert_eq!(listed["modules"].as_array().unwrap().len(), 2);
    assert_eq!(listed["modules"][0]["aliases"], serde_json::json!(["other", "third"]));
}

#[tokio::test]
async fn an_upload_with_another_digest_than_was_said_is_refused() {
    let served = Served::new().await;
    let put = async |path: &str, digest: &'static str| {
        served.send(served.ask(Method::PUT, path).header("content-digest", digest).body(other())).await
    };
    let zeros = "sha-256=:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:";
    problem(put("/v1/modules", zeros).await, 400, "bad_digest");
    problem(put("/v1/modules", "md5=:AA==:").await, 400, "bad_header");
    let named = format!("/v1/modules/sha256:{}", "0".repeat(64));
    problem(served.send(served.ask(Method::PUT, &named).body(other())).await, 400, "bad_digest");
    let named = format!("/v1/modules/{}", au_host::Digest::of(&other()));
    assert_eq!(served.send(served.ask(Method::PUT, &named).body(other())).await.status, 201);
}

#[tokio::test]
async fn what_is_no_module_is_refused_with_the_rule_it_broke() {
    let served = Served::with(|limits| limits.upload_bytes = 1 << 20).await;
    let put = async |body: Vec<u8>| served.send(served.ask(Method::PUT, "/v1/modules").body(body)).await;
    assert_eq!(problem(put(b"\0asm\x01\0\0\0\xff".to_vec()).await, 422, "module_refused")["rule"], "module_invalid");
    assert_eq!(
        problem(put(b"\x7fELF\x02\x01\x01".to_vec()).await, 415, "module_refused")["rule"],
        "precompiled_refused"
    );
    assert_eq!(problem(put(b"(module)".to_vec()).await, 415, "module_refused")["rule"], "text_refused");
    problem(put(vec![0; (1 << 20) + 1]).await, 413, "too_large");
    let form =
        served.ask(Method::PUT, "/v1/modules").header("content-type", "multipart/form-data; boundary=x").body("x");
    problem(served.send(form).await, 415, "bad_media_type");
    let packed = served.ask(Method::PUT, "/v1/modules").header("content-encoding", "gzip").body("x");
    problem(served.send(packed).await, 415, "bad_media_type");
    problem(served.send(served.ask(Method::PUT, "/v1/modules?name=No").body(other())).await, 400, "bad_query");
}

#[tokio::test]
async fn a_module_shows_its_functions_and_its_etag_spares_the_rest() {
    let served = Served::new().await;
    let answer = served.get("/v1/modules/guest").await;
    let tag = answer.header("etag").to_owned();
    let module = json(answer, 200);
    assert_eq!(tag, format!("\"{}\"", module["digest"].as_str().unwrap()));
    assert!(module["functions"].as_array().unwrap().iter().any(|function| function["name"] == "echo"));
    for known in [tag.clone(), format!("\"x\", W/{tag}"), "*".into()] {
        let known = served.ask(Method::GET, "/v1/modules/guest").header("if-none-match", known);
        let answer = served.send(known).await;
        assert_eq!((answer.status, answer.bytes.len(), answer.header("etag")), (304, 0, &*tag));
    }
    let stale = served.ask(Method::GET, "/v1/modules/guest").header("if-none-match", "\"sha256:00\"");
    assert_eq!(served.send(stale).await.status, 200);
}

#[tokio::test]
async fn a_name_is_moved_and_removed_and_the_module_goes_with_its_last_name() {
    let served = Served::new().await;
    let alias = async |path: &str| served.send(served.ask(Method::PUT, path)).await;
    assert_eq!(json(alias("/v1/aliases/second?module=guest").await, 200)["name"], "second");
    problem(alias("/v1/aliases/second").await, 400, "bad_query");
    problem(alias("/v1/aliases/second?module=nobody").await, 404, "not_found");
    problem(alias("/v1/aliases/No?module=guest").await, 400, "bad_id");
    assert_eq!(served.delete("/v1/aliases/second").await.status, 204);
    problem(served.delete("/v1/aliases/second").await, 404, "not_found");
    alias("/v1/aliases/second?module=guest").await;
    let gone = json(served.delete("/v1/modules/second").await, 200);
    assert_eq!(gone, serde_json::json!({ "names": ["second"], "module": null }));
    let id = served.submit("spin", 0).await;
    problem(served.delete("/v1/modules/guest").await, 403, "refused");
    served.cancel(&id).await;
    served.finished(&id).await;
    assert!(json(served.delete("/v1/modules/guest").await, 200)["module"].is_string());
    problem(served.get("/v1/modules/guest").await, 404, "not_found");
}

/// A file system of 64 KiB, until it is dropped.
struct Small(PathBuf);

impl Small {
    /// Nothing where none can be mounted, which is told.
    fn mounted(dir: &Path) -> Option<Self> {
        let mount = || Command::new("mount").args(["-t", "tmpfs", "-o", "size=64k", "tmpfs"]).arg(dir).output();
        let mounted = machine::is_root().then(mount).and_then(Result::ok).is_some_and(|output| output.status.success());
        if !mounted {
            machine::skip("a small file system cannot be mounted here: it takes root");
        }
        mounted.then(|| Self(dir.to_owned()))
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        // Nothing else can be done about one that stays.
        drop(Command::new("umount").arg("-l").arg(&self.0).output());
    }
}

#[tokio::test]
async fn an_upload_that_finds_no_room_is_a_507_and_leaves_room_for_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let Some(disk) = Small::mounted(folder.path()) else { return };
    let served =
        Served::configured(guest::local(guest::config()).await, |config| config.spool = Some(disk.0.clone())).await;
    for _ in 0..2 {
        let large = served.ask(Method::PUT, "/v1/modules").body(vec![0; 128 << 10]);
        let full = problem(served.send(large).await, 507, "storage_full");
        assert!(!full.to_string().contains(folder.path().to_str().unwrap()), "{full}");
    }
    json(served.send(served.ask(Method::PUT, "/v1/modules/other").body(other())).await, 201);
}
