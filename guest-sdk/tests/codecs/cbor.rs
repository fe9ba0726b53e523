//! CBOR as other encoders write it: the examples of RFC 8949, appendix A, and what they stand for.

use au_guest::{Bytes, async_compute, call};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::refusal;

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
enum Shape {
    Point,
    Circle(f64),
    Line(u8, u8),
    Sheet { width: u64 },
}

#[async_compute]
fn fraction(number: f64) -> f64 {
    number
}

#[async_compute]
fn single(number: f32) -> f32 {
    number
}

#[async_compute]
fn whole(number: i128) -> i128 {
    number
}

#[async_compute]
fn words(text: String) -> String {
    text
}

#[async_compute]
fn blob(bytes: Bytes) -> Vec<u8> {
    bytes.0
}

#[async_compute]
fn numbers(list: Vec<u64>) -> Vec<u64> {
    list
}

#[async_compute]
fn perhaps(value: Option<bool>) -> Option<bool> {
    value
}

#[async_compute]
fn drawn(shape: Shape) -> Shape {
    shape
}

#[async_compute]
fn pair(value: (u8, u8)) -> (u8, u8) {
    value
}

#[async_compute]
fn silent(value: ()) {
    value
}

fn bytes(hex: &str) -> Vec<u8> {
    let digit = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    (0..hex.len()).step_by(2).map(digit).collect()
}

/// Calls with the list of this one item, and reads the answer.
fn answer<T: serde::de::DeserializeOwned>(function: &str, item: &str) -> T {
    let input = [&[0x81], &bytes(item)[..]].concat();
    let output = call(function, "application/cbor", &input).unwrap_or_else(|failure| panic!("{item}: {failure}"));
    cbor4ii::serde::from_slice(&output.bytes).unwrap()
}

fn refused(function: &str, item: &str) -> String {
    refusal(call(function, "application/cbor", &[&[0x81], &bytes(item)[..]].concat()))
}

#[test]
fn a_fraction_may_be_written_in_any_size_and_as_a_whole_number() {
    for (item, number) in [
        ("f90000", 0.0),
        ("f98000", -0.0),
        ("f93c00", 1.0),
        ("f93e00", 1.5),
        ("f97bff", 65504.0),
        ("f90001", 5.960_464_477_539_063e-8),
        ("f90400", 0.000_061_035_156_25),
        ("f9c400", -4.0),
        ("f97c00", f64::INFINITY),
        ("fa47c35000", 100_000.0),
        ("fa7f7fffff", 3.402_823_466_385_288_6e+38),
        ("fb3ff199999999999a", 1.1),
        ("fbc010666666666666", -4.1),
        ("00", 0.0),
        ("1903e8", 1000.0),
        ("3863", -100.0),
    ] {
        assert_eq!(answer::<f64>("fraction", item).to_bits(), number.to_bits(), "{item}");
    }
    assert!(answer::<f64>("fraction", "f97e00").is_nan());
    assert_eq!(answer::<f32>("single", "fb3ff8000000000000"), 1.5);
}

#[test]
fn a_whole_number_may_be_written_in_any_size() {
    for (item, number) in [
        ("17", 23),
        ("1818", 24),
        ("1b000000e8d4a51000", 1_000_000_000_000),
        ("1bffffffffffffffff", u64::MAX.into()),
        ("c249010000000000000000", 18_446_744_073_709_551_616),
        ("c24200ff", 255),
        ("3bffffffffffffffff", -18_446_744_073_709_551_616),
        ("c349010000000000000000", -18_446_744_073_709_551_617),
        ("20", -1),
        ("1900ff", 255),
    ] {
        assert_eq!(answer::<i128>("whole", item), number, "{item}");
    }
    assert!(refused("whole", &format!("c251{}", "ff".repeat(17))).contains("128 bits"));
    assert!(refused("whole", &format!("c350{}", "ff".repeat(16))).contains("128 bits"));
}

#[test]
fn a_length_may_be_open() {
    assert_eq!(answer::<String>("words", "7f657374726561646d696e67ff"), "streaming");
    assert_eq!(answer::<Vec<u8>>("blob", "5f42010243030405ff"), [1, 2, 3, 4, 5]);
    assert_eq!(answer::<Vec<u64>>("numbers", "9f0102ff"), [1, 2]);
    assert_eq!(answer::<Vec<u64>>("numbers", "9fff"), [0_u64; 0]);
    let output = call("words", "application/cbor", &bytes("bf6474657874616cff")).unwrap();
    assert_eq!(output.bytes, b"\x61l");
}

#[test]
fn tags_are_passed_over() {
    assert_eq!(answer::<String>("words", "c074323031332d30332d32315432303a30343a30305a"), "2013-03-21T20:04:00Z");
    assert_eq!(answer::<Vec<u64>>("numbers", "d9d9f7820102"), [1, 2]);
}

#[test]
fn null_and_undefined_are_none() {
    for (item, value) in [("f6", None), ("f7", None), ("f5", Some(true)), ("f4", Some(false))] {
        assert_eq!(answer::<Option<bool>>("perhaps", item), value, "{item}");
    }
    for item in ["f6", "f7", "80"] {
        let output = call("silent", "application/cbor", &[&[0x81], &bytes(item)[..]].concat()).unwrap();
        assert_eq!(output.bytes, [0xf6], "nothing is null");
    }
}

#[test]
fn a_variant_is_its_name_or_a_map_of_its_name() {
    for (item, shape) in [
        ("65506f696e74", Shape::Point),
        ("a16643697263 6c65f93e00", Shape::Circle(1.5)),
        ("bf66436972636c6502ff", Shape::Circle(2.0)),
        ("a1644c696e65820102", Shape::Line(1, 2)),
        ("a165536865 6574a165776964746807", Shape::Sheet { width: 7 }),
        ("a165506f696e74f6", Shape::Point),
    ] {
        assert_eq!(answer::<Shape>("drawn", &item.replace(' ', "")), shape, "{item}");
    }
    assert!(refused("drawn", "6353717 5".replace(' ', "").as_str()).contains("Squ"));
    for wrong in ["a0", "a265506f696e74f66143f6", "01", "81f6"] {
        refused("drawn", wrong);
    }
}

#[test]
fn a_list_must_have_as_many_items_as_are_asked_for() {
    assert_eq!(answer::<(u8, u8)>("pair", "820102"), (1, 2));
    for wrong in ["8101", "83010203", "9f010203ff", "80"] {
        refused("pair", wrong);
    }
}

#[test]
fn a_mismatch_is_told_in_plain_words() {
    assert_eq!(refused("fraction", "6161"), "argument number: expected f64");
    assert_eq!(refused("numbers", "8120"), "argument list: expected u64");
    assert_eq!(refused("words", "61ff"), "argument text: invalid utf-8 sequence of 1 bytes from index 0");
}

#[test]
fn what_is_no_cbor_is_refused() {
    for wrong in
        ["1c", "1f", "3f", "df", "fc", "f8", "f0", "ff", "5f61", "5f6161ff", "7f4161ff", "5f5f4101ffff", "9f", "c2"]
    {
        refused("numbers", wrong);
        refused("blob", wrong);
        refused("perhaps", wrong);
    }
}
