//! The dashboard's pages: what is shown of jobs and of the host, as it is and as it comes.

use au_tests::guest;
use reqwest::Method;
use serde_json::json as value;

use super::browser::Browser;
use super::dashboard::Desk;
use super::program::Folder;
use super::*;

/// A picture of one pixel.
fn pixel() -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 1, 1);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.write_header().unwrap().write_image_data(&[7]).unwrap();
    bytes
}

/// The guest, whose `progress` says a line before it goes on for ever.
fn talking() -> bytes::Bytes {
    let text = include_str!("../../fixtures/guest.wat");
    let progress = "(call $progress (f32.const 0.5) (i32.const 576) (i32.const 10))";
    let changed =
        text.replace(progress, &format!("{progress} (call $log (i32.const 3) (i32.const 608) (i32.const 9))"));
    assert_ne!(changed, text, "the fixture is another one now");
    guest::component(&changed)
}

#[tokio::test]
async fn an_output_that_is_a_picture_is_shown_as_one() {
    let Some(desk) = Desk::new().await else { return };
    let id = desk.submit("guest/echo", "image/png", pixel()).await;
    desk.ended(&id).await;
    let browser = desk.at(&format!("/jobs/{id}")).await;
    browser.until("document.querySelector('#outcome img.output').naturalWidth === 1").await;
    browser.until("!document.querySelector('#outcome').innerText.includes('no picture')").await;
}

#[tokio::test]
async fn a_line_of_a_log_is_seen_while_its_job_goes_on() {
    let Some(desk) = Desk::new().await else { return };
    let put = desk.program.ask(Method::PUT, "/v1/modules/talking").body(talking()).send().await.unwrap();
    assert_eq!(put.status(), 201);
    let id = desk.submit("talking/progress", "text/plain", "for ever").await;
    let browser = desk.at(&format!("/jobs/{id}")).await;
    browser.sees(".log .line", "red").await;
    browser.sees(".badge", "running").await;
    browser.sees("main", "1 line \u{b7} live").await;
    assert_eq!(json(desk.program.get(&format!("/v1/jobs/{id}")).await, 200)["status"], "running");
    let cancel = desk.program.ask(Method::POST, &format!("/v1/jobs/{id}/cancel")).send().await.unwrap();
    assert_eq!(cancel.status(), 202);
    browser.sees("main", "1 line \u{b7} the end").await;
}

#[tokio::test]
async fn many_jobs_are_submitted_again_at_once() {
    let Some(desk) = Desk::new().await else { return };
    for _ in 0..2 {
        let id = desk.submit("guest/fail", "text/plain", "x").await;
        desk.ended(&id).await;
    }
    let browser = desk.at("/jobs").await;
    browser.until("document.querySelectorAll('[data-row]').length === 2").await;
    browser.click("thead input").await;
    browser.sees(".bar", "2 selected").await;
    browser.click(".bar button:nth-of-type(2)").await;
    browser.sees("#confirm-text", "retry 2 jobs?").await;
    browser.click("#confirm-dialog .danger").await;
    browser.sees("#say", "2 of 2 submitted again").await;
    browser.until("document.querySelectorAll('[data-row] .badge.failed').length === 4").await;
}

#[tokio::test]
async fn the_overview_tells_how_long_jobs_of_a_function_took() {
    let Some(desk) = Desk::new().await else { return };
    for _ in 0..3 {
        let id = desk.submit("guest/echo", "text/plain", "x").await;
        desk.ended(&id).await;
    }
    let browser = desk.at("/overview").await;
    browser.sees("td[data-label=Function]", "echo").await;
    browser.sees("td[data-label=Jobs]", "3").await;
    for part in ["p50", "p95", "p99"] {
        browser
            .until(&format!("/^[0-9.]+ (µs|ms|s)$/.test(document.querySelector('td[data-label={part}]').innerText)"))
            .await;
    }
}

#[tokio::test]
async fn it_is_dark_where_the_system_wants_it_dark() {
    let Some(desk) = Desk::new().await else { return };
    let browser = &desk.browser;
    // How much light there is in the ground and in the text.
    let look =
        "const light = (color) => color.match(/[0-9]+/g).slice(0, 3).reduce((sum, part) => sum + Number(part), 0);
        const { backgroundColor, color } = getComputedStyle(document.body);
        return [light(backgroundColor), light(color)]";
    for (scheme, bright) in [("light", true), ("dark", false), ("light", true)] {
        browser.prefer(scheme).await;
        let seen = browser.js(look, value!([])).await;
        let (ground, text) = (seen[0].as_u64().unwrap(), seen[1].as_u64().unwrap());
        assert_eq!(ground > text, bright, "{scheme}: {seen}");
        assert!(ground.abs_diff(text) > 400, "it can be read: {scheme}: {seen}");
    }
}

#[tokio::test]
async fn a_token_that_is_typed_in_opens_a_host_that_wants_one_and_survives_a_reload() {
    let Some(browser) = Browser::open().await else { return };
    let folder = Folder::new();
    let token = folder.out(&["token", "create", "me", "--tenant", "acme"]).trim().to_owned();
    let program = folder.serve(&[]);
    browser.go(&format!("{}/", program.url)).await;
    // One that is none is asked for again.
    for given in ["au_of_another_host", &token] {
        browser.until("document.getElementById('token-dialog').open").await;
        browser.js("document.getElementById('token-input').value = ''", value!([])).await;
        browser.type_in("#token-input", given).await;
        browser.click("#token-dialog .primary").await;
    }
    browser.sees(".empty", "There are no such jobs").await;
    browser.reload().await;
    browser.sees(".empty", "There are no such jobs").await;
    browser.until("!document.getElementById('token-dialog').open").await;
    // Another tab was given none.
    let kept = browser.js("return [sessionStorage.length, localStorage.length, document.cookie]", value!([])).await;
    assert_eq!(kept, value!([1, 0, ""]));
}
