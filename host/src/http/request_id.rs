//! What names a request: in its answer, in a problem, and in the host's log.

use axum::http::{HeaderMap, HeaderName, HeaderValue};

/// The header it comes and goes in.
pub(super) const HEADER: HeaderName = HeaderName::from_static("x-request-id");
/// Longest one that is taken over from a client.
const LIMIT: usize = 64;

tokio::task_local! {
    static CURRENT: String;
}

/// The client's own, if it sent a plain one; else a new one.
pub(super) fn of(headers: &HeaderMap) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let sent = headers.get(HEADER).and_then(|value| value.to_str().ok());
    match sent.filter(|text| (1..=LIMIT).contains(&text.len()) && text.bytes().all(plain)) {
        Some(sent) => sent.to_owned(),
        None => uuid::Uuid::now_v7().to_string(),
    }
}

/// Answers a request under this name.
pub(super) async fn scope<T>(id: String, answering: impl Future<Output = T>) -> T {
    CURRENT.scope(id, answering).await
}

/// The name of the request that is being answered, if one is.
pub(super) fn current() -> Option<String> {
    CURRENT.try_with(Clone::clone).ok()
}

/// The same as a header.
pub(super) fn value(id: &str) -> Option<HeaderValue> {
    HeaderValue::from_str(id).ok()
}
