//! Numbers at the ends of their ranges, which must come out as they went in.

use au_guest::async_compute;

use super::{Codec, refusal};

#[async_compute]
fn same_u64(number: u64) -> u64 {
    number
}

#[async_compute]
fn same_i64(number: i64) -> i64 {
    number
}

#[async_compute]
fn same_u128(number: u128) -> u128 {
    number
}

#[async_compute]
fn same_i128(number: i128) -> i128 {
    number
}

#[async_compute]
fn same_f64(number: f64) -> f64 {
    number
}

#[async_compute]
fn same_f32(number: f32) -> f32 {
    number
}

#[async_compute]
fn same_u8(number: u8) -> u8 {
    number
}

#[test]
fn whole_numbers_keep_every_bit() {
    for codec in Codec::ALL {
        for number in [0, 1, 0x7f, 0xff, 0xffff, 1 << 53, (1 << 53) + 1, i64::MAX as u64, u64::MAX] {
            assert_eq!(codec.output::<_, u64>("same_u64", &[number]), number, "{codec:?}");
        }
        for number in [i64::MIN, -(1 << 53) - 1, -0x81, -1, 0, i64::MAX] {
            assert_eq!(codec.output::<_, i64>("same_i64", &[number]), number, "{codec:?}");
        }
        for number in [0, u128::from(u64::MAX), u128::from(u64::MAX) + 1, u128::MAX] {
            assert_eq!(codec.output::<_, u128>("same_u128", &[number]), number, "{codec:?}");
        }
        for number in [i128::MIN, i128::from(i64::MIN) - 1, -1, 0, i128::from(u64::MAX) + 1, i128::MAX] {
            assert_eq!(codec.output::<_, i128>("same_i128", &[number]), number, "{codec:?}");
        }
    }
}

#[test]
fn fractions_keep_every_bit() {
    let edges = [
        0.0,
        -0.0,
        0.1,
        1.0 / 3.0,
        f64::MIN_POSITIVE,
        f64::from_bits(1),
        f64::MAX,
        f64::EPSILON,
        -1e308,
        9_007_199_254_740_993.0,
        2.225_073_858_507_201e-308,
        51.244_817_837_264_35,
    ];
    for codec in Codec::ALL {
        for number in edges {
            assert_eq!(
                codec.output::<_, f64>("same_f64", &[number]).to_bits(),
                number.to_bits(),
                "{codec:?} {number:e}"
            );
        }
        for number in [0.1_f32, -0.0, f32::MIN_POSITIVE, f32::from_bits(1), f32::MAX] {
            assert_eq!(
                codec.output::<_, f32>("same_f32", &[number]).to_bits(),
                number.to_bits(),
                "{codec:?} {number:e}"
            );
        }
    }
}

#[test]
fn what_is_no_number_passes_where_there_is_a_way_to_write_it() {
    for codec in [Codec::MessagePack, Codec::Cbor] {
        assert!(codec.output::<_, f64>("same_f64", &[f64::NAN]).is_nan());
        assert_eq!(codec.output::<_, f64>("same_f64", &[f64::NEG_INFINITY]), f64::NEG_INFINITY);
    }
    // JSON has none: serde_json writes `null`, and that is no number.
    assert!(refusal(Codec::Json.call("same_f64", &[f64::NAN])).contains("argument number"));
}

#[test]
fn a_whole_number_does_for_a_fraction_but_not_the_other_way() {
    for codec in Codec::ALL {
        assert_eq!(codec.output::<_, f64>("same_f64", &[3]), 3.0, "{codec:?}");
        assert!(refusal(codec.call("same_u64", &[3.5])).contains("argument number"), "{codec:?}");
        assert!(refusal(codec.call("same_u8", &[256])).contains("argument number"), "{codec:?}");
        assert!(refusal(codec.call("same_u64", &[-1])).contains("argument number"), "{codec:?}");
    }
}
