//! A guest that was built with MessagePack and CBOR answers in what it was asked in; one that was not says what it reads.

use au_host::{CBOR, FailureKind, JSON, MESSAGE_PACK, OCTETS, Payload};
use au_tests::example::host_of;
use serde::{Deserialize, Serialize};

use super::{ask, failure};

const TABLE: &str = "x,y\n1,2\n3,4.5\n";

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Column {
    name: String,
    count: u64,
    empty: u64,
    numbers: Option<Numbers>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Numbers {
    min: f64,
    max: f64,
    mean: f64,
    deviation: f64,
}

#[tokio::test]
async fn a_guest_answers_in_what_it_was_asked_in() {
    let local = host_of(&["csv_stats"]).await;
    let answer = async |content_type: &str, input: Vec<u8>| {
        let input = Payload::new(content_type, input).unwrap();
        let output = local.host().call(ask("csv_stats", input)).await.unwrap();
        assert_eq!(output.content_type(), content_type);
        output.bytes().clone()
    };
    let json: Vec<Column> = serde_json::from_slice(&answer(JSON, serde_json::to_vec(&[TABLE]).unwrap()).await).unwrap();
    assert_eq!((&*json[1].name, json[1].numbers.as_ref().unwrap().max), ("y", 4.5));
    let packed = answer(MESSAGE_PACK, rmp_serde::to_vec(&[TABLE]).unwrap()).await;
    assert_eq!(rmp_serde::from_slice::<Vec<Column>>(&packed).unwrap(), json);
    let cbor = answer(CBOR, cbor4ii::serde::to_vec(Vec::new(), &[TABLE]).unwrap()).await;
    assert_eq!(cbor4ii::serde::from_slice::<Vec<Column>>(&cbor).unwrap(), json);
}

#[tokio::test]
async fn an_argument_in_another_codec_that_does_not_fit_is_named_by_the_guest() {
    let local = host_of(&["csv_stats"]).await;
    for (content_type, bytes) in
        [(MESSAGE_PACK, rmp_serde::to_vec(&[5]).unwrap()), (CBOR, cbor4ii::serde::to_vec(Vec::new(), &[5]).unwrap())]
    {
        let refused = failure(local.host().call(ask("csv_stats", Payload::new(content_type, bytes).unwrap())).await);
        assert_eq!(refused.kind, FailureKind::InvalidInput);
        assert!(refused.message.contains("argument table"), "{refused}");
    }
}

#[tokio::test]
async fn a_guest_that_cannot_read_a_content_type_says_what_it_reads() {
    let local = host_of(&["wordcount", "trivial"]).await;
    for (example, content_type, reads) in
        [("wordcount", MESSAGE_PACK, "application/json, text/* and"), ("trivial", JSON, "text/* and")]
    {
        let input = Payload::new(content_type, "[]").unwrap();
        let refused = failure(local.host().call(ask(example, input)).await);
        assert_eq!(refused.kind, FailureKind::InvalidInput);
        let why = format!("this function cannot read {content_type}; it reads {reads} {OCTETS} for its only parameter");
        assert_eq!(refused.message, why);
    }
}

/// In a guest the stack is smaller than in a test: what is nested deeply must be refused before it is used up.
#[tokio::test]
async fn an_input_that_is_nested_deeply_is_refused_by_a_guest_too() {
    let local = host_of(&["csv_stats"]).await;
    let depth = 100_000;
    for (content_type, list) in [(MESSAGE_PACK, 0x91), (CBOR, 0x81)] {
        for first in [vec![list], vec![list + 1, 0xa1, b'x']] {
            let input = Payload::new(content_type, [first, vec![list; depth]].concat()).unwrap();
            let refused = failure(local.host().call(ask("csv_stats", input)).await);
            assert_eq!(refused.kind, FailureKind::InvalidInput, "{content_type}: {refused}");
        }
    }
    let input = Payload::new(JSON, vec![b'['; depth]).unwrap();
    let error = local.host().call(ask("csv_stats", input)).await.unwrap_err();
    assert_eq!(error.class().code, "invalid", "{error}");
}
