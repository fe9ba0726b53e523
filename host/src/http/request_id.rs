//! What names a request: in its answer, in a problem, and in the host's log.

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use uuid::{NoContext, Timestamp, Uuid};

/// The header it comes and goes in.
pub(super) const HEADER: HeaderName = HeaderName::from_static("x-request-id");
/// Longest one that is taken over from a client.
const LIMIT: usize = 64;

tokio::task_local! {
    static CURRENT: HeaderValue;
}

/// The client's own, if it sent a plain one; else a new one.
pub(super) fn of(headers: &HeaderMap) -> HeaderValue {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let is_plain = |value: &HeaderValue| (1..=LIMIT).contains(&value.len()) && value.as_bytes().iter().all(plain);
    headers.get(HEADER).filter(|value| is_plain(value)).cloned().unwrap_or_else(new)
}

/// A UUID of the time and of chance alone: those that are in order of one another wait for one another.
pub(super) fn new() -> HeaderValue {
    let id = Uuid::new_v7(Timestamp::now(NoContext));
    let mut text = Uuid::encode_buffer();
    HeaderValue::from_str(id.hyphenated().encode_lower(&mut text)).unwrap_or(HeaderValue::from_static("-"))
}

/// Answers a request under this name.
pub(super) async fn scope<T>(id: HeaderValue, answering: impl Future<Output = T>) -> T {
    CURRENT.scope(id, answering).await
}

/// Does something at once under this name.
pub(super) fn within<T>(id: &HeaderValue, doing: impl FnOnce() -> T) -> T {
    CURRENT.sync_scope(id.clone(), doing)
}

/// The name of the request that is being answered, if one is.
pub(super) fn current() -> Option<String> {
    CURRENT.try_with(|id| id.to_str().ok().map(str::to_owned)).ok().flatten()
}
