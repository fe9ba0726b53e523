//! The dashboard at `/`: a few files that are part of the program, and use the public API as any client does.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, REFERRER_POLICY};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri};
use axum::response::{IntoResponse, Response};

use super::{door, modules};
use crate::id::Digest;

/// What the dashboard may do in a browser: nothing but show itself and ask this host. Pictures of guests are blobs.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' blob: data:; \
     frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
);
const OPENER: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
/// Where all files but the page itself are.
const FOLDER: &str = "/assets/";
const PAGE: &str = "index.html";

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const SVG: &str = "image/svg+xml";

/// Names, media types and contents.
const FILES: [(&str, &str, &str); 21] = [
    (PAGE, HTML, include_str!("dashboard/index.html")),
    ("style.css", STYLE, include_str!("dashboard/style.css")),
    ("icon.svg", SVG, include_str!("dashboard/icon.svg")),
    ("app.js", SCRIPT, include_str!("dashboard/app.js")),
    ("api.js", SCRIPT, include_str!("dashboard/api.js")),
    ("bulk.js", SCRIPT, include_str!("dashboard/bulk.js")),
    ("dom.js", SCRIPT, include_str!("dashboard/dom.js")),
    ("fields.js", SCRIPT, include_str!("dashboard/fields.js")),
    ("format.js", SCRIPT, include_str!("dashboard/format.js")),
    ("job.js", SCRIPT, include_str!("dashboard/job.js")),
    ("jobs.js", SCRIPT, include_str!("dashboard/jobs.js")),
    ("json.js", SCRIPT, include_str!("dashboard/json.js")),
    ("log.js", SCRIPT, include_str!("dashboard/log.js")),
    ("modules.js", SCRIPT, include_str!("dashboard/modules.js")),
    ("overview.js", SCRIPT, include_str!("dashboard/overview.js")),
    ("payload.js", SCRIPT, include_str!("dashboard/payload.js")),
    ("problem.js", SCRIPT, include_str!("dashboard/problem.js")),
    ("queues.js", SCRIPT, include_str!("dashboard/queues.js")),
    ("run.js", SCRIPT, include_str!("dashboard/run.js")),
    ("schedules.js", SCRIPT, include_str!("dashboard/schedules.js")),
    ("workers.js", SCRIPT, include_str!("dashboard/workers.js")),
];

/// The digests of the files, in their order.
static DIGESTS: LazyLock<Vec<Digest>> =
    LazyLock::new(|| FILES.iter().map(|(_, _, text)| Digest::of(text.as_bytes())).collect());

/// Whether a path is one of the dashboard's: there is nothing in its files that is not in every copy of the program, so that
/// whoever has yet to say who they are can be asked by it.
pub(super) fn is_at(path: &str) -> bool {
    path == "/" || path.starts_with(FOLDER)
}

/// The page.
pub(super) async fn page(headers: HeaderMap) -> Response {
    file(PAGE, &headers).unwrap_or_else(|| StatusCode::NOT_FOUND.into_response())
}

/// What the page needs.
pub(super) async fn asset(Path(name): Path<String>, uri: Uri, headers: HeaderMap) -> Response {
    match file(&name, &headers) {
        Some(response) => response,
        None => door::no_route(uri).await.into_response(),
    }
}

fn file(name: &str, headers: &HeaderMap) -> Option<Response> {
    let at = FILES.iter().position(|(known, _, _)| *known == name)?;
    let (_, kind, text) = FILES[at];
    let digest = DIGESTS[at];
    let mut response = match modules::is_known(headers, digest) {
        true => StatusCode::NOT_MODIFIED.into_response(),
        false => text.into_response(),
    };
    let answered = response.headers_mut();
    answered.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    answered.insert(CONTENT_SECURITY_POLICY, POLICY);
    answered.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    answered.insert(OPENER, HeaderValue::from_static("same-origin"));
    // Kept by the browser, and asked about: another version of the program has other files under the same names.
    answered.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    answered.extend(modules::etag(digest).map(|tag| (ETAG, tag)));
    Some(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_that_another_one_names_is_there() {
        for (name, _, text) in FILES {
            let imported = text.split(" from \"./").skip(1).filter_map(|rest| rest.split('"').next());
            let linked = text.split("=\"/assets/").skip(1).filter_map(|rest| rest.split('"').next());
            for other in imported.chain(linked) {
                assert!(FILES.iter().any(|(known, _, _)| *known == other), "{name} names {other}");
            }
        }
    }

    #[test]
    fn nothing_is_made_html_or_code_and_nothing_is_inline() {
        for (name, _, text) in FILES {
            for word in
                ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "srcdoc"]
            {
                assert!(!text.contains(word), "{name} has {word}");
            }
        }
        let (_, _, page) = FILES[0];
        for word in ["<style", " style=", " onclick", "javascript:", "://"] {
            assert!(!page.contains(word), "{word}");
        }
        assert_eq!(page.matches("<script").count(), page.matches("<script type=\"module\" src=\"/assets/").count());
    }
}
