//! `GET /openapi.json`: what is said is what is there.

use std::collections::BTreeSet;
use std::path::Path;

use reqwest::Method;

use super::served::Served;
use super::*;

fn described() -> Value {
    serde_json::from_str(au_host::http::openapi()).unwrap()
}

fn members(value: &Value) -> BTreeSet<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn what_is_checked_in_is_what_the_code_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../host/src/http/openapi.json");
    if std::env::var_os("AU_BLESS").is_some() {
        std::fs::write(&path, au_host::http::openapi()).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == au_host::http::openapi(), "the API is another one now: AU_BLESS=1 writes {} anew", path.display());
}

#[tokio::test]
async fn every_route_that_is_described_is_there_and_describes_itself_as_3_1() {
    let served = Served::new().await;
    let api = json(served.get("/openapi.json").await, 200);
    assert_eq!(api, described());
    assert!(api["openapi"].as_str().unwrap().starts_with("3.1"));
    let mut count = 0;
    for (path, methods) in api["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys() {
            let method = Method::from_bytes(method.to_ascii_uppercase().as_bytes()).unwrap();
            let path = path.replace("{id}", "x").replace(['{', '}'], "");
            let answer = served.send(served.ask(method.clone(), &path)).await;
            let text = answer.text();
            assert!(!text.contains("no_route") && !text.contains("bad_method"), "{method} {path}: {text}");
            count += 1;
        }
    }
    assert!(count >= 22, "{count}");
}

#[tokio::test]
async fn a_job_and_a_module_are_as_they_are_described() {
    let served = Served::new().await;
    let id = served.submit("echo", 1).await;
    let (job, module) = (served.finished(&id).await, json(served.get("/v1/modules/guest").await, 200));
    let schemas = &described()["components"]["schemas"];
    assert_eq!(members(&job), members(&schemas["Job"]["properties"]));
    assert_eq!(members(&module), members(&schemas["Module"]["properties"]));
    let problem = json(served.get("/nowhere").await, 404);
    assert!(members(&problem).is_subset(&members(&schemas["Problem"]["properties"])), "{problem}");
}
