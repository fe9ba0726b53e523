//! What a function gives, and in which content type.

use std::fmt;

use au_guest::{Bytes, Failure, Payload, async_compute, call};

use super::Codec;

type OwnResult<T> = Result<T, String>;
mod short {
    pub(crate) type Result<T> = super::OwnResult<T>;
}

#[derive(Debug)]
struct Broken(u32);

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "broken at {}", self.0)
    }
}

#[async_compute]
fn nothing() {}

#[async_compute]
fn nothing_or_an_error(fails: bool) -> Result<(), &'static str> {
    if fails { Err("as asked") } else { Ok(()) }
}

#[async_compute]
fn own_error(at: u32) -> Result<u32, Broken> {
    Err(Broken(at))
}

#[async_compute]
fn boxed_error(text: String) -> Result<u32, Box<dyn std::error::Error>> {
    Ok(text.parse()?)
}

#[async_compute]
fn short_result(text: String) -> short::Result<String> {
    Err(text)
}

#[async_compute]
fn kind_of_failure(kind: String) -> Result<(), Failure> {
    Err(match &*kind {
        "invalid" => Failure::invalid_input("not this"),
        "transient" => Failure::transient("not now"),
        _ => Failure::failed("not ever"),
    })
}

#[async_compute]
fn picture() -> Result<Payload, Failure> {
    Ok(Payload::new("image/x-dot", [1, 2, 3]))
}

#[async_compute]
fn greeting(name: String) -> String {
    format!("hello {name}")
}

#[async_compute]
fn reversed(bytes: Bytes) -> Bytes {
    Bytes(bytes.0.into_iter().rev().collect())
}

#[test]
fn no_output_is_null() {
    for codec in Codec::ALL {
        assert_eq!(codec.output::<_, Option<u8>>("nothing", &[0_u8; 0]), None);
        assert_eq!(codec.output::<_, Option<u8>>("nothing_or_an_error", &[false]), None);
    }
    assert_eq!(Codec::Json.call("nothing", &[0_u8; 0]).unwrap().bytes, b"null");
}

#[test]
fn an_error_is_a_failure_with_its_text() {
    for codec in Codec::ALL {
        let failed = |function: &str, text: &str| match codec.call(function, &[text]) {
            Err(Failure::Failed(why)) => why,
            other => panic!("{other:?}"),
        };
        assert_eq!(failed("boxed_error", "x"), "invalid digit found in string");
        assert_eq!(failed("short_result", "told"), "told");
        assert_eq!(codec.call("own_error", &[7]), Err(Failure::Failed("broken at 7".into())));
        assert_eq!(codec.call("nothing_or_an_error", &[true]), Err(Failure::Failed("as asked".into())));
    }
}

#[test]
fn a_failure_keeps_its_kind() {
    let failure = |kind| Codec::Json.call("kind_of_failure", &[kind]).unwrap_err();
    assert_eq!(failure("invalid"), Failure::InvalidInput("not this".into()));
    assert_eq!(failure("transient"), Failure::Transient("not now".into()));
    assert_eq!(failure("other"), Failure::Failed("not ever".into()));
}

#[test]
fn a_payload_is_given_as_it_is_whatever_was_asked_in() {
    for codec in Codec::ALL {
        assert_eq!(codec.call("picture", &[0_u8; 0]).unwrap(), Payload::new("image/x-dot", [1, 2, 3]));
    }
}

#[test]
fn a_text_is_given_as_text_to_whoever_asked_in_text_and_else_as_a_value() {
    for codec in Codec::ALL {
        assert_eq!(codec.output::<_, String>("greeting", &["Ada"]), "hello Ada");
    }
    let output = call("greeting", "text/plain", b"Ada").unwrap();
    assert_eq!((&*output.content_type, &*output.bytes), ("text/plain; charset=utf-8", &b"hello Ada"[..]));
    let output = call("greeting", "application/octet-stream", b"Ada").unwrap();
    assert_eq!((&*output.content_type, &*output.bytes), ("application/json", &br#""hello Ada""#[..]));
}

#[test]
fn bytes_are_given_as_they_are_to_whoever_asked_in_bytes_and_else_as_a_value() {
    let output = call("reversed", "application/octet-stream", &[0, 255, 7]).unwrap();
    assert_eq!((&*output.content_type, &*output.bytes), ("application/octet-stream", &[7, 255, 0][..]));
    for codec in Codec::ALL {
        assert_eq!(codec.output::<_, Bytes>("reversed", &[Bytes(vec![0, 255, 7])]), Bytes(vec![7, 255, 0]));
        // A list of numbers will do as well.
        assert_eq!(codec.output::<_, Bytes>("reversed", &[[1_u8, 2]]), Bytes(vec![2, 1]));
    }
    assert_eq!(Codec::Json.call("reversed", &[[1, 2]]).unwrap().bytes, b"[2,1]");
    // In MessagePack and CBOR bytes are bytes: a head, then themselves.
    assert_eq!(Codec::MessagePack.call("reversed", &[[1, 2]]).unwrap().bytes, [0xc4, 2, 2, 1]);
    assert_eq!(Codec::Cbor.call("reversed", &[[1, 2]]).unwrap().bytes, [0x42, 2, 1]);
}
