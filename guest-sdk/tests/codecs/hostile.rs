//! Payloads that mean harm: each is refused, and none takes the program or its memory along.

use au_guest::{Bytes, Failure, async_compute, call};
use proptest::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Codec, refusal};

const DEPTH: usize = 100_000;

/// Nested as deeply as the input is.
#[derive(Serialize, Deserialize, JsonSchema)]
struct Nest(Vec<Nest>);

#[async_compute]
fn levels(nest: Nest) -> usize {
    1 + nest.0.into_iter().map(levels).max().unwrap_or(0)
}

#[async_compute]
fn size(bytes: Bytes) -> usize {
    bytes.0.len()
}

#[async_compute]
fn total(numbers: Vec<u64>, texts: Vec<String>) -> usize {
    numbers.len() + texts.len()
}

/// A list of one list of one list … of none.
fn deep(codec: Codec, depth: usize) -> Vec<u8> {
    match codec {
        Codec::Json => [vec![b'['; depth], vec![b']'; depth]].concat(),
        Codec::MessagePack => [vec![0x91; depth - 1], vec![0x90]].concat(),
        Codec::Cbor => [vec![0x81; depth - 1], vec![0x80]].concat(),
    }
}

#[test]
fn what_is_nested_as_programs_nest_is_read() {
    for codec in Codec::ALL {
        let output = call("levels", codec.content_type(), &deep(codec, 120)).unwrap();
        assert_eq!(codec.read::<usize>(&output.bytes), 119, "{codec:?}");
    }
}

#[test]
fn what_is_nested_too_deeply_is_refused() {
    for codec in Codec::ALL {
        for depth in [130, DEPTH] {
            for function in ["levels", "total"] {
                refusal(call(function, codec.content_type(), &deep(codec, depth)));
            }
        }
        // As an argument too many, which is skipped.
        let head: &[u8] = match codec {
            Codec::Json => b"[1,",
            Codec::MessagePack => &[0x92, 0x01],
            Codec::Cbor => &[0x82, 0x01],
        };
        let surplus = [head, &deep(codec, DEPTH)[1..]].concat();
        refusal(call("size", codec.content_type(), &surplus));
    }
}

#[test]
fn a_length_that_is_a_lie_is_refused_and_takes_no_memory() {
    let all_there_could_be = [0xff; 8];
    let mut lies: Vec<(Codec, Vec<u8>)> = Vec::new();
    for head in [0xc6, 0xdb, 0xdd, 0xdf] {
        lies.push((Codec::MessagePack, [&[0x91, head], &all_there_could_be[..4]].concat()));
        lies.push((Codec::MessagePack, [&[head], &all_there_could_be[..4]].concat()));
    }
    for head in [0x5b, 0x7b, 0x9b, 0xbb] {
        lies.push((Codec::Cbor, [&[0x81, head], &all_there_could_be[..]].concat()));
        lies.push((Codec::Cbor, [&[head], &all_there_could_be[..]].concat()));
    }
    for (codec, lie) in lies {
        for function in ["size", "total"] {
            refusal(call(function, codec.content_type(), &lie));
        }
    }
}

#[test]
fn what_follows_the_arguments_is_refused() {
    for codec in Codec::ALL {
        let mut input = codec.write(&[Bytes(vec![1])]);
        call("size", codec.content_type(), &input).unwrap();
        input.push(b'0');
        refusal(call("size", codec.content_type(), &input));
    }
}

#[test]
fn an_input_that_is_cut_short_is_refused_wherever_it_is_cut() {
    for codec in Codec::ALL {
        let input = codec.write(&(vec![1, 70_000, u64::MAX], vec!["some", "texts"]));
        for end in 0..input.len() {
            refusal(call("total", codec.content_type(), &input[..end]));
        }
    }
}

proptest! {
    #[test]
    fn no_bytes_at_all_bring_a_function_down(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let others = ["text/plain", "application/octet-stream"];
        for content_type in Codec::ALL.map(Codec::content_type).into_iter().chain(others) {
            for function in ["levels", "size", "total"] {
                let result = call(function, content_type, &bytes);
                prop_assert!(matches!(result, Ok(_) | Err(Failure::InvalidInput(_))), "{content_type}: {result:?}");
            }
        }
    }
}
