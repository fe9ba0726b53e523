//! Chromium, driven by chromedriver. WebDriver is JSON over HTTP, so no crate is needed for it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use au_tests::machine;
use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde_json::json;
use tempfile::TempDir;

use super::*;

/// The name under which WebDriver speaks of an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";
/// What chromedriver says when it listens, and on which port.
const STARTED: &str = "started successfully on port ";
/// Keys without a character, as WebDriver writes them.
pub(crate) const ENTER: &str = "\u{e007}";
pub(crate) const ESCAPE: &str = "\u{e00c}";

/// A window, and the driver it belongs to.
pub(crate) struct Browser {
    driver: Child,
    port: u16,
    session: String,
    client: Client,
    /// What it leaves behind goes with it.
    _folder: TempDir,
}

impl Browser {
    /// A window, or a word on why there is none here.
    pub(crate) async fn open() -> Option<Self> {
        if !machine::has("chromedriver") || !machine::has("chromium") {
            machine::skip("there is no chromium or no chromedriver: `apt-get install chromium chromium-driver`");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let (driver, port) = driver(folder.path());
        let mut browser = Self { driver, port, session: String::new(), client: client(), _folder: folder };
        // No sandbox, for root may not have one; and no shared memory, which is small in a container.
        let flags = ["--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--hide-scrollbars"];
        let wanted = json!({ "capabilities": { "alwaysMatch": { "goog:chromeOptions": { "args": flags } } } });
        let session = browser.command("", wanted).await;
        browser.session = session["sessionId"].as_str().unwrap().to_owned();
        browser.size(1100, 780).await;
        Some(browser)
    }

    fn url(&self, path: &str) -> String {
        let session = if self.session.is_empty() { String::new() } else { format!("/{}", self.session) };
        format!("http://127.0.0.1:{}/session{session}{path}", self.port)
    }

    async fn command(&self, path: &str, body: Value) -> Value {
        let answer = Answer::of(self.client.post(self.url(path)).json(&body).send().await.unwrap()).await;
        json(answer, 200)["value"].take()
    }

    async fn read(&self, path: &str) -> Value {
        json(Answer::of(self.client.get(self.url(path)).send().await.unwrap()).await, 200)["value"].take()
    }

    pub(crate) async fn go(&self, url: &str) {
        self.command("/url", json!({ "url": url })).await;
    }

    pub(crate) async fn reload(&self) {
        self.command("/refresh", json!({})).await;
    }

    /// What a function with this body gives, within the page.
    pub(crate) async fn js(&self, body: &str, args: Value) -> Value {
        self.command("/execute/sync", json!({ "script": body, "args": args })).await
    }

    /// Waits until an expression is true in the page. As long as there is not yet what it looks at, it is not.
    pub(crate) async fn until(&self, expression: &str) {
        let body = format!("try {{ return Boolean({expression}) }} catch {{ return false }}");
        until(expression, async || (self.js(&body, json!([])).await == true).then_some(())).await;
    }

    /// Waits until the text of what a selector finds has this in it.
    pub(crate) async fn sees(&self, selector: &str, text: &str) {
        let body =
            "return [...document.querySelectorAll(arguments[0])].some((one) => one.innerText.includes(arguments[1]))";
        let what = format!("{text:?} in {selector}");
        until(&what, async || (self.js(body, json!([selector, text])).await == true).then_some(())).await;
    }

    /// The first that a selector finds, once there is one.
    async fn element(&self, selector: &str) -> String {
        let all = json!({ "using": "css selector", "value": selector });
        until(selector, async || {
            let found = self.command("/elements", all.clone()).await;
            Some(found[0][ELEMENT].as_str()?.to_owned())
        })
        .await
    }

    /// Clicks on what a selector finds, once that can be clicked: a table is drawn anew now and again.
    pub(crate) async fn click(&self, selector: &str) {
        until(selector, async || {
            let url = self.url(&format!("/element/{}/click", self.element(selector).await));
            let answer = self.client.post(url).json(&json!({})).send().await.unwrap();
            answer.status().is_success().then_some(())
        })
        .await;
    }

    /// Types into what a selector finds; of an input for files it is a path.
    pub(crate) async fn type_in(&self, selector: &str, text: &str) {
        let element = self.element(selector).await;
        self.command(&format!("/element/{element}/value"), json!({ "text": text })).await;
    }

    /// Presses keys, wherever the focus is.
    pub(crate) async fn press(&self, key: &str) {
        let strokes = json!([{ "type": "keyDown", "value": key }, { "type": "keyUp", "value": key }]);
        let keyboard = json!({ "type": "key", "id": "keyboard", "actions": strokes });
        self.command("/actions", json!({ "actions": [keyboard] })).await;
    }

    /// A window of this size, as a phone has it when it is narrow.
    pub(crate) async fn size(&self, width: u32, height: u32) {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500 });
        let command = json!({ "cmd": "Emulation.setDeviceMetricsOverride", "params": size });
        self.command("/goog/cdp/execute", command).await;
    }

    /// A system that wants it `light` or `dark`.
    pub(crate) async fn prefer(&self, scheme: &str) {
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        let command = json!({ "cmd": "Emulation.setEmulatedMedia", "params": { "features": features } });
        self.command("/goog/cdp/execute", command).await;
    }

    /// A picture of the window, a PNG.
    pub(crate) async fn picture(&self) -> Vec<u8> {
        BASE64_STANDARD.decode(self.read("/screenshot").await.as_str().unwrap()).unwrap()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The window is a child of the driver, and would stay without it. This cannot wait for a runtime.
        let path = format!("/session/{}", self.session);
        let end =
            format!("DELETE {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port)) {
            drop(stream.write_all(end.as_bytes()));
            // It answers once the window is gone, and leaves the connection open.
            drop(stream.set_read_timeout(Some(LONG)));
            drop(stream.read(&mut [0; 64]));
        }
        drop(self.driver.kill());
        drop(self.driver.wait());
    }
}

/// A driver, and where it listens. It takes the port it is given for IPv4 and for IPv6, and ends when it has only one of them.
fn driver(folder: &Path) -> (Child, u16) {
    let mut command = Command::new("chromedriver");
    command.arg("--port=0").env("TMPDIR", folder).stdout(Stdio::piped()).stderr(Stdio::null());
    let started = (0..5).find_map(|_| {
        let mut driver = command.spawn().unwrap();
        let port = port(&mut driver);
        if port.is_none() {
            driver.wait().unwrap();
        }
        Some((driver, port?))
    });
    started.expect("chromedriver says where it listens")
}

fn port(driver: &mut Child) -> Option<u16> {
    let lines = BufReader::new(driver.stdout.take().unwrap()).lines().map_while(Result::ok);
    lines.filter_map(|line| line.split(STARTED).nth(1)?.trim_end_matches('.').parse().ok()).next()
}
