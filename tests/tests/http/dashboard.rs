//! The dashboard, in a browser, on the real `au-host serve`.

use au_tests::guest;
use bytes::Bytes;
use reqwest::Method;
use serde_json::json as value;

use super::browser::{Browser, ENTER, ESCAPE};
use super::program::{Folder, Program};
use super::*;

/// What an attacker would have: if one of them runs, `window.hostile` is there or the page is called so.
const HOSTILE: &str = "<script>window.hostile = document.title = 'hostile'</script>\
    <img src=x onerror=\"window.hostile = document.title = 'hostile'\">";
const TEXT: &str = "text/plain";

/// A host with the guest in it, and a window that is open on its dashboard.
pub(crate) struct Desk {
    pub(crate) browser: Browser,
    pub(crate) program: Program,
    pub(crate) folder: Folder,
}

impl Desk {
    /// Nothing where there is no browser, which is told.
    pub(crate) async fn new() -> Option<Self> {
        let browser = Browser::open().await?;
        let folder = Folder::new();
        let program = folder.serve(&[]);
        browser.go(&format!("{}/", program.url)).await;
        browser.until("!document.querySelector('main[aria-busy]')").await;
        Some(Self { browser, program, folder })
    }

    /// Goes to a page of the dashboard, and waits until it is there.
    pub(crate) async fn at(&self, page: &str) -> &Browser {
        self.browser.go("about:blank").await;
        self.browser.go(&format!("{}/#{page}", self.program.url)).await;
        self.browser.until("!document.querySelector('main[aria-busy]')").await;
        &self.browser
    }

    /// Submits a job to the host, as another client of it would.
    pub(crate) async fn submit(&self, path: &str, kind: &str, body: impl AsRef<[u8]>) -> String {
        let url = format!("{}/v1/submit/{path}", self.program.url);
        let post = self.program.client.request(Method::POST, url).header("content-type", kind);
        let job = json(Answer::of(post.body(body.as_ref().to_vec()).send().await.unwrap()).await, 202);
        job["id"].as_str().unwrap().to_owned()
    }

    /// Puts JSON there.
    async fn put(&self, path: &str, body: &'static str) {
        let put = self.program.client.put(format!("{}{path}", self.program.url));
        let answer = put.header("content-type", "application/json").body(body).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
    }

    pub(crate) async fn ended(&self, id: &str) -> Value {
        json(self.program.get(&format!("/v1/jobs/{id}?wait=1m")).await, 200)
    }
}

/// The guest, of which `echo` says what it takes.
fn described() -> Bytes {
    let schema = value!({
        "type": "array", "minItems": 4, "maxItems": 5,
        "prefixItems": [
            { "title": "count", "type": "integer", "minimum": 0 },
            { "title": "words", "type": "string", "description": "What is said." },
            { "title": "sure", "type": "boolean" },
            { "title": "weights", "type": "array", "items": { "type": "number" } },
            { "title": "shape", "type": ["object", "null"], "properties": { "width": { "type": "integer" } } },
        ],
    });
    let schema = schema.to_string();
    let length: String = (schema.len() as u32).to_le_bytes().iter().map(|byte| format!("\\{byte:02x}")).collect();
    let schema = schema.replace('"', "\\22");
    // Its record is the first; the schema of the input is the third part of it.
    guest::with_fields(&format!(
        "(data (i32.const 4112) \"\\01\\00\\00\\00\\00\\20\\00\\00{length}\") (data (i32.const 8192) \"{schema}\")"
    ))
}

#[tokio::test]
async fn the_dashboards_files_have_types_and_tags_and_allow_nothing_but_themselves() {
    let folder = Folder::new();
    let program = folder.serve(&[]);
    for (path, kind) in [("/", "text/html"), ("/assets/app.js", "text/javascript"), ("/assets/style.css", "text/css")] {
        let answer = program.get(path).await;
        assert_eq!(answer.status, 200, "{path}");
        assert!(answer.header("content-type").starts_with(kind), "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        let policy = answer.header("content-security-policy");
        for rule in ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"] {
            assert!(policy.contains(rule), "{path}: {policy}");
        }
        assert!(!policy.contains("unsafe"), "{policy}");
        let tag = answer.header("etag").to_owned();
        let again = program.client.get(format!("{}{path}", program.url)).header("if-none-match", tag);
        assert_eq!(Answer::of(again.send().await.unwrap()).await.status, 304, "{path}");
    }
    problem(program.get("/assets/nothing.js").await, 404, "no_route");
    // What is no page of ours runs nothing, should a browser be led to it.
    let answer = program.get("/v1/jobs").await;
    assert!(answer.header("content-security-policy").ends_with("sandbox"));
}

#[tokio::test]
async fn a_module_is_uploaded_and_run_by_the_form_of_its_schema_and_run_again_with_edits() {
    let Some(desk) = Desk::new().await else { return };
    let file = desk.folder.path().join("Described Guest.wasm");
    std::fs::write(&file, described()).unwrap();
    let browser = desk.at("/modules").await;
    browser.type_in("#upload-file", file.to_str().unwrap()).await;
    browser.sees(".card.shown h2", "described-guest").await;
    browser.click(".card.shown a[href$='/echo']").await;
    // What is missing or wrong is told at its field, and nothing is sent.
    browser.type_in("form.run .field:nth-child(1) input", "many").await;
    browser.click("#submit").await;
    browser.sees(".wrong", "a whole number is expected").await;
    browser.js("document.querySelector('form.run .field input').value = ''", value!([])).await;
    browser.type_in("form.run .field:nth-child(1) input", "18446744073709551615").await;
    browser.type_in("form.run .field:nth-child(2) textarea", HOSTILE).await;
    browser.click("form.run .field:nth-child(3) input").await;
    browser.click("form.run fieldset:nth-child(4) > button").await;
    browser.type_in("form.run .item input", "2.50").await;
    browser.click("#submit").await;
    browser.sees(".badge", "completed").await;
    // Exactly as it was given, in the tree of the output.
    browser.sees("#outcome .tree", "18446744073709551615").await;
    browser.sees("#outcome .tree", "window.hostile").await;
    browser.sees("#outcome .tree", "2.5").await;
    browser.click("a.button").await;
    browser.until("document.querySelector('form.run .field input')?.value === '18446744073709551615'").await;
    browser.until("document.querySelector('form.run .item input').value === '2.50'").await;
    browser.until("document.querySelector('form.run input[type=checkbox]').checked").await;
    browser.click("#call").await;
    browser.sees("#result", "18446744073709551615").await;
    browser.until("window.hostile === undefined && document.title !== 'hostile'").await;
}

#[tokio::test]
async fn a_module_that_is_dropped_is_uploaded_and_one_that_is_none_is_refused_with_advice() {
    let Some(desk) = Desk::new().await else { return };
    let drop = "const files = new DataTransfer();
        files.items.add(new File([new Uint8Array(arguments[1])], arguments[0]));
        document.getElementById('drop').dispatchEvent(new DragEvent('drop', { dataTransfer: files, cancelable: true }));";
    let browser = desk.at("/modules").await;
    browser.js(drop, value!(["dropped.wasm", described().to_vec()])).await;
    browser.sees(".card.shown h2", "dropped").await;
    browser.js(drop, value!(["broken.wasm", [0x7f, 0x45, 0x4c, 0x46]])).await;
    browser.sees(".problem strong", "module refused").await;
    browser.sees(".problem .advice", "Try: ").await;
}

#[tokio::test]
async fn a_module_is_given_a_name_more_and_a_name_less_and_is_deleted_only_when_that_is_confirmed() {
    let Some(desk) = Desk::new().await else { return };
    let browser = desk.at("/modules").await;
    browser.click(".names summary").await;
    browser.type_in(".names input", "Not A Name").await;
    browser.click(".names .name").await;
    browser.sees(".problem", "Not A Name").await;
    browser.js("document.querySelector('.names input').value = ''", value!([])).await;
    browser.type_in(".names input", "second").await;
    browser.click(".names .name").await;
    browser.sees(".card h2", "guest, second").await;
    browser.click(".names summary").await;
    browser.click("[data-unname=guest]").await;
    browser.until("document.querySelector('.card h2').innerText === 'second'").await;
    browser.click(".names summary").await;
    browser.click(".names .danger").await;
    browser.sees("#confirm-text", "Delete second").await;
    browser.click("#confirm-dialog [value=cancel]").await;
    json(desk.program.get("/v1/modules/second").await, 200);
    browser.click(".names .danger").await;
    browser.click("#confirm-dialog .danger").await;
    browser.sees(".empty", "There are no modules yet").await;
    problem(desk.program.get("/v1/modules/second").await, 404, "not_found");
}

#[tokio::test]
async fn jobs_are_counted_by_state_all_of_them_or_those_that_pass_the_filters() {
    let Some(desk) = Desk::new().await else { return };
    for number in 0..3 {
        let id = desk.submit(&format!("guest/echo?label=n={number}"), TEXT, "x").await;
        desk.ended(&id).await;
    }
    desk.submit("guest/spin", TEXT, "x").await;
    let browser = desk.at("/jobs").await;
    browser.sees(".chip.completed", "completed 3").await;
    browser.sees(".chip.running", "running 1").await;
    let browser = desk.at("/jobs?label=n%3D1").await;
    browser.sees(".chip.completed", "completed 1").await;
    browser.sees(".counts", "of 1").await;
    let browser = desk.at("/overview").await;
    browser.sees(".overview", "3 completed, 0 failed and 0 cancelled jobs are kept").await;
}

#[tokio::test]
async fn progress_is_seen_as_it_comes_and_a_cancel_ends_the_job() {
    let Some(desk) = Desk::new().await else { return };
    let id = desk.submit("guest/progress", TEXT, "for ever").await;
    let browser = desk.at(&format!("/jobs/{id}")).await;
    browser.sees(".badge", "running").await;
    browser.until("document.querySelector('.progress progress').value === 0.5").await;
    browser.sees(".progress", "50 % half of it").await;
    browser.sees("main", "live").await;
    browser.press("c").await;
    browser.sees(".badge", "cancelled").await;
    browser.sees("#outcome", "from the dashboard").await;
    browser.sees(".timeline", "cancel asked for").await;
    assert_eq!(desk.ended(&id).await["status"], "cancelled");
}

#[tokio::test]
async fn each_attempt_of_a_job_has_its_start_end_outcome_and_worker_in_the_timeline() {
    let Some(desk) = Desk::new().await else { return };
    let id = desk.submit("guest/yes-third?attempts=3&retry-delay=1ms", TEXT, "x").await;
    let job = desk.ended(&id).await;
    assert_eq!((&job["status"], &job["attempt"]), (&"completed".into(), &3.into()));
    let browser = desk.at(&format!("/jobs/{id}")).await;
    browser.until("document.querySelectorAll('.timeline li').length === 8").await;
    let steps = "[...document.querySelectorAll('.timeline li')].map((step) => step.firstChild.textContent).join(', ')";
    let told = "submitted, attempt 1 started, attempt 1: transient, attempt 2 started, attempt 2: transient, \
                attempt 3 started, attempt 3: completed, completed";
    browser.until(&format!("{steps} === '{told}'")).await;
    let worker = job["past"][0]["worker"].as_str().unwrap();
    browser.until(&format!("document.querySelectorAll('.timeline code').length === 3 && document.querySelector('.timeline code').textContent === '{worker}'")).await;
    // Of one that has a single attempt, what there was.
    let id = desk.submit("guest/echo", TEXT, "x").await;
    desk.ended(&id).await;
    let browser = desk.at(&format!("/jobs/{id}")).await;
    browser.until(&format!("{steps} === 'submitted, started, completed'")).await;
}

#[tokio::test]
async fn a_log_is_shown_line_by_line_and_its_control_characters_are_seen() {
    let Some(desk) = Desk::new().await else { return };
    let id = desk.submit("guest/log", "application/octet-stream", "\u{5}\0\0\0").await;
    let browser = desk.at(&format!("/jobs/{id}")).await;
    browser.sees("main", "5 lines").await;
    browser.sees(".log .line:last-child", "\u{241b}[31mred\u{2407}").await;
    browser.sees("main", "the end").await;
}

#[tokio::test]
async fn a_failure_is_shown_with_its_reason_and_a_retry_is_a_new_job() {
    let Some(desk) = Desk::new().await else { return };
    let id = desk.submit("guest/xpanic", TEXT, "x").await;
    let browser = desk.at(&format!("/jobs/{id}")).await;
    browser.sees("#outcome .failure", "as it was told").await;
    browser.sees("#outcome .failure .advice", "Try: ").await;
    browser.click("main .actions button:nth-of-type(2)").await;
    browser.until(&format!("location.hash.startsWith('#/jobs/') && !location.hash.endsWith('{id}')")).await;
    browser.sees("#outcome .failure", "as it was told").await;
    // One that is not there is told as the API tells it.
    let browser = desk.at(&format!("/jobs/{}", id.replace(|c: char| c.is_ascii_digit(), "0"))).await;
    browser.sees(".problem", "not found").await;
}

#[tokio::test]
async fn a_filter_is_kept_in_the_address_and_survives_a_reload() {
    let Some(desk) = Desk::new().await else { return };
    desk.submit("guest/echo?label=team=a", TEXT, "x").await;
    let failed = desk.submit("guest/fail?label=team=b", TEXT, "x").await;
    desk.ended(&failed).await;
    let browser = desk.at("/jobs").await;
    browser.until("document.querySelectorAll('[data-row]').length === 2").await;
    browser.type_in("input[name=label]", "team=b\n").await;
    browser.until("document.querySelectorAll('[data-row]').length === 1").await;
    browser.click(".chip.failed").await;
    browser.until("location.hash === '#/jobs?label=team%3Db&status=failed'").await;
    browser.reload().await;
    browser.until("document.querySelector('[data-row] .badge')?.textContent === 'failed'").await;
    browser.until("document.querySelector('input[name=label]').value === 'team=b'").await;
    browser.until("document.querySelector('.chip.failed').hasAttribute('aria-current')").await;
    browser.until("document.querySelectorAll('[data-row]').length === 1").await;
}

#[tokio::test]
async fn new_jobs_appear_by_themselves_and_many_are_cancelled_at_once() {
    let Some(desk) = Desk::new().await else { return };
    let browser = desk.at("/jobs").await;
    browser.sees(".empty", "There are no such jobs").await;
    for _ in 0..3 {
        desk.submit("guest/spin", TEXT, "x").await;
    }
    browser.until("document.querySelectorAll('[data-row]').length === 3").await;
    browser.click("thead input").await;
    browser.sees(".bar", "3 selected").await;
    browser.click(".bar [data-key=c]").await;
    browser.sees("#confirm-text", "cancel 3 jobs?").await;
    browser.click("#confirm-dialog .danger").await;
    browser.sees("#say", "3 of 3 cancelled").await;
    browser.until("document.querySelectorAll('[data-row] .badge.cancelled').length === 3").await;
}

#[tokio::test]
async fn what_guests_and_callers_say_is_text_and_nothing_of_it_runs() {
    let Some(desk) = Desk::new().await else { return };
    let svg = format!("<svg xmlns='http://www.w3.org/2000/svg'>{HOSTILE}</svg>");
    let quoted = value!([HOSTILE, { (HOSTILE): 1 }]).to_string();
    for (kind, body) in
        [("text/html", HOSTILE), (TEXT, HOSTILE), ("image/svg+xml", &svg), ("application/json", &quoted)]
    {
        let id = desk.submit("guest/echo", kind, body).await;
        desk.ended(&id).await;
        let browser = desk.at(&format!("/jobs/{id}")).await;
        browser.sees("#outcome", "window.hostile").await;
        browser.until("!document.querySelector('main script, main img, main svg')").await;
        browser.until("window.hostile === undefined && !document.title.startsWith('hostile')").await;
        // Nor does it when somebody is led to the output itself.
        browser.go(&format!("{}/v1/jobs/{id}/output", desk.program.url)).await;
        browser.until("window.hostile === undefined && !document.title.startsWith('hostile')").await;
    }
    let hostile: String = form_urlencoded(&format!("note={HOSTILE}"));
    let id = desk.submit(&format!("guest/echo?label={hostile}"), "image/png", HOSTILE).await;
    desk.ended(&id).await;
    // A picture that is none is said to be none.
    desk.at(&format!("/jobs/{id}")).await.sees("#outcome", "This is no picture").await;
    let browser = desk.at(&format!("/jobs?label={hostile}")).await;
    browser.sees("[data-row] .label", "<script>").await;
    desk.at(&format!("/jobs?function={hostile}")).await.sees("main", "There are no such jobs").await;
    browser.until("window.hostile === undefined && !document.querySelector('main script, main img')").await;
}

fn form_urlencoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02x}")).collect()
}

#[tokio::test]
async fn no_page_is_wider_than_a_phone() {
    let Some(desk) = Desk::new().await else { return };
    let long = "x".repeat(400);
    let id = desk.submit(&format!("guest/echo?label=long={long}"), TEXT, &long).await;
    desk.ended(&id).await;
    desk.browser.size(360, 740).await;
    for page in ["/jobs", &format!("/jobs/{id}"), "/modules", "/modules/guest/echo", "/overview", "/nowhere"] {
        let browser = desk.at(page).await;
        browser.sees("main h1", "").await;
        let width = browser.js("return document.documentElement.scrollWidth", value!([])).await;
        assert!(width.as_u64().unwrap() <= 360, "{page} is {width} wide");
    }
}

#[tokio::test]
async fn the_keys_find_a_filter_choose_a_job_and_open_it() {
    let Some(desk) = Desk::new().await else { return };
    let id = desk.submit("guest/echo", TEXT, "x").await;
    let browser = desk.at("/jobs").await;
    browser.until("document.querySelector('[data-row]')").await;
    browser.press("?").await;
    browser.until("document.getElementById('help-dialog').open").await;
    browser.press(ESCAPE).await;
    browser.until("!document.getElementById('help-dialog').open").await;
    browser.press("/").await;
    browser.until("document.activeElement.name === 'function'").await;
    browser.press(ESCAPE).await;
    browser.press("j").await;
    browser.until("document.activeElement.matches('[data-row]')").await;
    let outline = browser.js("return getComputedStyle(document.activeElement).outlineStyle", value!([])).await;
    assert_eq!(outline, "solid", "where the focus is can be seen");
    browser.press("x").await;
    browser.sees(".bar", "1 selected").await;
    browser.press("j").await;
    browser.press(ENTER).await;
    browser.until(&format!("location.hash === '#/jobs/{id}'")).await;
}

#[tokio::test]
async fn a_token_is_asked_for_once_the_api_wants_one_and_goes_with_this_tab() {
    let Some(desk) = Desk::new().await else { return };
    let browser = &desk.browser;
    // A host that wants one, before the host.
    let guarded = "const open = fetch;
        window.fetch = (url, options) => new Headers(options.headers).get('authorization') === 'Bearer sesame'
            ? open(url, options)
            : Promise.resolve(Response.json({ title: 'unauthorized', detail: 'there is no token' }, { status: 401 }));
        location.hash = '#/overview'";
    browser.js(guarded, value!([])).await;
    browser.sees("#token-dialog", "there is no token").await;
    browser.type_in("#token-input", "sesame").await;
    browser.click("#token-dialog .primary").await;
    browser.sees("main h1", "Overview").await;
    browser.sees(".figures", "queue age").await;
    let kept = browser.js("return [sessionStorage.length, localStorage.length, document.cookie]", value!([])).await;
    assert_eq!(kept, value!([1, 0, ""]));
}

/// Pictures for the docs, of the examples at work.
#[tokio::test]
#[ignore = "writes to docs/: `cargo test --workspace --test http -- --ignored pictures`"]
async fn pictures_for_the_docs() {
    let Some(desk) = Desk::new().await else { return };
    for name in ["factorial", "mandelbrot", "montecarlo", "panic", "primes", "wordcount"] {
        let put = desk.program.client.put(format!("{}/v1/modules/{name}", desk.program.url));
        json(Answer::of(put.body(au_tests::example::example(name)).send().await.unwrap()).await, 201);
    }
    let json_type = "application/json";
    let mut ids = Vec::new();
    for round in 1..=3 {
        ids.push(desk.submit("primes/primes?label=batch=nightly", json_type, &format!("[{round}000000]")).await);
        ids.push(desk.submit("factorial/factorial", json_type, &format!("[{round}00]")).await);
        ids.push(desk.submit("wordcount/wordcount", json_type, "[\"to be or not to be\"]").await);
    }
    ids.push(desk.submit("panic/panic", json_type, "[\"the third column is no number\"]").await);
    ids.push(desk.submit("mandelbrot/mandelbrot", json_type, "[320, 240]").await);
    for id in &ids {
        desk.ended(id).await;
    }
    desk.put("/v1/queues/reports", r#"{"concurrency": 8, "per_key": 1}"#).await;
    desk.put("/v1/queues/imports", r#"{"concurrency": 2, "paused": true}"#).await;
    for number in 1..=3 {
        desk.submit("wordcount/wordcount?queue=imports", json_type, &format!("[\"file {number}\"]")).await;
    }
    for (name, cron) in [("nightly-primes", "0 3 * * MON-FRI"), ("hourly-report", "@hourly")] {
        let call = "zone=Europe/Berlin&module=primes&function=primes&queue=reports";
        desk.put(&format!("/v1/schedules/{name}?cron={}&{call}", cron.replace(' ', "+")), "[1000000]").await;
    }
    desk.submit("montecarlo/montecarlo?label=batch=nightly", json_type, "[4000000000, 7]").await;
    let long = desk.submit("primes/primes?label=batch=nightly", json_type, "[3000000000]").await;
    let browser = desk.at("/jobs").await;
    browser.until("document.querySelectorAll('[data-row] progress').length === 2").await;
    picture(browser, "dashboard-jobs").await;
    let browser = desk.at(&format!("/jobs/{long}")).await;
    browser.until("document.querySelector('.progress progress').value > 0.3").await;
    browser.sees(".log", "sieving up to").await;
    picture(browser, "dashboard-job").await;
    let browser = desk.at("/overview").await;
    browser.sees("td[data-label=Function]", "primes").await;
    picture(browser, "dashboard-overview").await;
    let browser = desk.at("/queues").await;
    browser.sees("td[data-label=Queue]", "reports").await;
    picture(browser, "dashboard-queues").await;
    let browser = desk.at("/schedules").await;
    browser.sees("td", "hourly-report").await;
    picture(browser, "dashboard-schedules").await;
    let browser = desk.at("/modules/montecarlo/montecarlo").await;
    browser.type_in("form.run .field:nth-child(1) input", "1000000").await;
    browser.type_in("form.run .field:nth-child(2) input", "7").await;
    browser.click("#call").await;
    browser.sees("#result .tree", "pi").await;
    picture(browser, "dashboard-form").await;
}

/// Keeps a picture of the window.
async fn picture(browser: &Browser, name: &str) {
    let docs = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    std::fs::create_dir_all(&docs).unwrap();
    std::fs::write(docs.join(name).with_extension("png"), browser.picture().await).unwrap();
}
