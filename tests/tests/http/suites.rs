//! Collections of hard cases that others made, from npm: JSONTestSuite, and the big list of naughty strings. They are fetched into
//! a folder under `target/`; where that cannot be, these tests say that they are skipped.

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use au_tests::machine::skip;
use reqwest::Method;

use super::served::Served;
use super::*;

/// A file of a package of npm; `None`, having said why, where it cannot be had.
fn file_of(package: &str, version: &str, file: &str) -> Option<Vec<u8>> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("npm");
    std::fs::create_dir_all(&folder).unwrap();
    // Another test of these waits for this one.
    let lock = std::fs::File::create(folder.join("lock")).unwrap();
    lock.lock().unwrap();
    let archive = folder.join(format!("{package}-{version}.tgz"));
    if !archive.is_file() {
        let mut pack = Command::new("npm");
        pack.args(["pack", "--silent"]).arg(format!("{package}@{version}")).current_dir(&folder);
        match pack.stdin(Stdio::null()).output() {
            Ok(output) if output.status.success() => {}
            Ok(output) => {
                skip(&format!("{package} cannot be had from npm: {}", String::from_utf8_lossy(&output.stderr).trim()));
                return None;
            }
            Err(error) => {
                skip(&format!("npm is not here ({error}); Debian: npm"));
                return None;
            }
        }
    }
    let mut tar = Command::new("tar");
    let output = tar.arg("-xzOf").arg(&archive).arg(format!("package/{file}")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(output.stdout)
}

/// Every byte as a percent escape (RFC 3986).
fn escaped(text: &str) -> String {
    text.bytes().fold(String::new(), |mut all, byte| {
        write!(all, "%{byte:02X}").unwrap();
        all
    })
}

#[tokio::test]
async fn h4_of_the_json_test_suite_what_is_json_is_taken_and_what_is_not_is_refused() {
    let Some(bytes) = file_of("json-test-suite", "1.0.0", "data/parsing.js") else { return };
    let text = String::from_utf8(bytes).unwrap();
    let cases = text.split_once("export default").unwrap().1.trim().trim_end_matches(';');
    let cases: Vec<Value> = serde_json::from_str(cases).unwrap();
    assert!(cases.len() > 250, "{}", cases.len());
    let served = Served::new().await;
    let mut wrong = Vec::new();
    for case in &cases {
        let (name, input) = (case["name"].as_str().unwrap(), case["input"].as_str().unwrap());
        let answer = served.post("/v1/call/guest/echo", "application/json", input.to_owned()).await;
        let fits = match name.split('_').next() {
            // An empty body is no body, which is no arguments.
            _ if input.is_empty() => answer.status == 400 || answer.status == 200,
            Some("y") => answer.status == 200 && answer.text() == input,
            Some("n") => answer.status == 400 && answer.text().contains("bad_json"),
            _ => answer.status == 200 || answer.status == 400,
        };
        if !fits {
            wrong.push(format!("{name}: {} {}", answer.status, answer.text()));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

#[tokio::test]
async fn h5_naughty_strings_are_no_ids_or_names_and_are_kept_as_they_are_where_any_text_may_be() {
    let Some(bytes) = file_of("blns", "2.0.4", "resources/blns.json") else { return };
    let strings: Vec<String> = serde_json::from_slice(&bytes).unwrap();
    assert!(strings.len() > 400, "{}", strings.len());
    let served = Served::new().await;
    for text in &strings {
        let part = escaped(text);
        for path in [format!("/v1/jobs/{part}"), format!("/v1/modules/{part}"), format!("/v1/jobs/{part}/output")] {
            let answer = served.get(&path).await;
            // What happens to be a name is none that is known here; nothing at all is another route.
            let fits = matches!(answer.status, 400 | 404 | 405) || (text.is_empty() && answer.status == 200);
            assert!(fits, "{text:?} at {path}: {} {}", answer.status, answer.text());
        }
        let answer = served.ask(Method::POST, &format!("/v1/call/guest/{part}")).body("[]").send().await.unwrap();
        assert!(matches!(answer.status().as_u16(), 400 | 404 | 405), "{text:?}: {}", answer.status());
        let path = format!("/v1/submit/guest/echo?label={}", escaped(&format!("naughty={text}")));
        let job = json(served.post(&path, OCTETS, number(1)).await, 202);
        assert_eq!(job["options"]["labels"]["naughty"], **text, "{text:?}");
        let path = format!("/v1/jobs/{}/cancel?reason={part}", job["id"].as_str().unwrap());
        let answer = served.post(&path, OCTETS, "").await;
        assert!(matches!(answer.status, 202 | 409), "{text:?}: {} {}", answer.status, answer.text());
    }
    assert_eq!(json(served.get("/readyz").await, 200)["ready"], true);
}
