//! Content types: which there are, how they may be written, and payloads that are one argument whole.

use au_guest::async_compute;

use super::{Codec, refusal};
use au_guest::call;

#[async_compute]
fn length(text: String) -> usize {
    text.len()
}

#[async_compute]
fn two_texts(one: String, two: String) -> String {
    one + &two
}

#[async_compute]
fn maybe_text(text: Option<String>) -> Option<String> {
    text
}

#[test]
fn a_text_is_the_only_argument_whole() {
    for content_type in ["text/plain", "text/csv", "text/plain; charset=utf-8", "TEXT/Plain"] {
        assert_eq!(call("length", content_type, "größe".as_bytes()).unwrap().bytes, b"7", "{content_type}");
    }
    assert_eq!(call("maybe_text", "text/plain", b"x").unwrap().bytes, br#""x""#);
}

#[test]
fn a_text_must_be_utf_8() {
    assert!(refusal(call("length", "text/plain", &[b'a', 0xff])).contains("utf-8"));
}

#[test]
fn a_text_for_several_parameters_is_refused_with_what_the_function_takes() {
    let why = refusal(call("two_texts", "text/plain", b"x"));
    assert_eq!(why, "one value was given, and it takes one, two");
    let why = refusal(call("two_texts", "application/octet-stream", b"x"));
    assert_eq!(why, "one value was given, and it takes one, two");
}

#[test]
fn an_argument_that_is_no_text_names_the_parameter() {
    #[async_compute]
    fn number_whole(number: u32) -> u32 {
        number
    }
    for content_type in ["text/plain", "application/octet-stream"] {
        let why = refusal(call("number_whole", content_type, b"5"));
        assert!(why.contains("argument number: expected u32"), "{why}");
    }
}

#[test]
fn an_unknown_content_type_is_refused_with_those_that_are_known() {
    for unknown in ["application/xml", "", "text", "application/jsonx", "textual/plain", "application/octet"] {
        let why = refusal(call("length", unknown, b"[]"));
        assert!(why.contains(&format!("cannot read {unknown};")), "{why}");
        for known in Codec::ALL.map(Codec::content_type).into_iter().chain(["text/*", "application/octet-stream"]) {
            assert!(why.contains(known), "{why}");
        }
    }
}

#[test]
fn a_content_type_may_have_parameters_and_be_in_any_case() {
    for content_type in ["application/json; charset=utf-8", " application/json ;x=y", "Application/JSON"] {
        let output = call("length", content_type, br#"["abc"]"#).unwrap();
        assert_eq!((&*output.content_type, &*output.bytes), ("application/json", &b"3"[..]), "{content_type}");
    }
    for old in ["application/x-msgpack", "application/vnd.msgpack", "application/MsgPack"] {
        let output = call("length", old, &Codec::MessagePack.write(&["abc"])).unwrap();
        assert_eq!(output.content_type, "application/msgpack");
    }
}
